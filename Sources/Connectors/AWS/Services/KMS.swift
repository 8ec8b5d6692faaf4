internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// Source: KMS Developer Guide, "Request quotas": lists 100 to 500 a second, GetKeyPolicy 1,000.
  static let kms = AWSService(
    "kms", .json(target: "TrentService"), perSecond: 15, pages: "kms/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging(
    "Marker", output: ["NextMarker"], more: "Truncated", limit: ("Limit", 100))

  static let listKeys = AWSOperation(.kms, "ListKeys", paging: pages)
  static let describeKey = AWSOperation(.kms, "DescribeKey")
  static let getKeyPolicy = AWSOperation(.kms, "GetKeyPolicy", fixed: ["PolicyName": "default"])
  static let listGrants = AWSOperation(.kms, "ListGrants", paging: pages)
  static let listKeyAliases = AWSOperation(.kms, "ListAliases", paging: pages)
}

extension AWSUnit {
  /// Off until a connection names them.
  static let kms: [AWSUnit] = [
    .tree(
      AWSListing(
        .listKeys, items: ["Keys"],
        each: [
          AWSListing(
            .describeKey, ["KeyId": .item("KeyArn")], items: ["KeyMetadata"],
            [AWSKind("aws.kms.key", key: .item("Arn"), isRoadmap: true, AWSNormalizer.key)]),
          AWSListing(
            .getKeyPolicy, ["KeyId": .item("KeyArn")],
            [
              AWSKind(
                "aws.kms.policy", key: .parent("KeyArn"),
                members: [("Arn", .parent("KeyArn")), ("Policy", .item("Policy"))],
                isRoadmap: true,
                AWSNormalizer.resourcePolicy("aws.kms.policy", of: "Arn", "Policy"))
            ]),
          AWSListing(
            .listGrants, ["KeyId": .item("KeyArn")], items: ["Grants"],
            [
              AWSKind(
                "aws.kms.grant", key: .joined([.parent("KeyArn"), "#grant/", .item("GrantId")]),
                members: [("KeyArn", .parent("KeyArn")), ("Grant", .at(0, []))],
                redaction: Redaction(
                  "encryption contexts: replaced by their shape",
                  shapes: [
                    "Grant.Constraints.EncryptionContextSubset",
                    "Grant.Constraints.EncryptionContextEquals",
                  ]), isRoadmap: true, AWSNormalizer.keyGrant)
            ]),
        ])),
    .tree(
      AWSListing(
        .listKeyAliases, items: ["Aliases"],
        [AWSKind("aws.kms.alias", key: .item("AliasArn"), isRoadmap: true, AWSNormalizer.keyAlias)]
      )),
  ]
}

extension AWSNormalizer {
  static func key(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.kms.key", arn: "Arn",
      [
        "status": root.json("KeyState"), "manager": root.json("KeyManager"),
        "usage": root.json("KeyUsage"), "origin": root.json("Origin"),
        "multiRegion": root.flag("MultiRegion"), "created": root.time("CreationDate"),
      ]
    ).assertions
  }

  static func keyGrant(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let grant = try record.root.value(at: "Grant")
    let key = try record.root.name("KeyArn")
    let grantID = try grant.name("GrantId")
    let id = "\(key)#grant/\(grantID)"
    try record.check(id)
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .grant, type: "aws.kms.grant",
        name: try grant.text("Name") ?? grantID,
        state: .present([
          "operations": try grant.set("Operations"), "created": try grant.time("CreationDate"),
          "constraints": try grant.inner("Constraints").map { JSON($0).ordered },
          "issuer": try grant.json("IssuingAccount"),
          "service": try grant.json("GranteeServicePrincipal"),
        ]))
    ])
    assertions.link(.hasGrant, try grant.text("GranteePrincipal"), id)
    assertions.link(.hasGrant, try grant.text("RetiringPrincipal"), id, "retiring")
    assertions.link(.within, id, key)
    return assertions
  }

  static func keyAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (id, parts) = try record.arn("AliasArn")
    var assertions = try record.thing(
      .resourceSet, "aws.kms.alias", arn: "AliasArn", name: root.name("AliasName")
    ).assertions
    if let key = try root.text("TargetKeyId") {
      assertions.link(.contains, id, record.local("kms", parts.region, "key/\(key)"))
    }
    return assertions
  }
}
