internal import Extraction
internal import JSONReader
internal import Model

// What agents work with: memories, browsers, code interpreters; harnesses that put an agent
// together from them; and the Cedar policies that decide which tools a gateway lets through.

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 100))

  static let listMemories = AWSOperation(
    .agentCore, "ListMemories", post: "/memories/", paging: pages)
  static let getMemory = AWSOperation(
    .agentCore, "GetMemory", get: "/memories/{memoryId}/details",
    fixed: ["view": "without_decryption"])
  static let listBrowsers = AWSOperation(
    .agentCore, "ListBrowsers", post: "/browsers", isWithoutBody: true, fixed: ["type": "CUSTOM"],
    paging: pages)
  static let getBrowser = AWSOperation(.agentCore, "GetBrowser", get: "/browsers/{browserId}")
  static let listCodeInterpreters = AWSOperation(
    .agentCore, "ListCodeInterpreters", post: "/code-interpreters", isWithoutBody: true,
    fixed: ["type": "CUSTOM"], paging: pages)
  static let getCodeInterpreter = AWSOperation(
    .agentCore, "GetCodeInterpreter", get: "/code-interpreters/{codeInterpreterId}")
  static let listHarnesses = AWSOperation(
    .agentCore, "ListHarnesses", get: "/harnesses", paging: pages)
  static let getHarness = AWSOperation(.agentCore, "GetHarness", get: "/harnesses/{harnessId}")
  static let listPolicyEngines = AWSOperation(
    .agentCore, "ListPolicyEngines", get: "/policy-engines", paging: pages)
  static let listCedarPolicies = AWSOperation(
    .agentCore, "ListPolicies", get: "/policy-engines/{policyEngineId}/policies", paging: pages)
}

extension AWSUnit {
  private static func tool(
    _ list: AWSOperation, _ items: String, _ get: AWSOperation, id: String, _ kind: AWSKind
  ) -> AWSUnit {
    .tree(AWSListing(list, items: [items], each: [AWSListing(get, [id: .item(id)], [kind])]))
  }

  private static let prose = Redaction(
    "descriptions and failures, which are prose: dropped",
    removed: ["description", "failureReason", "statusReasons"])

  static let agentCoreTools: [AWSUnit] = [
    .tree(
      AWSListing(
        .listMemories, items: ["memories"],
        each: [
          AWSListing(
            .getMemory, ["memoryId": .item("id")], items: ["memory"],
            [
              AWSKind(
                "aws.agentcore.memory", key: .item("arn"),
                redaction: Redaction(
                  "prompts, namespaces and keys of what is remembered: dropped",
                  removed: [
                    "description", "failureReason", "indexedKeys", "namespaceKeys",
                    "strategies.description", "strategies.namespaces",
                    "strategies.namespaceTemplates", "strategies.memoryRecordSchema",
                    "strategies.configuration.extraction",
                    "strategies.configuration.consolidation",
                    "strategies.configuration.reflection",
                  ]), AWSNormalizer.agentMemory)
            ])
        ])),
    tool(
      .listBrowsers, "browserSummaries", .getBrowser, id: "browserId",
      AWSKind(
        "aws.agentcore.browser", key: .item("browserArn"), redaction: prose,
        AWSNormalizer.agentTool("aws.agentcore.browser", arn: "browserArn"))),
    tool(
      .listCodeInterpreters, "codeInterpreterSummaries", .getCodeInterpreter,
      id: "codeInterpreterId",
      AWSKind(
        "aws.agentcore.codeInterpreter", key: .item("codeInterpreterArn"), redaction: prose,
        AWSNormalizer.agentTool("aws.agentcore.codeInterpreter", arn: "codeInterpreterArn"))),
    .tree(
      AWSListing(
        .listHarnesses, items: ["harnesses"],
        each: [
          AWSListing(
            .getHarness, ["harnessId": .item("harnessId")], items: ["harness"],
            [
              AWSKind(
                "aws.agentcore.harness", key: .item("arn"),
                redaction: Redaction(
                  note: "of a harness only its role, model, what it uses and who may call it: no "
                    + "prompts, schemas, headers or values of environment variables",
                  published: { try AWSNormalizer.reducedHarness($0) }), AWSNormalizer.harness)
            ])
        ])),
    .tree(
      AWSListing(
        .listPolicyEngines, items: ["policyEngines"],
        [
          AWSKind(
            "aws.agentcore.policyEngine", key: .item("policyEngineArn"), redaction: prose,
            AWSNormalizer.policyEngine)
        ],
        each: [
          AWSListing(
            .listCedarPolicies, ["policyEngineId": .item("policyEngineId")], items: ["policies"],
            [
              AWSKind(
                "aws.agentcore.policy", key: .item("policyArn"),
                members: [("Engine", .parent("policyEngineArn")), ("Policy", .at(0, []))],
                redaction: Redaction(
                  "descriptions and failures, which are prose: dropped",
                  removed: ["Policy.description", "Policy.statusReasons"]),
                AWSNormalizer.cedarPolicy)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  /// Its role reads what agents said and calls models with it.
  static func agentMemory(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.agentcore.memory", arn: "arn", name: root.name("name"),
      [
        "status": root.json("status"), "key": root.json("encryptionKeyArn"),
        "days": root.number("eventExpiryDuration"), "created": root.time("createdAt"),
      ])
    assertions.link(.runsAs, id, try root.text("memoryExecutionRoleArn"))
    for strategy in try root.list("strategies") {
      let name = try strategy.name("name")
      let invocation = try strategy.inner("configuration")?.inner("selfManagedConfiguration")?
        .inner("invocationConfiguration")
      assertions.link(.invokes, id, try invocation?.text("topicArn"), name)
      assertions.link(
        .invokes, id,
        try invocation?.text("payloadDeliveryBucketName").map { "arn:aws:s3:::\($0)" }, name)
    }
    for resource in try root.inner("streamDeliveryResources")?.list("resources") ?? [] {
      assertions.link(
        .invokes, id, try resource.inner("kinesis")?.text("dataStreamArn"), "stream")
    }
    return assertions
  }

  /// A browser or a code interpreter: code that an agent makes up runs there.
  static func agentTool(_ type: String, arn: String) -> Kind {
    { record throws(JSONError) in
      let root = record.root
      var (id, assertions) = try record.thing(
        .automation, type, arn: arn, name: root.name("name"),
        [
          "status": root.json("status"), "created": root.time("createdAt"),
          "network": root.inner("networkConfiguration")?.json("networkMode"),
        ])
      assertions.link(.runsAs, id, try root.text("executionRoleArn"))
      let recording = try root.inner("recording")?.inner("s3Location")
      assertions.link(
        .invokes, id, try recording?.text("bucket").map { "arn:aws:s3:::\($0)" }, "recording")
      for certificate in try root.list("certificates") {
        assertions.link(
          .authenticatesWith, id,
          try certificate.inner("location")?.inner("secretsManager")?.text("secretArn"))
      }
      return assertions
    }
  }

  /// What is published of a harness.
  static func reducedHarness(_ harness: JSONView) throws -> [UInt8] {
    var tools: [JSON] = []
    for tool in try harness.list("tools") {
      let configuration = try tool.inner("config")
      let gateway = try configuration?.inner("agentCoreGateway")
      let remote = try configuration?.inner("remoteMcp")?.text("url")
      let arns = [
        try gateway?.text("gatewayArn"),
        try configuration?.inner("agentCoreBrowser")?.text("browserArn"),
        try configuration?.inner("agentCoreCodeInterpreter")?.text("codeInterpreterArn"),
      ]
      tools.append(
        .members([
          "type": try tool.json("type"), "name": try tool.json("name"),
          "host": remote.flatMap(hostName).map(JSON.string),
          "provider": try gateway?.inner("outboundAuth")?.inner("oauth")?.json("providerArn"),
          "arn": arns.compactMap { $0 }.first.map(JSON.string),
        ]))
    }
    let model = try harness.inner("model")?.members.map(Array.init)?.first?.value
    let memory = try harness.inner("memory")
    let own = try memory?.inner("agentCoreMemoryConfiguration")?.text("arn")
    let managed = try memory?.inner("managedMemoryConfiguration")?.text("arn")
    let variables = try harness.optionalObject(at: "environmentVariables").map(Array.init) ?? []
    let authorizer = try issuer(harness)
    return JSON.members([
      "arn": try harness.json("arn"), "harnessName": try harness.json("harnessName"),
      "status": try harness.json("status"), "version": try harness.json("harnessVersion"),
      "executionRoleArn": try harness.json("executionRoleArn"),
      "createdAt": try harness.optionalValue(at: "createdAt").map { JSON($0) },
      "tools": .array(tools), "modelId": try model?.json("modelId"),
      "modelKeyArn": try model?.json("apiKeyArn"),
      "runtimeArn": try harness.inner("environment")?.inner("agentCoreRuntimeEnvironment")?
        .json("agentRuntimeArn"),
      "memoryArn": (own ?? managed).map(JSON.string),
      "image": try harness.inner("environmentArtifact")?.inner("containerConfiguration")?
        .json("containerUri"),
      "environmentVariables": .object(
        Dictionary(
          variables.map { member in
            let shape = member.value.string.map(Redaction.shape(of:)) ?? .opaque
            return (member.key, .string(shape.rawValue))
          }, uniquingKeysWith: { _, last in last })),
      "discoveryUrl": try authorizer?.json("discoveryUrl"),
      "allowedAudience": try authorizer?.set("allowedAudience"),
      "allowedClients": try authorizer?.set("allowedClients"),
    ]).bytes
  }

  /// An agent that is put together from what the account has.
  static func harness(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.agentcore.harness", arn: "arn", name: root.name("harnessName"),
      [
        "status": root.json("status"), "model": root.json("modelId"), "image": root.json("image"),
        "created": root.time("createdAt"), "authorizer": root.json("discoveryUrl"),
        "audiences": root.set("allowedAudience"), "clients": root.set("allowedClients"),
      ])
    assertions.link(.runsAs, id, try root.text("executionRoleArn"))
    assertions.link(.authenticatesWith, id, try root.text("modelKeyArn"))
    assertions.link(.invokes, id, try root.text("runtimeArn"), "environment")
    assertions.link(.invokes, id, try root.text("memoryArn"), "memory")
    for tool in try root.list("tools") {
      let (given, type) = (try tool.text("name"), try tool.name("type"))
      let name = given ?? type
      assertions.link(.invokes, id, try tool.text("arn"), name)
      assertions.link(.invokes, id, try tool.text("host"), name)
      assertions.link(.authenticatesWith, id, try tool.text("provider"), name)
    }
    assertions.store(
      try root.storedMembers("environmentVariables"), in: id, "aws.agentcore.environment")
    return assertions
  }

  static func policyEngine(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .container, "aws.agentcore.policyEngine", arn: "policyEngineArn", name: root.name("name"),
      [
        "status": root.json("status"), "key": root.json("encryptionKeyArn"),
        "created": root.time("createdAt"),
      ]
    ).assertions
  }

  /// A statement in Cedar's language, kept as it is: it is no policy of IAM.
  static func cedarPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let policy = try record.root.value(at: "Policy")
    let id = try record.identifier(policy.value(at: "policyArn"))
    let definition = try policy.inner("definition")
    let cedar = try definition?.inner("cedar")?.text("statement")
    let other = try definition?.inner("policy")?.text("statement")
    let statement = cedar ?? other
    let document = PolicyDocument(canonical: .members(["cedar": statement.map(JSON.string)]))
    var assertions = Assertions()
    assertions.add(
      policy: id, type: "aws.agentcore.policy", name: try policy.name("name"), document: document,
      defines: [id],
      state: .present([
        "status": try policy.json("status"), "mode": try policy.json("enforcementMode"),
      ]))
    assertions.link(.contains, try record.root.name("Engine"), id)
    return assertions
  }
}
