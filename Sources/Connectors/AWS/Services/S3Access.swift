internal import Extraction
internal import JSONReader
internal import Model

// Ways to a bucket's objects beside its own name: access grants, points of several regions, and
// points with a function in between.

extension AWSService {
  /// Wherever they are, they are asked for in Oregon. Source: Amazon S3 User Guide, "Multi-Region
  /// Access Point restrictions and limitations".
  static let s3MultiRegion = AWSService(
    "s3control", .restXML,
    reach: .global(host: "{AccountId}.s3-control.us-west-2.amazonaws.com", region: "us-west-2"),
    signingName: "s3", pages: "AmazonS3/latest/API/API_control_")
}

extension AWSOperation {
  private static let control = ["x-amz-account-id": "AccountId"]
  private static let pages = Paging(
    "nextToken", output: ["NextToken"], limit: ("maxResults", 1000))

  static let listAccessGrantsInstances = AWSOperation(
    .s3Control, "ListAccessGrantsInstances", get: "/v20180820/accessgrantsinstances",
    headers: control, paging: pages)
  static let listAccessGrants = AWSOperation(
    .s3Control, "ListAccessGrants", get: "/v20180820/accessgrantsinstance/grants",
    headers: control, paging: pages)
  static let listAccessGrantsLocations = AWSOperation(
    .s3Control, "ListAccessGrantsLocations", get: "/v20180820/accessgrantsinstance/locations",
    headers: control, paging: pages)
  static let listObjectLambdas = AWSOperation(
    .s3Control, "ListAccessPointsForObjectLambda", get: "/v20180820/accesspointforobjectlambda",
    headers: control, paging: pages)
  static let getObjectLambda = AWSOperation(
    .s3Control, "GetAccessPointConfigurationForObjectLambda",
    get: "/v20180820/accesspointforobjectlambda/{name}/configuration", headers: control)
  static let listMultiRegionAccessPoints = AWSOperation(
    .s3MultiRegion, "ListMultiRegionAccessPoints", get: "/v20180820/mrap/instances",
    headers: control, paging: pages)
  static let getMultiRegionAccessPointPolicy = AWSOperation(
    .s3MultiRegion, "GetMultiRegionAccessPointPolicy",
    get: "/v20180820/mrap/instances/{name}/policy", headers: control)
}

extension AWSUnit {
  static let s3Access: [AWSUnit] = [
    .tree(
      AWSListing(
        .listAccessGrantsInstances, ["AccountId": .account],
        items: ["AccessGrantsInstancesList", "AccessGrantsInstance"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.s3.accessGrantsInstance", key: .item("AccessGrantsInstanceArn"),
            AWSNormalizer.accessGrantsInstance)
        ],
        each: [
          AWSListing(
            .listAccessGrants, ["AccountId": .account], items: ["AccessGrantsList", "AccessGrant"],
            isOmittedWhenEmpty: true,
            [
              AWSKind(
                "aws.s3.accessGrant", key: .item("AccessGrantArn"),
                members: [("Instance", .parent("AccessGrantsInstanceArn")), ("Grant", .at(0, []))],
                AWSNormalizer.accessGrant)
            ]),
          AWSListing(
            .listAccessGrantsLocations, ["AccountId": .account],
            items: ["AccessGrantsLocationsList", "AccessGrantsLocation"], isOmittedWhenEmpty: true,
            [
              AWSKind(
                "aws.s3.accessGrantsLocation", key: .item("AccessGrantsLocationArn"),
                AWSNormalizer.accessGrantsLocation)
            ]),
        ])),
    .tree(
      AWSListing(
        .listObjectLambdas, ["AccountId": .account],
        items: ["ObjectLambdaAccessPointList", "ObjectLambdaAccessPoint"], isOmittedWhenEmpty: true,
        each: [
          AWSListing(
            .getObjectLambda, ["AccountId": .account, "name": .item("Name")],
            items: ["Configuration"],
            [
              AWSKind(
                "aws.s3.objectLambda", key: .parent("ObjectLambdaAccessPointArn"),
                members: [
                  ("Arn", .parent("ObjectLambdaAccessPointArn")), ("Configuration", .at(0, [])),
                ],
                redaction: Redaction(
                  "what is passed to the function: dropped",
                  removed: [
                    "Configuration.TransformationConfigurations.TransformationConfiguration"
                      + ".ContentTransformation.AwsLambda.FunctionPayload"
                  ]), AWSNormalizer.objectLambda)
            ])
        ])),
    .tree(
      AWSListing(
        .listMultiRegionAccessPoints, ["AccountId": .account],
        items: ["AccessPoints", "AccessPoint"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.s3.multiRegionAccessPoint", key: multiRegion(.item("Alias")),
            AWSNormalizer.multiRegionAccessPoint)
        ],
        each: [
          AWSListing(
            .getMultiRegionAccessPointPolicy, ["AccountId": .account, "name": .item("Name")],
            [
              AWSKind(
                "aws.s3.multiRegionAccessPointPolicy", key: multiRegion(.parent("Alias")),
                members: [
                  ("Arn", multiRegion(.parent("Alias"))),
                  ("Policy", .item("Policy", "Established", "Policy")),
                ],
                AWSNormalizer.resourcePolicy(
                  "aws.s3.multiRegionAccessPointPolicy", of: "Arn", "Policy"))
            ])
        ])),
  ]

  private static func multiRegion(_ alias: AWSValue) -> AWSValue {
    .joined(["arn:aws:s3::", .account, ":accesspoint/", alias])
  }
}

extension AWSNormalizer {
  static func accessGrantsInstance(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .container, "aws.s3.accessGrantsInstance", arn: "AccessGrantsInstanceArn",
      [
        "identityCenter": root.json("IdentityCenterInstanceArn"),
        "created": root.time("CreatedAt"),
      ]
    ).assertions
  }

  /// The bucket of `s3://bucket/prefix*`; `nil` where it is all of them.
  private static func bucket(ofScope scope: String?) -> String? {
    guard let scope, scope.hasPrefix("s3://") else { return nil }
    let name = scope.dropFirst(5).prefix { $0 != "/" && $0 != "*" }
    return name.isEmpty ? nil : "arn:aws:s3:::\(name)"
  }

  /// Whoever holds it gets credentials of its location's role for what it covers.
  static func accessGrant(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let grant = try record.root.value(at: "Grant")
    let id = try grant.name("AccessGrantArn")
    let instance = try record.root.name("Instance")
    let scope = try grant.text("GrantScope")
    var assertions = try record.thing(
      .grant, "aws.s3.accessGrant", id: id,
      [
        "permission": grant.json("Permission"), "scope": scope.map(JSON.string),
        "application": grant.json("ApplicationArn"), "created": grant.time("CreatedAt"),
      ]
    ).assertions
    let grantee = try grant.value(at: "Grantee")
    let holder = try grantee.name("GranteeIdentifier")
    let isIAM = try grantee.name("GranteeType") == "IAM"
    assertions.link(.hasGrant, isIAM ? holder : "aws:identity-store:\(holder)", id)
    assertions.link(
      .ofRole, id, try grant.text("AccessGrantsLocationId").map { "\(instance)/location/\($0)" })
    assertions.link(.within, id, bucket(ofScope: scope))
    return assertions
  }

  static func accessGrantsLocation(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let scope = try root.text("LocationScope")
    var (id, assertions) = try record.thing(
      .connection, "aws.s3.accessGrantsLocation", arn: "AccessGrantsLocationArn",
      ["scope": scope.map(JSON.string), "created": root.time("CreatedAt")])
    assertions.link(.runsAs, id, try root.text("IAMRoleArn"))
    assertions.link(.targets, id, bucket(ofScope: scope))
    return assertions
  }

  /// A function stands between the caller and the objects.
  static func objectLambda(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let configuration = try record.root.value(at: "Configuration")
    let features = try configuration.inner("AllowedFeatures")?.set("AllowedFeature")
    var (id, assertions) = try record.thing(
      .automation, "aws.s3.objectLambda", arn: "Arn", ["features": features])
    assertions.link(.invokes, id, try configuration.text("SupportingAccessPoint"), "objects")
    let list = try configuration.inner("TransformationConfigurations")
    for transformation in try list?.list("TransformationConfiguration") ?? [] {
      let function = try transformation.inner("ContentTransformation")?.inner("AwsLambda")?
        .text("FunctionArn")
      let actions = try transformation.inner("Actions")?.texts("Action") ?? []
      for action in actions {
        assertions.link(.invokes, id, function.map(unqualified), action)
      }
    }
    return assertions
  }

  static func multiRegionAccessPoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let id = "arn:aws:s3::\(record.scope.account):accesspoint/\(try root.name("Alias"))"
    var assertions = try record.thing(
      .system, "aws.s3.multiRegionAccessPoint", id: id, name: root.name("Name"),
      [
        "status": root.json("Status"), "created": root.time("CreatedAt"),
        "publicAccessBlock": root.inner("PublicAccessBlock").map { JSON($0).ordered },
      ]
    ).assertions
    for region in try root.inner("Regions")?.list("Region") ?? [] {
      let bucket = try region.name("Bucket")
      assertions.link(
        .targets, id, "arn:aws:s3:::\(bucket)", "",
        ["account": try region.json("BucketAccountId"), "region": try region.json("Region")])
    }
    return assertions
  }
}
