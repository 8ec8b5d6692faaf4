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
    let (_, parts) = try record.arn("agentArn")
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.agent", arn: "agentArn", name: root.name("agentName"),
      [
        "status": root.json("agentStatus"), "model": root.json("foundationModel"),
        "collaboration": root.json("agentCollaboration"), "created": root.time("createdAt"),
        "key": root.json("customerEncryptionKeyArn"),
        "guardrail": root.inner("guardrailConfiguration")?.json("guardrailIdentifier"),
      ])
    assertions.link(.runsAs, id, try root.text("agentResourceRoleArn"))
    let prompts = try root.inner("promptOverrideConfiguration")?.text("overrideLambda")
    assertions.link(.invokes, id, prompts.map(unqualified), "parser")
    let executor = try root.inner("customOrchestration")?.inner("executor")?.text("lambda")
    assertions.link(.invokes, id, executor.map(unqualified), "orchestration")
    if let model = try root.text("foundationModel") {
      let arn =
        model.hasPrefix("arn:")
        ? model : "arn:aws:bedrock:\(parts.region)::foundation-model/\(model)"
      assertions.link(.invokes, id, arn, "model")
    }
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

  static func flow(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, parts) = try record.arn("arn")
    var (id, assertions) = try record.thing(
      .automation, "aws.bedrock.flow", arn: "arn", name: root.name("name"),
      [
        "status": root.json("status"), "created": root.time("createdAt"),
        "key": root.json("customerEncryptionKeyArn"),
      ])
    assertions.link(.runsAs, id, try root.text("executionRoleArn"))
    for node in try root.inner("definition")?.list("nodes") ?? [] {
      let name = try node.name("name")
      guard let configuration = try node.inner("configuration"),
        let kind = configuration.members.map(Array.init)?.first?.value
      else { continue }
      for member in ["lambdaArn", "agentAliasArn"] {
        assertions.link(.invokes, id, try kind.text(member).map(unqualified), name)
      }
      if let base = try kind.text("knowledgeBaseId") {
        assertions.link(
          .invokes, id, record.local("bedrock", parts.region, "knowledge-base/\(base)"), name)
      }
      if let bucket = try kind.inner("serviceConfiguration")?.inner("s3")?.text("bucketName") {
        assertions.link(.invokes, id, "arn:aws:s3:::\(bucket)", name)
      }
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
