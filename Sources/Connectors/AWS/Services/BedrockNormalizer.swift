internal import Extraction
internal import JSONReader
internal import Model

// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Types.html

extension AWSNormalizer {
  /// The account's ARN of a Bedrock resource in the record's region.
  private static func bedrock(_ record: AWSRecord, _ resource: String) throws(JSONError) -> String {
    record.local("bedrock", try record.root.name("Region"), resource)
  }

  static func agent(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.agent", arn: "agentArn", name: root.name("agentName"),
      [
        "status": root.json("agentStatus"), "model": root.json("foundationModel"),
        "collaboration": root.json("agentCollaboration"), "created": root.time("createdAt"),
        "key": root.json("customerEncryptionKeyArn"),
        "guardrail": root.inner("guardrailConfiguration")?.json("guardrailIdentifier"),
      ])
    try assertions.linkAgent(id, root, version: "")
    let executor = try root.inner("customOrchestration")?.inner("executor")?.text("lambda")
    assertions.link(.invokes, id, executor.map(unqualified), "orchestration")
    return assertions
  }

  /// A version keeps the role and the model that its agent had; an alias may still lead to it.
  static func agentVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let agent = try root.name("agentArn")
    let version = try root.name("version")
    try record.check("\(agent)#version/\(version)")
    var assertions = Assertions()
    try assertions.linkAgent(agent, root, version: version)
    return assertions
  }

  static func agentAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, parts) = try record.arn("agentAliasArn")
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.agentAlias", arn: "agentAliasArn",
      name: root.name("agentAliasName"),
      [
        "status": root.json("agentAliasStatus"), "created": root.time("createdAt"),
        "versions": root.set("routingConfiguration", "agentVersion"),
      ])
    assertions.link(
      .invokes, id, record.local("bedrock", parts.region, "agent/\(try root.name("agentId"))"))
    return assertions
  }

  /// A function behind an action group is called by the agent; its own policy lets the agent in.
  static func actionGroup(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let group = try record.root.value(at: "ActionGroup")
    let agent = try bedrock(record, "agent/\(try group.name("agentId"))")
    let version = try group.name("agentVersion")
    let name = "\(version)/\(try group.name("actionGroupId"))"
    try record.check("\(agent)#actionGroup/\(name)")
    var assertions = Assertions()
    let executor = try group.inner("actionGroupExecutor")
    assertions.link(
      .invokes, agent, try executor?.text("lambda").map(unqualified), name,
      [
        "version": .string(version), "name": try group.json("actionGroupName"),
        "enabled": .bool(try group.text("actionGroupState") == "ENABLED"),
      ])
    return assertions
  }

  static func agentKnowledgeBase(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let base = try root.value(at: "KnowledgeBase")
    let agent = try bedrock(record, "agent/\(try root.name("AgentId"))")
    let version = try root.name("AgentVersion")
    let id = try base.name("knowledgeBaseId")
    try record.check("\(agent)#knowledgeBase/\(version)/\(id)")
    var assertions = Assertions()
    assertions.link(
      .invokes, agent, try bedrock(record, "knowledge-base/\(id)"), version,
      ["enabled": .bool(try base.text("knowledgeBaseState") == "ENABLED")])
    return assertions
  }

  static func agentCollaborator(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let collaborator = try root.value(at: "Collaborator")
    let agent = try bedrock(record, "agent/\(try root.name("AgentId"))")
    let version = try root.name("AgentVersion")
    let id = try collaborator.name("collaboratorId")
    try record.check("\(agent)#collaborator/\(version)/\(id)")
    var assertions = Assertions()
    assertions.link(
      .invokes, agent, try collaborator.inner("agentDescriptor")?.text("aliasArn"),
      "\(version)/\(id)", ["name": try collaborator.json("collaboratorName")])
    return assertions
  }

  static func knowledgeBase(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let storage = try root.inner("storageConfiguration")
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.knowledgeBase", arn: "knowledgeBaseArn", name: root.name("name"),
      [
        "status": root.json("status"), "created": root.time("createdAt"),
        "type": root.inner("knowledgeBaseConfiguration")?.json("type"),
        "storage": storage?.json("type"),
      ])
    assertions.link(.runsAs, id, try root.text("roleArn"))
    // Whatever kind of store it is: the ARNs in its configuration are the store and its secret.
    for (kind, member) in [
      ("opensearchServerlessConfiguration", "collectionArn"),
      ("opensearchManagedClusterConfiguration", "domainArn"), ("rdsConfiguration", "resourceArn"),
      ("neptuneAnalyticsConfiguration", "graphArn"), ("s3VectorsConfiguration", "vectorBucketArn"),
    ] {
      assertions.link(.connectsTo, id, try storage?.inner(kind)?.text(member))
    }
    for kind in [
      "rdsConfiguration", "pineconeConfiguration", "redisEnterpriseCloudConfiguration",
      "mongoDbAtlasConfiguration",
    ] {
      assertions.link(
        .authenticatesWith, id, try storage?.inner(kind)?.text("credentialsSecretArn"))
    }
    return assertions
  }

  static func dataSource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let source = try record.root.value(at: "DataSource")
    let base = try bedrock(record, "knowledge-base/\(try source.name("knowledgeBaseId"))")
    let id = "\(base)#dataSource/\(try source.name("dataSourceId"))"
    try record.check(id)
    let configuration = try source.inner("dataSourceConfiguration")
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .connection, type: "aws.bedrock.dataSource", name: try source.name("name"),
        state: .present([
          "account": .string(record.scope.account), "status": try source.json("status"),
          "type": try configuration?.json("type"), "created": try source.time("createdAt"),
        ]))
    ])
    assertions.link(.connectsTo, base, id)
    assertions.link(.targets, id, try configuration?.inner("s3Configuration")?.text("bucketArn"))
    for kind in ["confluence", "salesforce", "sharePoint"] {
      let source = try configuration?.inner("\(kind)Configuration")?.inner("sourceConfiguration")
      assertions.link(.authenticatesWith, id, try source?.text("credentialsSecretArn"))
      assertions.link(.targets, id, try source?.text("hostUrl").flatMap(hostName))
    }
    return assertions
  }

  static func guardrail(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.bedrock.guardrail", arn: "arn", name: root.name("name"),
      [
        "status": root.json("status"), "version": root.json("version"),
        "created": root.time("createdAt"),
      ]
    ).assertions
  }
}

extension Assertions {
  /// What an agent, or a version of it, runs as and calls.
  fileprivate mutating func linkAgent(
    _ agent: String, _ root: JSONView, version: String
  ) throws(JSONError) {
    let prefix = version.isEmpty ? "" : version + "/"
    let state = ["version": version.isEmpty ? nil : JSON.string(version)]
    link(.runsAs, agent, try root.text("agentResourceRoleArn"), version, state)
    let parser = try root.inner("promptOverrideConfiguration")?.text("overrideLambda")
    link(.invokes, agent, parser.map(unqualified), prefix + "parser", state)
    guard let model = try root.text("foundationModel"), let parts = ARNParts(agent) else { return }
    let arn =
      model.hasPrefix("arn:")
      ? model : "arn:aws:bedrock:\(parts.region)::foundation-model/\(model)"
    link(.invokes, agent, arn, prefix + "model", state)
  }
}
