internal import Extraction
internal import JSONReader
internal import Model

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 1000))

  static let listFlows = AWSOperation(.bedrockAgent, "ListFlows", get: "/flows/", paging: pages)
  static let getFlow = AWSOperation(.bedrockAgent, "GetFlow", get: "/flows/{flowIdentifier}/")
  static let listFlowVersions = AWSOperation(
    .bedrockAgent, "ListFlowVersions", get: "/flows/{flowIdentifier}/versions", paging: pages)
  static let getFlowVersion = AWSOperation(
    .bedrockAgent, "GetFlowVersion", get: "/flows/{flowIdentifier}/versions/{flowVersion}/")
  static let listFlowAliases = AWSOperation(
    .bedrockAgent, "ListFlowAliases", get: "/flows/{flowIdentifier}/aliases", paging: pages)
}

extension AWSUnit {
  private static let definition = Redaction(
    "prompts and code of the definition: only names and ARNs stay",
    removed: ["validations", "description"], definitions: ["definition"])

  static let bedrockFlows: [AWSUnit] = [
    .tree(
      AWSListing(
        .listFlows, items: ["flowSummaries"],
        each: [
          AWSListing(
            .getFlow, ["flowIdentifier": .item("id")],
            [
              AWSKind(
                "aws.bedrock.flow", key: .item("arn"), redaction: definition, AWSNormalizer.flow)
            ]),
          AWSListing(
            .listFlowVersions, ["flowIdentifier": .item("id")], items: ["flowVersionSummaries"],
            each: [
              AWSListing(
                .getFlowVersion,
                ["flowIdentifier": .parent("id"), "flowVersion": .item("version")],
                [
                  AWSKind(
                    "aws.bedrock.flowVersion",
                    key: .joined([.item("arn"), "#version/", .item("version")]),
                    redaction: definition, AWSNormalizer.flowVersion)
                ])
            ]),
          AWSListing(
            .listFlowAliases, ["flowIdentifier": .item("id")], items: ["flowAliasSummaries"],
            [
              AWSKind(
                "aws.bedrock.flowAlias", key: .item("arn"),
                redaction: Redaction("descriptions: dropped", removed: ["description"]),
                AWSNormalizer.flowAlias)
            ]),
        ]))
  ]
}

extension AWSNormalizer {
  static func flow(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.flow", arn: "arn", name: root.name("name"),
      [
        "status": root.json("status"), "created": root.time("createdAt"),
        "key": root.json("customerEncryptionKeyArn"),
      ])
    try assertions.linkFlow(id, record, version: "")
    return assertions
  }

  /// A version keeps the role and the definition that its flow had; an alias may still lead to it.
  static func flowVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let flow = try record.root.name("arn")
    let version = try record.root.name("version")
    try record.check("\(flow)#version/\(version)")
    var assertions = Assertions()
    try assertions.linkFlow(flow, record, version: version)
    return assertions
  }

  static func flowAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, parts) = try record.arn("arn")
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.flowAlias", arn: "arn", name: root.name("name"),
      [
        "created": root.time("createdAt"),
        "versions": root.set("routingConfiguration", "flowVersion"),
      ])
    assertions.link(
      .invokes, id, record.local("bedrock", parts.region, "flow/\(try root.name("flowId"))"))
    return assertions
  }
}

extension Assertions {
  /// What a flow, or a version of it, runs as and calls.
  fileprivate mutating func linkFlow(
    _ flow: String, _ record: AWSRecord, version: String
  ) throws(JSONError) {
    let root = record.root
    guard let parts = ARNParts(flow) else { throw root.mismatch("an ARN", "another text") }
    let state = ["version": version.isEmpty ? nil : JSON.string(version)]
    link(.runsAs, flow, try root.text("executionRoleArn"), version, state)
    for node in try root.inner("definition")?.list("nodes") ?? [] {
      let name = (version.isEmpty ? "" : version + "/") + (try node.name("name"))
      guard let configuration = try node.inner("configuration"),
        let kind = configuration.members.map(Array.init)?.first?.value
      else { continue }
      for member in ["lambdaArn", "agentAliasArn"] {
        link(.invokes, flow, try kind.text(member).map(unqualified), name, state)
      }
      if let base = try kind.text("knowledgeBaseId") {
        link(
          .invokes, flow, record.local("bedrock", parts.region, "knowledge-base/\(base)"), name,
          state)
      }
      if let bucket = try kind.inner("serviceConfiguration")?.inner("s3")?.text("bucketName") {
        link(.invokes, flow, "arn:aws:s3:::\(bucket)", name, state)
      }
    }
  }
}
