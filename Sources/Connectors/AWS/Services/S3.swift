internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// The list of all buckets is asked in one place.
  static let s3 = AWSService(
    "s3", .restXML, reach: .global(host: "s3.us-east-1.amazonaws.com"), perSecond: 10,
    pages: "AmazonS3/latest/API/API_")
  /// What is asked about a bucket is asked where it is.
  static let s3Bucket = AWSService(
    "s3", .restXML, perSecond: 20, pages: "AmazonS3/latest/API/API_")
  static let s3Control = AWSService(
    "s3control", .restXML, prefix: "{AccountId}.s3-control", signingName: "s3", perSecond: 10,
    pages: "AmazonS3/latest/API/API_control_")
}

extension AWSService {
  /// What holds for the account is asked in one place.
  static let s3Account = AWSService(
    "s3control", .restXML,
    reach: .global(host: "{AccountId}.s3-control.us-east-1.amazonaws.com"), signingName: "s3",
    pages: "AmazonS3/latest/API/API_control_")
}

extension AWSOperation {
  static let listBuckets = AWSOperation(
    .s3, "ListBuckets", get: "/",
    paging: Paging(
      "continuation-token", output: ["ContinuationToken"], limit: ("max-buckets", 1000)),
    action: "s3:ListAllMyBuckets")
  static let getBucketPolicy = bucket("GetBucketPolicy", "policy", textMember: "Policy")
  static let getBucketPublicAccessBlock = bucket(
    "GetPublicAccessBlock", "publicAccessBlock", action: "s3:GetBucketPublicAccessBlock")
  static let getBucketACL = bucket("GetBucketAcl", "acl")
  static let getBucketEncryption = bucket(
    "GetBucketEncryption", "encryption", action: "s3:GetEncryptionConfiguration")
  static let getBucketLogging = bucket("GetBucketLogging", "logging")
  static let getBucketNotification = bucket(
    "GetBucketNotificationConfiguration", "notification", action: "s3:GetBucketNotification")
  static let getBucketWebsite = bucket("GetBucketWebsite", "website")
  static let getBucketOwnership = bucket("GetBucketOwnershipControls", "ownershipControls")
  static let getBucketReplication = bucket(
    "GetBucketReplication", "replication", action: "s3:GetReplicationConfiguration")

  private static let control = ["x-amz-account-id": "AccountId"]
  static let getAccountPublicAccessBlock = AWSOperation(
    .s3Account, "GetPublicAccessBlock", get: "/v20180820/configuration/publicAccessBlock",
    headers: control, action: "s3:GetAccountPublicAccessBlock")
  static let listAccessPoints = AWSOperation(
    .s3Control, "ListAccessPoints", get: "/v20180820/accesspoint", headers: control,
    paging: Paging("nextToken", output: ["NextToken"], limit: ("maxResults", 1000)))
  static let getAccessPointPolicy = AWSOperation(
    .s3Control, "GetAccessPointPolicy", get: "/v20180820/accesspoint/{name}/policy",
    headers: control)

  private static func bucket(
    _ name: String, _ part: String, action: String? = nil, textMember: String? = nil
  ) -> AWSOperation {
    AWSOperation(
      .s3Bucket, name, get: "/{Bucket}", fixed: [part: ""], action: action, textMember: textMember)
  }
}

extension AWSUnit {
  private static let bucketKey = AWSValue.joined(["arn:aws:s3:::", .parent("Name")])

  /// One setting of each bucket: asked where the bucket is, kept beside its name.
  private static func setting(
    _ operation: AWSOperation, _ name: String, value: [String] = [], absent: Set<String> = [],
    _ normalize: @escaping AWSNormalizer.Kind
  ) -> AWSListing {
    AWSListing(
      operation, ["Bucket": .item("Name")], in: .item("BucketRegion"), absent: absent,
      [
        AWSKind(
          name, key: bucketKey,
          members: [
            ("Bucket", .parent("Name")), ("Region", .parent("BucketRegion")),
            ("Value", .at(0, value)),
          ], normalize)
      ])
  }

  static let s3: [AWSUnit] = [
    .tree(
      AWSListing(
        .listBuckets, items: ["Buckets", "Bucket"],
        [
          AWSKind(
            "aws.s3.bucket", key: .joined(["arn:aws:s3:::", .item("Name")]), AWSNormalizer.bucket)
        ],
        each: [
          setting(
            .getBucketPolicy, "aws.s3.bucketPolicy", value: ["Policy"], AWSNormalizer.bucketPolicy),
          setting(
            .getBucketPublicAccessBlock, "aws.s3.bucketPublicAccessBlock",
            AWSNormalizer.bucketSetting("aws.s3.publicAccessBlock", "publicAccessBlock")),
          setting(.getBucketACL, "aws.s3.bucketAcl", AWSNormalizer.bucketACL),
          setting(
            .getBucketEncryption, "aws.s3.bucketEncryption",
            absent: ["ServerSideEncryptionConfigurationNotFoundError"],
            AWSNormalizer.bucketSetting("aws.s3.encryption", "encryption")),
          setting(
            .getBucketLogging, "aws.s3.bucketLogging",
            AWSNormalizer.bucketSetting("aws.s3.logging", "logging")),
          setting(
            .getBucketNotification, "aws.s3.bucketNotification", AWSNormalizer.bucketNotification),
          setting(
            .getBucketWebsite, "aws.s3.bucketWebsite",
            AWSNormalizer.bucketSetting("aws.s3.website", "website")),
          setting(
            .getBucketOwnership, "aws.s3.bucketOwnership",
            AWSNormalizer.bucketSetting("aws.s3.ownership", "ownership")),
          setting(
            .getBucketReplication, "aws.s3.bucketReplication", AWSNormalizer.bucketReplication),
        ])),
    .tree(
      AWSListing(
        .getAccountPublicAccessBlock, ["AccountId": .account],
        absent: ["NoSuchPublicAccessBlockConfiguration"],
        [
          AWSKind(
            "aws.s3.accountPublicAccessBlock", key: .joined(["aws:account:", .account]),
            members: [("Account", .account), ("Value", .at(0, []))],
            AWSNormalizer.accountPublicAccessBlock)
        ])),
    .tree(
      AWSListing(
        .listAccessPoints, ["AccountId": .account], items: ["AccessPointList", "AccessPoint"],
        isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.s3.accessPoint", key: .item("AccessPointArn"), AWSNormalizer.accessPoint)
        ],
        each: [
          AWSListing(
            .getAccessPointPolicy, ["AccountId": .account, "name": .item("Name")],
            [
              AWSKind(
                "aws.s3.accessPointPolicy", key: .parent("AccessPointArn"),
                members: [("Arn", .parent("AccessPointArn")), ("Policy", .item("Policy"))],
                AWSNormalizer.resourcePolicy("aws.s3.accessPointPolicy", of: "Arn", "Policy"))
            ])
        ])),
  ]
}

extension AWSNormalizer {
  private static func bucketARN(_ record: AWSRecord) throws(JSONError) -> String {
    let id = "arn:aws:s3:::\(try record.root.name("Bucket"))"
    try record.check(id)
    return id
  }

  static func bucket(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let name = try root.name("Name")
    return try record.thing(
      .system, "aws.s3.bucket", id: "arn:aws:s3:::\(name)", name: name,
      ["region": root.json("BucketRegion"), "created": root.time("CreationDate")]
    ).assertions
  }

  static func bucketPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let id = try bucketARN(record)
    var assertions = Assertions()
    try assertions.govern(id, "aws.s3.bucketPolicy", record.root, "Value")
    return assertions
  }

  /// A setting as it is: a node of its own within the bucket's, so that its record owns it.
  static func bucketSetting(_ type: String, _ suffix: String) -> Kind {
    { record throws(JSONError) in
      let id = try bucketARN(record)
      guard let value = try record.root.optionalValue(at: "Value"), value.kind == .object else {
        return Assertions()
      }
      let node = Node(
        id: "\(id)#\(suffix)", kind: .resourceSet, type: type,
        name: "\(suffix) of \(try record.root.name("Bucket"))",
        state: ["settings": JSON(value).ordered])
      var assertions = Assertions(nodes: [node])
      assertions.link(.contains, id, node.id)
      return assertions
    }
  }

  /// Grants to everyone, or to everyone with an AWS account, are what an access list can do wrong.
  static func bucketACL(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let id = try bucketARN(record)
    var grants: Set<String> = []
    let list = try record.root.inner("Value")?.inner("AccessControlList")
    for grant in try list?.list("Grant") ?? [] {
      let grantee = try grant.value(at: "Grantee")
      let (group, user) = (try grantee.text("URI"), try grantee.text("ID"))
      let who = group ?? user ?? "unknown"
      grants.insert("\(try grant.name("Permission")) \(who)")
    }
    let node = Node(
      id: "\(id)#acl", kind: .grant, type: "aws.s3.acl",
      name: "access list of \(try record.root.name("Bucket"))",
      state: ["grants": .set(Array(grants))])
    var assertions = Assertions(nodes: [node])
    assertions.link(.within, node.id, id)
    if grants.contains(where: { $0.hasSuffix("/global/AllUsers") }) {
      assertions.link(.hasGrant, anyoneNodeID, node.id)
    }
    return assertions
  }

  static func bucketNotification(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let id = try bucketARN(record)
    var assertions = Assertions()
    let value = try record.root.inner("Value")
    let targets = [
      ("CloudFunctionConfiguration", "CloudFunction"), ("QueueConfiguration", "Queue"),
      ("TopicConfiguration", "Topic"),
    ]
    for (list, field) in targets {
      for entry in try value?.list(list) ?? [] {
        let target = unqualified(try entry.name(field))
        let name = try entry.text("Id") ?? target
        assertions.link(
          .triggers, id, target, name, ["events": .set(Array(Set(try entry.texts("Event"))))])
      }
    }
    if try value?.optionalValue(at: "EventBridgeConfiguration") != nil {
      let region = try record.root.text("Region") ?? AWSService.defaultRegion
      assertions.link(
        .triggers, id, record.local("events", region, "event-bus/default"), "eventbridge")
    }
    return assertions
  }

  /// Copies objects elsewhere, also to another account's bucket, as a role of its own.
  static func bucketReplication(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let bucket = try bucketARN(record)
    let id = "\(bucket)#replication"
    let value = try record.root.value(at: "Value")
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .automation, type: "aws.s3.replication",
        name: "replication of \(try record.root.name("Bucket"))",
        state: ["account": .string(record.scope.account)])
    ])
    assertions.link(.triggers, bucket, id)
    assertions.link(.runsAs, id, try value.text("Role"))
    for rule in try value.list("Rule") {
      let destination = try rule.value(at: "Destination")
      let target = try destination.name("Bucket")
      let name = try rule.text("ID")
      assertions.link(
        .invokes, id, target, name ?? target,
        [
          "account": try destination.json("Account"),
          "enabled": .bool(try rule.text("Status") == "Enabled"),
        ])
    }
    return assertions
  }

  /// Limits every bucket of the account.
  static func accountPublicAccessBlock(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let account = "aws:account:\(try record.root.name("Account"))"
    try record.check(account)
    let node = Node(
      id: "\(account)#publicAccessBlock", kind: .resourceSet, type: "aws.s3.publicAccessBlock",
      name: "public access block of the account",
      state: ["settings": JSON(try record.root.value(at: "Value")).ordered])
    var assertions = Assertions(nodes: [node])
    assertions.link(.contains, account, node.id)
    return assertions
  }

  static func accessPoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .system, "aws.s3.accessPoint", arn: "AccessPointArn", name: root.name("Name"),
      [
        "networkOrigin": root.json("NetworkOrigin"), "alias": root.json("Alias"),
        "vpc": root.inner("VpcConfiguration")?.json("VpcId"),
      ])
    assertions.link(.targets, id, "arn:aws:s3:::\(try root.name("Bucket"))")
    return assertions
  }
}
