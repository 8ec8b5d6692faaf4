internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let events = AWSService(
    "events", .json(target: "AWSEvents"), perSecond: 10,
    pages: "eventbridge/latest/APIReference/API_"
  )
}

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("Limit", 100))

  static let listEventBuses = AWSOperation(.events, "ListEventBuses", paging: pages)
  static let listRules = AWSOperation(.events, "ListRules", paging: pages)
  static let listTargetsByRule = AWSOperation(.events, "ListTargetsByRule", paging: pages)
  static let listConnections = AWSOperation(.events, "ListConnections", paging: pages)
  static let describeConnection = AWSOperation(.events, "DescribeConnection")
  static let listEventEndpoints = AWSOperation(
    .events, "ListEndpoints", paging: Paging("NextToken", limit: ("MaxResults", 100)))
  static let listEventSources = AWSOperation(.events, "ListEventSources", paging: pages)
  static let listAPIDestinations = AWSOperation(.events, "ListApiDestinations", paging: pages)
}

extension AWSUnit {
  static let eventBridge: [AWSUnit] = [
    .tree(
      AWSListing(
        .listEventBuses, items: ["EventBuses"],
        [AWSKind("aws.events.bus", key: .item("Arn"), AWSNormalizer.eventBus)],
        each: [
          AWSListing(
            .listRules, ["EventBusName": .item("Name")], items: ["Rules"],
            [
              AWSKind(
                "aws.events.rule", key: .item("Arn"),
                members: [("Bus", .parent("Arn")), ("Rule", .at(0, []))],
                AWSNormalizer.eventRule)
            ],
            each: [
              AWSListing(
                .listTargetsByRule,
                ["Rule": .item("Name"), "EventBusName": .item("EventBusName")],
                items: ["Targets"],
                [
                  AWSKind(
                    "aws.events.target",
                    key: .joined([.parent("Arn"), "#", .item("Id")]),
                    members: [("Rule", .parent("Arn")), ("Target", .at(0, []))],
                    redaction: Redaction(
                      "input, templates, headers and statements of targets: replaced by their shape",
                      shapes: [
                        "Target.Input", "Target.InputTransformer.InputTemplate",
                        "Target.InputTransformer.InputPathsMap",
                        "Target.HttpParameters.HeaderParameters",
                        "Target.HttpParameters.QueryStringParameters",
                        "Target.HttpParameters.PathParameterValues",
                        "Target.RedshiftDataParameters.Sql",
                        "Target.RedshiftDataParameters.Sqls",
                        "Target.AppSyncParameters.GraphQLOperation",
                        "Target.SageMakerPipelineParameters.PipelineParameterList.Value",
                        "Target.RunCommandParameters.RunCommandTargets.Values",
                      ]), AWSNormalizer.eventTarget)
                ])
            ])
        ])),
    .tree(
      AWSListing(
        .listConnections, items: ["Connections"],
        each: [
          AWSListing(
            .describeConnection, ["Name": .item("Name")],
            [
              AWSKind(
                "aws.events.connection", key: .item("ConnectionArn"),
                redaction: Redaction(
                  "names and values that a connection sends: replaced by their shape",
                  shapes: [
                    "AuthParameters.BasicAuthParameters", "AuthParameters.ApiKeyAuthParameters",
                    "AuthParameters.OAuthParameters.ClientParameters",
                    "AuthParameters.OAuthParameters.OAuthHttpParameters",
                    "AuthParameters.InvocationHttpParameters",
                  ], hosts: ["AuthParameters.OAuthParameters.AuthorizationEndpoint"]),
                AWSNormalizer.eventConnection)
            ])
        ])),
    .tree(
      AWSListing(
        .listAPIDestinations, items: ["ApiDestinations"],
        [
          AWSKind(
            "aws.events.apiDestination", key: .item("ApiDestinationArn"),
            redaction: Redaction(
              "addresses: reduced to their host", hosts: ["InvocationEndpoint"]),
            AWSNormalizer.apiDestination)
        ])),
    .tree(
      AWSListing(
        .listEventEndpoints, items: ["Endpoints"],
        [AWSKind("aws.events.endpoint", key: .item("Arn"), AWSNormalizer.eventEndpoint)])),
    .tree(
      AWSListing(
        .listEventSources, items: ["EventSources"],
        [AWSKind("aws.events.source", key: .item("Arn"), AWSNormalizer.eventSource)])),
  ]
}

extension AWSNormalizer {
  static func eventBus(_ record: AWSRecord) throws(JSONError) -> Assertions {
    var (id, assertions) = try record.thing(
      .system, "aws.events.bus", arn: "Arn", name: record.root.name("Name"))
    try assertions.govern(id, "aws.events.busPolicy", record.root, "Policy")
    return assertions
  }

  static func eventRule(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let rule = try record.root.value(at: "Rule")
    let id = try rule.name("Arn")
    let pattern = try rule.text("EventPattern").map { text throws(JSONError) in
      JSON(try JSONDocument(parsing: Array(text.utf8)).root)
    }
    var assertions = try record.thing(
      .automation, "aws.events.rule", id: id, name: rule.name("Name"),
      [
        "enabled": .bool(try rule.name("State").hasPrefix("ENABLED")),
        "schedule": rule.json("ScheduleExpression"), "pattern": pattern,
        "managedBy": rule.json("ManagedBy"),
      ]
    ).assertions
    assertions.link(.triggers, try record.root.name("Bus"), id)
    assertions.link(.runsAs, id, try rule.text("RoleArn"))
    return assertions
  }

  static func eventTarget(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let rule = try record.root.name("Rule")
    let target = try record.root.value(at: "Target")
    let id = try target.name("Id")
    try record.check("\(rule)#\(id)")
    var assertions = Assertions()
    assertions.link(
      .invokes, rule, unqualified(try target.name("Arn")), id,
      ["role": try target.json("RoleArn"), "input": try target.json("Input")])
    assertions.link(.runsAs, rule, try target.text("RoleArn"), id)
    if let task = try target.inner("EcsParameters")?.text("TaskDefinitionArn") {
      assertions.link(.invokes, rule, taskFamily(task), id)
    }
    return assertions
  }

  static func eventConnection(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .connection, "aws.events.connection", arn: "ConnectionArn", name: root.name("Name"),
      [
        "authorization": root.json("AuthorizationType"), "status": root.json("ConnectionState"),
        "created": root.time("CreationTime"),
      ])
    assertions.link(.authenticatesWith, id, try root.text("SecretArn"))
    if let endpoint = try root.inner("AuthParameters")?.inner("OAuthParameters")?
      .text("AuthorizationEndpoint")
    {
      assertions.link(.targets, id, hostName(endpoint), "authorization")
    }
    return assertions
  }

  static func apiDestination(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .connection, "aws.events.apiDestination", arn: "ApiDestinationArn", name: root.name("Name"),
      ["method": root.json("HttpMethod"), "status": root.json("ApiDestinationState")])
    assertions.link(.targets, id, hostName(try root.name("InvocationEndpoint")))
    assertions.link(.connectsTo, id, try root.text("ConnectionArn"))
    return assertions
  }

  /// A name for buses in two regions; it copies events between them as its role.
  static func eventEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.events.endpoint", arn: "Arn", name: root.name("Name"),
      [
        "status": root.json("State"), "created": root.time("CreationTime"),
        "replication": root.inner("ReplicationConfig")?.json("State"),
      ])
    for bus in try root.list("EventBuses") {
      assertions.link(.invokes, id, try bus.name("EventBusArn"))
    }
    assertions.link(.runsAs, id, try root.text("RoleArn"))
    return assertions
  }

  /// A partner from outside whose events come in over a bus of the same name.
  static func eventSource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let name = try root.name("Name")
    let region = try record.arn("Arn").parts.region
    var (id, assertions) = try record.thing(
      .system, "aws.events.source", arn: "Arn", name: name,
      [
        "partner": root.json("CreatedBy"), "status": root.json("State"),
        "created": root.time("CreationTime"), "expires": root.time("ExpirationTime"),
      ])
    guard try root.name("State") == "ACTIVE" else { return assertions }
    assertions.link(.triggers, id, record.local("events", region, "event-bus/\(name)"))
    return assertions
  }
}
