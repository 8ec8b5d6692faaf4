internal import Extraction
internal import JSONReader
internal import Model

// DynamoDB, and the identities of RDS and Redshift.

extension AWSService {
  static let dynamoDB = AWSService(
    "dynamodb", .json(target: "DynamoDB_20120810", version: "1.0"), perSecond: 10,
    pages: "amazondynamodb/latest/APIReference/API_")
  static let rds = AWSService(
    "rds", .query, version: "2014-10-31", pages: "AmazonRDS/latest/APIReference/API_")
  static let redshift = AWSService(
    "redshift", .query, version: "2012-12-01", pages: "redshift/latest/APIReference/API_")
}

extension AWSOperation {
  static let listTables = AWSOperation(
    .dynamoDB, "ListTables",
    paging: Paging(
      "ExclusiveStartTableName", output: ["LastEvaluatedTableName"], limit: ("Limit", 100)))
  static let describeTable = AWSOperation(.dynamoDB, "DescribeTable")
  static let getTablePolicy = AWSOperation(.dynamoDB, "GetResourcePolicy")
  private static let pages = Paging("Marker", limit: ("MaxRecords", 100))
  static let describeDBInstances = AWSOperation(.rds, "DescribeDBInstances", paging: pages)
  static let describeDBClusters = AWSOperation(.rds, "DescribeDBClusters", paging: pages)
  static let describeRedshiftClusters = AWSOperation(.redshift, "DescribeClusters", paging: pages)
}

extension AWSUnit {
  private static let table = AWSValue.joined([
    "arn:aws:dynamodb:", .region, ":", .account, ":table/", .item(),
  ])

  static let databases: [AWSUnit] = [
    .tree(
      AWSListing(
        .listTables, items: ["TableNames"],
        each: [
          AWSListing(
            .describeTable, ["TableName": .item()],
            [
              AWSKind(
                "aws.dynamodb.table", key: .item("Table", "TableArn"),
                redaction: Redaction(
                  "counters: dropped",
                  removed: ["Table.ItemCount", "Table.TableSizeBytes"]), AWSNormalizer.table)
            ],
            each: [
              AWSListing(
                .getTablePolicy, ["ResourceArn": .item("Table", "LatestStreamArn")],
                needs: .item("Table", "LatestStreamArn"),
                [
                  AWSKind(
                    "aws.dynamodb.streamPolicy", key: .parent("Table", "LatestStreamArn"),
                    members: [
                      ("StreamArn", .parent("Table", "LatestStreamArn")),
                      ("Policy", .item("Policy")),
                    ],
                    AWSNormalizer.resourcePolicy(
                      "aws.dynamodb.streamPolicy", of: "StreamArn", "Policy"))
                ])
            ]),
          AWSListing(
            .getTablePolicy, ["ResourceArn": table],
            [
              AWSKind(
                "aws.dynamodb.policy",
                key: .joined([
                  "arn:aws:dynamodb:", .region, ":", .account, ":table/", .parent(),
                ]),
                members: [
                  (
                    "TableArn",
                    .joined(["arn:aws:dynamodb:", .region, ":", .account, ":table/", .parent()])
                  ), ("Policy", .item("Policy")),
                ], AWSNormalizer.resourcePolicy("aws.dynamodb.policy", of: "TableArn", "Policy"))
            ]),
        ])),
    .tree(
      AWSListing(
        .describeDBInstances, items: ["DBInstances"],
        [
          AWSKind(
            "aws.rds.instance", key: .item("DBInstanceArn"),
            AWSNormalizer.database("aws.rds.instance", arn: "DBInstanceArn"))
        ])),
    .tree(
      AWSListing(
        .describeDBClusters, items: ["DBClusters"],
        [
          AWSKind(
            "aws.rds.cluster", key: .item("DBClusterArn"),
            AWSNormalizer.database("aws.rds.cluster", arn: "DBClusterArn"))
        ])),
    .tree(
      AWSListing(
        .describeRedshiftClusters, items: ["Clusters"],
        [
          AWSKind(
            "aws.redshift.cluster",
            key: .joined([
              "arn:aws:redshift:", .region, ":", .account, ":cluster:", .item("ClusterIdentifier"),
            ]), members: [("Region", .region), ("Cluster", .at(0, []))],
            redaction: Redaction(
              "pending changes, which may hold a password: dropped",
              removed: ["Cluster.PendingModifiedValues"]), AWSNormalizer.redshiftCluster)
        ])),
  ]
}

extension AWSNormalizer {
  static func table(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let table = try record.root.value(at: "Table")
    let id = try record.identifier(table.value(at: "TableArn"))
    return try record.thing(
      .system, "aws.dynamodb.table", id: id, name: table.name("TableName"),
      [
        "status": table.json("TableStatus"), "created": table.time("CreationDateTime"),
        "stream": table.json("LatestStreamArn"),
        "streamView": table.inner("StreamSpecification")?.json("StreamViewType"),
        "replicas": table.set("Replicas", "RegionName"),
        "key": table.inner("SSEDescription")?.json("KMSMasterKeyArn"),
        "deletionProtection": table.flag("DeletionProtectionEnabled"),
      ]
    ).assertions
  }

  /// A database that may act as roles. How a list of one role stands in XML differs.
  static func database(_ type: String, arn field: String) -> Kind {
    { record throws(JSONError) in
      let root = record.root
      let secret = try root.inner("MasterUserSecret")?.text("SecretArn")
      var (id, assertions) = try record.thing(
        .system, type, arn: field,
        [
          "engine": root.json("Engine"), "encrypted": root.flag("StorageEncrypted"),
          "publiclyAccessible": root.flag("PubliclyAccessible"), "key": root.json("KmsKeyId"),
          "iamAuthentication": root.flag("IAMDatabaseAuthenticationEnabled"),
          "dataAPI": root.flag("HttpEndpointEnabled"),
          "tags": root.rows("TagList").flatMap(tagList),
        ])
      for role in try root.rows("AssociatedRoles") ?? [] {
        assertions.link(
          .runsAs, id, try role.text("RoleArn"), try role.text("FeatureName") ?? "")
      }
      assertions.link(.stores, id, secret)
      return assertions
    }
  }

  private static func tagList(_ tags: [JSONView]) -> JSON? {
    var texts: [String: String] = [:]
    for tag in tags { if let key = tag["Key"]?.string { texts[key] = tag["Value"]?.string ?? "" } }
    return texts.isEmpty ? nil : .texts(texts)
  }

  static func redshiftCluster(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let cluster = try record.root.value(at: "Cluster")
    let name = try cluster.name("ClusterIdentifier")
    let id = record.local("redshift", try record.root.name("Region"), "cluster:\(name)")
    var assertions = try record.thing(
      .system, "aws.redshift.cluster", id: id, name: name,
      [
        "encrypted": cluster.flag("Encrypted"), "key": cluster.json("KmsKeyId"),
        "publiclyAccessible": cluster.flag("PubliclyAccessible"),
        "created": cluster.time("ClusterCreateTime"),
      ]
    ).assertions
    for role in try cluster.rows("IamRoles") ?? [] {
      assertions.link(.runsAs, id, try role.text("IamRoleArn"))
    }
    assertions.link(.stores, id, try cluster.text("MasterPasswordSecretArn"))
    return assertions
  }
}

extension JSONView {
  /// A list whose elements RDS and Redshift name after their type: `{"Tag": [...]}`; `nil` where it
  /// is absent.
  fileprivate func rows(_ field: String) throws(JSONError) -> [JSONView]? {
    guard let view = try optionalValue(at: field) else { return nil }
    if let elements = view.elements { return Array(elements) }
    guard let only = view.members.map(Array.init)?.first?.value else { return [] }
    return only.elements.map(Array.init) ?? [only]
  }
}
