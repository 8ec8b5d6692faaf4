internal import Extraction
internal import JSONReader
internal import Model

// What Systems Manager runs on machines by itself, and who else may read parameters.

extension AWSOperation {
  /// Only advanced parameters can have a policy.
  static let describeAdvancedParameters = AWSOperation(
    .ssm, "DescribeParameters",
    fixed: ["ParameterFilters": [["Key": "Tier", "Values": ["Advanced"]]]],
    paging: Paging("NextToken", limit: ("MaxResults", 50)))
  static let getParameterPolicies = AWSOperation(
    .ssm, "GetResourcePolicies", paging: Paging("NextToken", limit: ("MaxResults", 50)))
  static let listAssociations = AWSOperation(
    .ssm, "ListAssociations", paging: Paging("NextToken", limit: ("MaxResults", 50)))
  static let describeMaintenanceWindows = AWSOperation(
    .ssm, "DescribeMaintenanceWindows", paging: Paging("NextToken", limit: ("MaxResults", 100)))
  static let describeMaintenanceWindowTasks = AWSOperation(
    .ssm, "DescribeMaintenanceWindowTasks",
    paging: Paging("NextToken", limit: ("MaxResults", 100)))
}

extension AWSUnit {
  private static func parameter(_ name: AWSValue) -> AWSValue {
    .joined(["arn:aws:ssm:", .region, ":", .account, ":parameter", .rooted(name)])
  }

  static let systemsManager: [AWSUnit] = [
    .tree(
      AWSListing(
        .describeAdvancedParameters, items: ["Parameters"],
        each: [
          AWSListing(
            .getParameterPolicies, ["ResourceArn": parameter(.item("Name"))], items: ["Policies"],
            isOmittedWhenEmpty: true,
            [
              AWSKind(
                "aws.ssm.parameterPolicy",
                key: .joined([parameter(.parent("Name")), "#", .item("PolicyId")]),
                members: [
                  ("Parameter", parameter(.parent("Name"))), ("PolicyId", .item("PolicyId")),
                  ("Policy", .item("Policy")),
                ], AWSNormalizer.parameterPolicy)
            ])
        ])),
    .tree(
      AWSListing(
        .listAssociations, items: ["Associations"],
        [
          AWSKind(
            "aws.ssm.association",
            key: .joined([
              "arn:aws:ssm:", .region, ":", .account, ":association/", .item("AssociationId"),
            ]),
            members: [("Region", .region), ("Association", .at(0, []))],
            redaction: Redaction(
              "mappings of targets, and counters: dropped",
              removed: [
                "Association.TargetMaps", "Association.Overview", "Association.LastExecutionDate",
              ]), AWSNormalizer.association)
        ])),
    .tree(
      AWSListing(
        .describeMaintenanceWindows, items: ["WindowIdentities"],
        each: [
          AWSListing(
            .describeMaintenanceWindowTasks, ["WindowId": .item("WindowId")], items: ["Tasks"],
            [
              AWSKind(
                "aws.ssm.maintenanceTask",
                key: .joined([
                  "arn:aws:ssm:", .region, ":", .account, ":windowtask/", .item("WindowTaskId"),
                ]),
                members: [
                  ("Region", .region), ("Window", .parent("Name")),
                  ("Enabled", .parent("Enabled")), ("Schedule", .parent("Schedule")),
                  ("WindowTaskId", .item("WindowTaskId")), ("Name", .item("Name")),
                  ("Type", .item("Type")), ("TaskArn", .item("TaskArn")),
                  ("ServiceRoleArn", .item("ServiceRoleArn")),
                ], AWSNormalizer.maintenanceTask)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  static func parameterPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let parameter = try record.root.name("Parameter")
    let id = try record.root.name("PolicyId")
    try record.check("\(parameter)#\(id)")
    var assertions = Assertions()
    try assertions.govern(
      parameter, "aws.ssm.parameterPolicy", record.root, "Policy", suffix: id)
    return assertions
  }

  /// A document that is run on machines again and again.
  static func association(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let association = try record.root.value(at: "Association")
    let region = try record.root.name("Region")
    let key = try association.name("AssociationId")
    let id = record.local("ssm", region, "association/\(key)")
    let document = try association.name("Name")
    var assertions = try record.thing(
      .automation, "aws.ssm.association", id: id,
      name: association.text("AssociationName") ?? document,
      [
        "runs": .string(document), "schedule": association.json("ScheduleExpression"),
        "targets": association.set("Targets", "Key"),
      ]
    ).assertions
    assertions.link(.invokes, id, documentARN(document, record, region), "document")
    for target in try association.list("Targets") where target["Key"]?.string == "InstanceIds" {
      for instance in try target.texts("Values") where instance.hasPrefix("i-") {
        assertions.link(.invokes, id, record.local("ec2", region, "instance/\(instance)"))
      }
    }
    return assertions
  }

  /// What a maintenance window runs: a document, a function or a state machine.
  static func maintenanceTask(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let region = try root.name("Region")
    let key = try root.name("WindowTaskId")
    let id = record.local("ssm", region, "windowtask/\(key)")
    let type = try root.name("Type")
    let task = try root.name("TaskArn")
    var assertions = try record.thing(
      .automation, "aws.ssm.maintenanceTask", id: id, name: root.text("Name") ?? key,
      [
        "type": .string(type), "window": root.json("Window"), "schedule": root.json("Schedule"),
        "enabled": root.flag("Enabled"),
      ]
    ).assertions
    let isDocument = ["RUN_COMMAND", "AUTOMATION"].contains(type)
    assertions.link(
      .invokes, id, isDocument ? documentARN(task, record, region) : unqualified(task))
    assertions.link(.runsAs, id, try root.text("ServiceRoleArn"))
    return assertions
  }

  /// A document is named by its ARN where it is another account's, and without one elsewhere.
  private static func documentARN(
    _ name: String, _ record: AWSRecord, _ region: String
  ) -> String {
    if name.hasPrefix("arn:") { return name }
    let isOfAWS = name.hasPrefix("AWS-") || name.hasPrefix("AmazonCloudWatch-")
    return isOfAWS
      ? "arn:aws:ssm:\(region)::document/\(name)" : record.local("ssm", region, "document/\(name)")
  }
}
