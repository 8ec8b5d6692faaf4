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
    .ssm, "DescribeDocumentPermission", fixed: ["PermissionType": "Share"])
}

extension AWSUnit {
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
          each: [
            AWSListing(
              .describeDocumentPermission, ["Name": .item("Name")], absent: ["InvalidDocument"],
              [
                AWSKind(
                  "aws.ssm.document",
                  key: .joined([
                    "arn:aws:ssm:", .region, ":", .account, ":document/", .parent("Name"),
                  ]),
                  members: [
                    ("Region", .region), ("Document", .parent()),
                    ("AccountIds", .item("AccountIds")),
                  ], AWSNormalizer.document)
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
        "tags": root.anyTags("Tags"),
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
    let accounts = try record.root.texts("AccountIds")
    var assertions = try record.thing(
      .automation, "aws.ssm.document", id: id, name: name,
      [
        "type": document.json("DocumentType"), "created": document.time("CreatedDate"),
        "sharedWith": accounts.isEmpty ? nil : .set(accounts), "tags": document.anyTags("Tags"),
      ]
    ).assertions
    if accounts.contains("all") { assertions.link(.triggers, anyoneNodeID, id, "shared") }
    return assertions
  }
}
