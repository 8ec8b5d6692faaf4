internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let scheduler = AWSService(
    "scheduler", .restJSON, perSecond: 10, pages: "scheduler/latest/APIReference/API_")
  static let pipes = AWSService(
    "pipes", .restJSON, perSecond: 5, pages: "eventbridge/latest/pipes-reference/API_")
}

extension AWSOperation {
  static let listSchedules = AWSOperation(
    .scheduler, "ListSchedules", get: "/schedules",
    paging: Paging("NextToken", limit: ("MaxResults", 100)))
  static let getSchedule = AWSOperation(.scheduler, "GetSchedule", get: "/schedules/{Name}")
  static let listPipes = AWSOperation(
    .pipes, "ListPipes", get: "/v1/pipes", paging: Paging("NextToken", limit: ("Limit", 100)))
  static let describePipe = AWSOperation(.pipes, "DescribePipe", get: "/v1/pipes/{Name}")
}

extension AWSUnit {
  static let scheduler: [AWSUnit] = [
    .tree(
      AWSListing(
        .listSchedules, items: ["Schedules"],
        each: [
          AWSListing(
            .getSchedule, ["Name": .item("Name"), "groupName": .item("GroupName")],
            [
              AWSKind(
                "aws.scheduler.schedule", key: .item("Arn"),
                redaction: Redaction(
                  "input and parameters of targets: only names, ARNs and paths stay",
                  shapes: [
                    "Target.SageMakerPipelineParameters", "Target.EcsParameters.Tags",
                    "Target.EventBridgePutRawEventsParameters",
                  ], definitions: ["Target.Input"]), AWSNormalizer.schedule)
            ])
        ])),
    .tree(
      AWSListing(
        .listPipes, items: ["Pipes"],
        each: [
          AWSListing(
            .describePipe, ["Name": .item("Name")],
            [
              AWSKind(
                "aws.pipes.pipe", key: .item("Arn"),
                redaction: Redaction(
                  "parameters of source, enrichment and target: only names, ARNs and paths stay",
                  definitions: ["SourceParameters", "EnrichmentParameters", "TargetParameters"]),
                AWSNormalizer.pipe)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  static func schedule(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let region = try record.arn("Arn").parts.region
    var (id, assertions) = try record.thing(
      .automation, "aws.scheduler.schedule", arn: "Arn", name: root.name("Name"),
      [
        "enabled": .bool(try root.name("State") == "ENABLED"), "group": root.json("GroupName"),
        "schedule": root.json("ScheduleExpression"),
        "timezone": root.json("ScheduleExpressionTimezone"),
        "created": root.time("CreationDate"),
      ])
    let target = try root.value(at: "Target")
    assertions.link(.runsAs, id, try target.name("RoleArn"))
    let arn = try target.name("Arn")
    var input: JSONView?
    if let text = try target.text("Input"), text != "opaque" {
      input = try? JSONDocument(parsing: Array(text.utf8)).root
    }
    if arn.hasPrefix("arn:aws:scheduler:::"),
      let call = Integration(arn, input, record, region: region)
    {
      for target in Set(call.targets) { assertions.link(.invokes, id, target, call.action) }
      assertions.nodes[0].state["calls"] = .set([call.action])
    } else {
      assertions.link(.invokes, id, unqualified(arn))
    }
    if let task = try target.inner("EcsParameters")?.text("TaskDefinitionArn") {
      assertions.link(.invokes, id, taskFamily(task))
    }
    return assertions
  }

  static func pipe(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.pipes.pipe", arn: "Arn", name: root.name("Name"),
      [
        "enabled": .bool(try root.name("DesiredState") == "RUNNING"),
        "created": root.time("CreationTime"), "tags": root.anyTags("Tags"),
      ])
    assertions.link(.runsAs, id, try root.name("RoleArn"))
    let source = try root.name("Source")
    if source.hasPrefix("arn:") { assertions.link(.triggers, source, id) }
    for (field, discriminator) in [("Target", ""), ("Enrichment", "enrichment")] {
      if let target = try root.text(field) {
        assertions.link(.invokes, id, unqualified(target), discriminator)
      }
    }
    if let task = try root.inner("TargetParameters")?.inner("EcsTaskParameters")?
      .text("TaskDefinitionArn")
    {
      assertions.link(.invokes, id, taskFamily(task), "task")
    }
    return assertions
  }
}
