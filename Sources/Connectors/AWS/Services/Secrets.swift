internal import Extraction
internal import JSONReader
internal import Model

// Names and policies of secrets and parameters: never their values.

extension AWSService {
  /// Source: Secrets Manager User Guide, "Quotas": ListSecrets 100 a second.
  static let secretsManager = AWSService(
    "secretsmanager", .json(target: "secretsmanager"), perSecond: 20,
    pages: "secretsmanager/latest/apireference/API_")
  static let ssm = AWSService(
    "ssm", .json(target: "AmazonSSM"), perSecond: 3,
    pages: "systems-manager/latest/APIReference/API_")
}

extension AWSOperation {
  static let listSecrets = AWSOperation(
    .secretsManager, "ListSecrets", paging: Paging("NextToken", limit: ("MaxResults", 100)))
  /// Source: as above, resource policies 50 a second together.
  static let getSecretPolicy = AWSOperation(
    .secretsManager, "GetResourcePolicy", rate: Rate(perSecond: 20))
  static let describeParameters = AWSOperation(
    .ssm, "DescribeParameters", paging: Paging("NextToken", limit: ("MaxResults", 50)))
  static let listDocuments = AWSOperation(
    .ssm, "ListDocuments", fixed: ["Filters": [["Key": "Owner", "Values": ["Self"]]]],
    paging: Paging("NextToken", limit: ("MaxResults", 50)))
  static let describeDocumentPermission = AWSOperation(
    .ssm, "DescribeDocumentPermission", fixed: ["PermissionType": "Share"],
    paging: Paging("NextToken", limit: ("MaxResults", 200)))
}

extension AWSUnit {
  private static func document(_ name: AWSValue) -> AWSValue {
    .joined(["arn:aws:ssm:", .region, ":", .account, ":document/", name])
  }

  static let secrets: [AWSUnit] =
    [
      .tree(
        AWSListing(
          .listSecrets, items: ["SecretList"],
          [AWSKind("aws.secretsmanager.secret", key: .item("ARN"), AWSNormalizer.secret)],
          each: [
            AWSListing(
              .getSecretPolicy, ["SecretId": .item("ARN")],
              [
                AWSKind(
                  "aws.secretsmanager.policy", key: .item("ARN"),
                  AWSNormalizer.resourcePolicy(
                    "aws.secretsmanager.policy", of: "ARN", "ResourcePolicy"))
              ])
          ])),
      .tree(
        AWSListing(
          .describeParameters, items: ["Parameters"],
          [
            AWSKind(
              "aws.ssm.parameter",
              key: .joined([
                "arn:aws:ssm:", .region, ":", .account, ":parameter", .rooted(.item("Name")),
              ]),
              members: [("Region", .region), ("Parameter", .at(0, []))],
              redaction: Redaction(
                "allowed patterns: dropped", removed: ["Parameter.AllowedPattern"]),
              AWSNormalizer.parameter)
          ])),
      .tree(
        AWSListing(
          .listDocuments, items: ["DocumentIdentifiers"],
          [
            AWSKind(
              "aws.ssm.document", key: document(.item("Name")),
              members: [("Region", .region), ("Document", .at(0, []))], AWSNormalizer.document)
          ],
          each: [
            AWSListing(
              .describeDocumentPermission, ["Name": .item("Name")], items: ["AccountIds"],
              isOmittedWhenEmpty: true, absent: ["InvalidDocument"],
              [
                AWSKind(
                  "aws.ssm.documentShare",
                  key: .joined([document(.parent("Name")), "#share/", .item()]),
                  members: [
                    ("Region", .region), ("Name", .parent("Name")), ("Account", .item()),
                  ], AWSNormalizer.documentShare)
              ])
          ])),
    ] + systemsManager
}

extension AWSNormalizer {
  static func secret(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .system, "aws.secretsmanager.secret", arn: "ARN", name: root.name("Name"),
      [
        "key": root.json("KmsKeyId"), "rotation": root.flag("RotationEnabled"),
        "owningService": root.json("OwningService"), "created": root.time("CreatedDate"),
        "changed": root.time("LastChangedDate"), "tags": root.anyTags("Tags"),
      ])
    if let day = try root.day("LastAccessedDate") {
      assertions.nodes[0].observed["lastUsed"] = day
    }
    assertions.link(.triggers, id, try root.text("RotationLambdaARN").map(unqualified), "rotation")
    assertions.link(.runsAs, id, try root.text("ExternalSecretRotationRoleArn"), "rotation")
    return assertions
  }

  static func parameter(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let parameter = try record.root.value(at: "Parameter")
    let name = try parameter.name("Name")
    let path = name.hasPrefix("/") ? name : "/" + name
    return try record.thing(
      .system, "aws.ssm.parameter",
      id: record.local("ssm", record.root.name("Region"), "parameter\(path)"), name: name,
      [
        "type": parameter.json("Type"), "key": parameter.json("KeyId"),
        "tier": parameter.json("Tier"), "modified": parameter.time("LastModifiedDate"),
      ]
    ).assertions
  }

  static func document(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let document = try record.root.value(at: "Document")
    let name = try document.name("Name")
    let id = record.local("ssm", try record.root.name("Region"), "document/\(name)")
    return try record.thing(
      .automation, "aws.ssm.document", id: id, name: name,
      [
        "type": document.json("DocumentType"), "created": document.time("CreatedDate"),
        "tags": document.anyTags("Tags"),
      ]
    ).assertions
  }

  /// Another account, or everyone, may read and run it.
  static func documentShare(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let document = record.local("ssm", try root.name("Region"), "document/\(try root.name("Name"))")
    let account = try root.name("Account")
    let id = "\(document)#share/\(account)"
    try record.check(id)
    let isPublic = account == "all"
    var assertions = Assertions(nodes: [
      Node(id: id, kind: .grant, type: "aws.ssm.documentShare", name: "shared with \(account)")
    ])
    assertions.link(.hasGrant, isPublic ? anyoneNodeID : "aws:account:\(account)", id)
    assertions.link(.within, id, document)
    if isPublic { assertions.link(.triggers, anyoneNodeID, document, "shared") }
    return assertions
  }
}
