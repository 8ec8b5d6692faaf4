internal import Extraction
internal import JSONReader
internal import Model

// Glue, Batch and Data Pipeline.

extension AWSService {
  static let glue = AWSService(
    "glue", .json(target: "AWSGlue"), pages: "glue/latest/webapi/API_")
  static let batch = AWSService("batch", .restJSON, pages: "batch/latest/APIReference/API_")
  static let dataPipeline = AWSService(
    "datapipeline", .json(target: "DataPipeline"), perSecond: 2,
    pages: "datapipeline/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("MaxResults", 100))

  static let getGlueJobs = AWSOperation(.glue, "GetJobs", paging: pages)
  static let getGlueCrawlers = AWSOperation(.glue, "GetCrawlers", paging: pages)
  static let getGlueDevEndpoints = AWSOperation(.glue, "GetDevEndpoints", paging: pages)
  static let describeJobDefinitions = AWSOperation(
    .batch, "DescribeJobDefinitions", post: "/v1/describejobdefinitions",
    fixed: ["status": "ACTIVE"], paging: Paging("nextToken", limit: ("maxResults", 100)))
  static let listDataPipelines = AWSOperation(
    .dataPipeline, "ListPipelines", paging: Paging("marker", more: "hasMoreResults"))
  static let getPipelineDefinition = AWSOperation(.dataPipeline, "GetPipelineDefinition")
}

extension AWSUnit {

  static let analytics: [AWSUnit] = [
    .tree(
      AWSListing(
        .getGlueJobs, items: ["Jobs"],
        [
          AWSKind(
            "aws.glue.job",
            key: .joined(["arn:aws:glue:", .region, ":", .account, ":job/", .item("Name")]),
            members: [("Region", .region), ("Job", .at(0, []))],
            redaction: Redaction(
              "arguments and generated code: replaced by their shape or dropped",
              shapes: ["Job.DefaultArguments", "Job.NonOverridableArguments"],
              removed: ["Job.CodeGenConfigurationNodes", "Job.SourceControlDetails"]),
            AWSNormalizer.glueJob)
        ])),
    .tree(
      AWSListing(
        .getGlueCrawlers, items: ["Crawlers"],
        [
          AWSKind(
            "aws.glue.crawler",
            key: .joined(["arn:aws:glue:", .region, ":", .account, ":crawler/", .item("Name")]),
            members: [("Region", .region), ("Crawler", .at(0, []))],
            redaction: Redaction("configuration: dropped", removed: ["Crawler.Configuration"]),
            AWSNormalizer.glueCrawler)
        ])),
    .tree(
      AWSListing(
        .getGlueDevEndpoints, items: ["DevEndpoints"],
        [
          AWSKind(
            "aws.glue.devEndpoint",
            key: .joined([
              "arn:aws:glue:", .region, ":", .account, ":devEndpoint/", .item("EndpointName"),
            ]),
            members: [("Region", .region), ("DevEndpoint", .at(0, []))],
            redaction: Redaction(
              "arguments: replaced by their shape", shapes: ["DevEndpoint.Arguments"]),
            AWSNormalizer.glueDevEndpoint)
        ])),
    .tree(
      AWSListing(
        .describeJobDefinitions, items: ["jobDefinitions"],
        [
          AWSKind(
            "aws.batch.jobDefinition", key: .item("jobDefinitionArn"),
            redaction: Redaction(
              "parameters, commands and values of environment variables: replaced by their shape",
              shapes: [
                "parameters", "containerProperties.command",
                "containerProperties.environment.value",
                "containerProperties.logConfiguration.options",
              ], removed: ["nodeProperties", "eksProperties", "ecsProperties"]),
            AWSNormalizer.jobDefinition)
        ])),
    .tree(
      AWSListing(
        .listDataPipelines, items: ["pipelineIdList"],
        each: [
          AWSListing(
            .getPipelineDefinition, ["pipelineId": .item("id")],
            [
              AWSKind(
                "aws.datapipeline.pipeline",
                key: .joined([
                  "arn:aws:datapipeline:", .region, ":", .account, ":pipeline/", .parent("id"),
                ]),
                members: [
                  ("Region", .region), ("Id", .parent("id")), ("Name", .parent("name")),
                  ("Objects", .item("pipelineObjects")),
                ],
                redaction: Redaction(
                  note: "of the definition's fields only role and type are kept",
                  published: { try roleFields($0) }), AWSNormalizer.dataPipeline)
            ])
        ])),
  ]

  /// A pipeline's objects hold whole scripts and passwords, so only what is known to be a role or a
  /// type goes on.
  private static func roleFields(_ record: JSONView) throws -> [UInt8] {
    let kept: Set<String> = ["role", "resourceRole", "type"]
    var fields: [JSON] = []
    for object in try record.list("Objects") {
      for field in try object.list("fields") {
        guard let key = try field.text("key"), kept.contains(key),
          let value = try field.text("stringValue")
        else { continue }
        fields.append(["key": .string(key), "stringValue": .string(value)])
      }
    }
    return JSON.members([
      "Region": try record.json("Region"), "Id": try record.json("Id"),
      "Name": try record.json("Name"), "Fields": .array(fields),
    ]).bytes
  }
}

extension AWSNormalizer {
  /// A role that Glue names with or without its ARN.
  private static func link(
    _ role: String?, _ id: String, _ record: AWSRecord, _ assertions: inout Assertions
  ) {
    guard let role else { return }
    assertions.link(
      .runsAs, id,
      role.hasPrefix("arn:") ? role : "arn:aws:iam::\(record.scope.account):role/\(role)")
  }

  static func glueJob(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let job = try record.root.value(at: "Job")
    let id = record.local("glue", try record.root.name("Region"), "job/\(try job.name("Name"))")
    let command = try job.inner("Command")
    var assertions = try record.thing(
      .automation, "aws.glue.job", id: id, name: job.name("Name"),
      [
        "script": command?.json("ScriptLocation"), "command": command?.json("Name"),
        "created": job.time("CreatedOn"), "version": job.json("GlueVersion"),
      ]
    ).assertions
    link(try job.text("Role"), id, record, &assertions)
    var stored = try job.storedMembers("DefaultArguments")
    stored.formUnion(try job.storedMembers("NonOverridableArguments"))
    assertions.store(stored, in: id, "aws.glue.arguments")
    return assertions
  }

  static func glueCrawler(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let crawler = try record.root.value(at: "Crawler")
    let name = try crawler.name("Name")
    let id = record.local("glue", try record.root.name("Region"), "crawler/\(name)")
    var assertions = try record.thing(
      .automation, "aws.glue.crawler", id: id, name: name,
      [
        "schedule": crawler.inner("Schedule")?.json("ScheduleExpression"),
        "database": crawler.json("DatabaseName"), "created": crawler.time("CreationTime"),
      ]
    ).assertions
    link(try crawler.text("Role"), id, record, &assertions)
    return assertions
  }

  static func glueDevEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let endpoint = try record.root.value(at: "DevEndpoint")
    let name = try endpoint.name("EndpointName")
    let id = record.local("glue", try record.root.name("Region"), "devEndpoint/\(name)")
    var assertions = try record.thing(
      .automation, "aws.glue.devEndpoint", id: id, name: name,
      [
        "status": endpoint.json("Status"), "created": endpoint.time("CreatedTimestamp"),
        "publicAddress": .bool(try endpoint.text("PublicAddress") != nil),
      ]
    ).assertions
    link(try endpoint.text("RoleArn"), id, record, &assertions)
    return assertions
  }

  static func jobDefinition(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let container = try root.inner("containerProperties")
    var (id, assertions) = try record.thing(
      .automation, "aws.batch.jobDefinition", arn: "jobDefinitionArn",
      name: root.name("jobDefinitionName"),
      [
        "type": root.json("type"), "image": container?.json("image"),
        "privileged": container?.flag("privileged"), "tags": root.anyTags("tags"),
      ])
    assertions.link(.runsAs, id, try container?.text("jobRoleArn"))
    assertions.link(.runsAs, id, try container?.text("executionRoleArn"), "execution")
    assertions.store(
      try container?.storedElements("environment") ?? StoredValues(), in: id,
      "aws.batch.environment")
    return assertions
  }

  static func dataPipeline(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let id = record.local(
      "datapipeline", try root.name("Region"), "pipeline/\(try root.name("Id"))")
    var assertions = try record.thing(
      .automation, "aws.datapipeline.pipeline", id: id, name: root.text("Name")
    ).assertions
    var seen: Set<String> = []
    for field in try root.list("Fields") {
      let key = try field.name("key")
      let role = try field.name("stringValue")
      guard key != "type", seen.insert("\(key) \(role)").inserted else { continue }
      assertions.link(
        .runsAs, id, "arn:aws:iam::\(record.scope.account):role/\(role)",
        key == "role" ? "" : key)
    }
    return assertions
  }
}
