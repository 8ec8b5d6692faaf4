internal import Extraction
internal import JSONReader
internal import Model

extension AWSOperation {
  static let describeInstances = AWSOperation(
    .ec2, "DescribeInstances",
    paging: Paging("NextToken", output: ["nextToken"], limit: ("MaxResults", 500)))
  static let describeLaunchTemplates = AWSOperation(
    .ec2, "DescribeLaunchTemplates",
    paging: Paging("NextToken", output: ["nextToken"], limit: ("MaxResults", 200)))
  static let describeLaunchTemplateVersions = AWSOperation(
    .ec2, "DescribeLaunchTemplateVersions",
    fixed: ["LaunchTemplateVersion": ["$Default", "$Latest"]],
    paging: Paging("NextToken", output: ["nextToken"]))
  static let describeVPCEndpoints = AWSOperation(
    .ec2, "DescribeVpcEndpoints",
    paging: Paging("NextToken", output: ["nextToken"], limit: ("MaxResults", 500)))
}

extension AWSUnit {
  static let ec2: [AWSUnit] = [
    .tree(
      AWSListing(
        .describeInstances, items: ["reservationSet", "instancesSet"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.ec2.instance",
            key: .joined([
              "arn:aws:ec2:", .region, ":", .account, ":instance/", .item("instanceId"),
            ]),
            members: [("Region", .region), ("Instance", .at(0, []))], AWSNormalizer.instance)
        ])),
    .tree(
      AWSListing(
        .describeLaunchTemplates, items: ["launchTemplates"], isOmittedWhenEmpty: true,
        each: [
          AWSListing(
            .describeLaunchTemplateVersions, ["LaunchTemplateId": .item("launchTemplateId")],
            items: ["launchTemplateVersionSet"],
            [
              AWSKind(
                "aws.ec2.launchTemplateVersion",
                key: .joined([
                  "arn:aws:ec2:", .region, ":", .account, ":launch-template/",
                  .item("launchTemplateId"), ":", .item("versionNumber"),
                ]),
                members: [("Region", .region), ("Version", .at(0, []))],
                redaction: Redaction(
                  "user data: dropped", removed: ["Version.launchTemplateData.userData"]),
                AWSNormalizer.launchTemplateVersion)
            ])
        ])),
    .tree(
      AWSListing(
        .describeVPCEndpoints, items: ["vpcEndpointSet"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.ec2.vpcEndpoint",
            key: .joined([
              "arn:aws:ec2:", .region, ":", .account, ":vpc-endpoint/", .item("vpcEndpointId"),
            ]),
            members: [("Region", .region), ("Endpoint", .at(0, []))], AWSNormalizer.vpcEndpoint)
        ])),
  ]
}

extension AWSNormalizer {
  /// A way from a network to a service; its policy limits what passes.
  static func vpcEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let endpoint = try record.root.value(at: "Endpoint")
    let name = try endpoint.name("vpcEndpointId")
    let tags = try endpoint.anyTags("tagSet")
    let id = record.local("ec2", try record.root.name("Region"), "vpc-endpoint/\(name)")
    var assertions = try record.thing(
      .connection, "aws.ec2.vpcEndpoint", id: id, name: tags?["Name"]?.string ?? name,
      [
        "service": endpoint.json("serviceName"), "vpc": endpoint.json("vpcId"),
        "type": endpoint.json("vpcEndpointType"), "status": endpoint.json("state"),
        "created": endpoint.time("creationTimestamp"), "tags": tags,
      ]
    ).assertions
    try assertions.govern(id, "aws.ec2.vpcEndpointPolicy", endpoint, "policyDocument")
    return assertions
  }

  static func instance(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let instance = try record.root.value(at: "Instance")
    let name = try instance.name("instanceId")
    let region = try record.root.name("Region")
    let profile = try instance.inner("iamInstanceProfile")?.text("arn")
    let tags = try instance.anyTags("tagSet")
    let id = record.local("ec2", region, "instance/\(name)")
    var assertions = try record.thing(
      .automation, "aws.ec2.instance", id: id, name: tags?["Name"]?.string ?? name,
      [
        "state": instance.inner("instanceState")?.json("name"), "tags": tags,
        "image": instance.json("imageId"), "vpc": instance.json("vpcId"),
        "publicAddress": .bool(try instance.text("ipAddress") != nil),
        "metadataTokens": instance.inner("metadataOptions")?.json("httpTokens"),
        "launched": instance.time("launchTime"),
      ]
    ).assertions
    // The profile's record says which role is in it.
    assertions.link(.runsAs, id, profile)
    return assertions
  }

  static func launchTemplateVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let version = try record.root.value(at: "Version")
    let region = try record.root.name("Region")
    guard let number = try version.optionalInt64(at: "versionNumber", lenient: true) else {
      throw version.mismatch("a version number", "none")
    }
    let template = try version.name("launchTemplateId")
    let id = record.local("ec2", region, "launch-template/\(template):\(number)")
    let data = try version.inner("launchTemplateData")
    let profile = try data?.inner("iamInstanceProfile")
    var assertions = try record.thing(
      .automation, "aws.ec2.launchTemplateVersion", id: id,
      name: version.name("launchTemplateName"),
      [
        "isDefault": version.flag("defaultVersion"), "image": data?.json("imageId"),
        "metadataTokens": data?.inner("metadataOptions")?.json("httpTokens"),
      ]
    ).assertions
    if let name = try profile?.text("name") {
      assertions.link(.runsAs, id, instanceProfileName(name, in: record.scope))
    } else {
      assertions.link(.runsAs, id, try profile?.text("arn"))
    }
    return assertions
  }
}

/// A template may name a profile without its path, so a profile defines this name too.
func instanceProfileName(_ name: String, in scope: Scope) -> String {
  "aws:iam:instance-profile:\(scope.account)/\(name)"
}
