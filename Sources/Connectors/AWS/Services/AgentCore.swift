internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// Source: Bedrock AgentCore Developer Guide, "Quotas": lists 5 a second.
  static let agentCore = AWSService(
    "bedrock-agentcore-control", .restJSON, signingName: "bedrock-agentcore", perSecond: 5,
    pages: "bedrock-agentcore-control/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 100))

  static let listAgentRuntimes = AWSOperation(
    .agentCore, "ListAgentRuntimes", post: "/runtimes/", isWithoutBody: true, paging: pages)
  static let getAgentRuntime = AWSOperation(
    .agentCore, "GetAgentRuntime", get: "/runtimes/{agentRuntimeId}/")
  static let listRuntimeEndpoints = AWSOperation(
    .agentCore, "ListAgentRuntimeEndpoints", post: "/runtimes/{agentRuntimeId}/runtime-endpoints/",
    isWithoutBody: true, paging: pages)
  static let getAgentCorePolicy = AWSOperation(
    .agentCore, "GetResourcePolicy", get: "/resourcepolicy/{resourceArn}")
  static let listGateways = AWSOperation(
    .agentCore, "ListGateways", get: "/gateways/", paging: pages)
  static let getGateway = AWSOperation(
    .agentCore, "GetGateway", get: "/gateways/{gatewayIdentifier}/")
  static let listGatewayTargets = AWSOperation(
    .agentCore, "ListGatewayTargets", get: "/gateways/{gatewayIdentifier}/targets/", paging: pages)
  static let getGatewayTarget = AWSOperation(
    .agentCore, "GetGatewayTarget", get: "/gateways/{gatewayIdentifier}/targets/{targetId}/")
}

extension AWSUnit {
  private static func policy(_ name: String, of arn: String) -> AWSListing {
    AWSListing(
      .getAgentCorePolicy, ["resourceArn": .item(arn)],
      [
        AWSKind(
          name, key: .parent(arn), members: [("Arn", .parent(arn)), ("Policy", .item("policy"))],
          AWSNormalizer.resourcePolicy(name, of: "Arn", "Policy"))
      ])
  }

  static let agentCore: [AWSUnit] = [
    .tree(
      AWSListing(
        .listAgentRuntimes, items: ["agentRuntimes"],
        each: [
          AWSListing(
            .getAgentRuntime, ["agentRuntimeId": .item("agentRuntimeId")],
            [
              AWSKind(
                "aws.agentcore.runtime", key: .item("agentRuntimeArn"),
                redaction: Redaction(
                  "values of environment variables: replaced by their shape",
                  shapes: ["environmentVariables"], removed: ["failureReason", "description"]),
                AWSNormalizer.agentRuntime)
            ], each: [policy("aws.agentcore.runtimePolicy", of: "agentRuntimeArn")]),
          AWSListing(
            .listRuntimeEndpoints, ["agentRuntimeId": .item("agentRuntimeId")],
            items: ["runtimeEndpoints"],
            each: [
              // A version runs as the role that the runtime had then; without one nothing runs.
              AWSListing(
                .getAgentRuntime,
                ["agentRuntimeId": .parent("agentRuntimeId"), "version": .item("liveVersion")],
                needs: .item("liveVersion"),
                [
                  AWSKind(
                    "aws.agentcore.runtimeEndpoint", key: .parent("agentRuntimeEndpointArn"),
                    members: [("Endpoint", .at(1, [])), ("RoleArn", .item("roleArn"))],
                    redaction: Redaction(
                      "descriptions: dropped", removed: ["Endpoint.description"]),
                    AWSNormalizer.runtimeEndpoint)
                ]),
              policy("aws.agentcore.runtimeEndpointPolicy", of: "agentRuntimeEndpointArn"),
            ]),
        ])),
    .tree(
      AWSListing(
        .listGateways, items: ["items"],
        each: [
          AWSListing(
            .getGateway, ["gatewayIdentifier": .item("gatewayId")],
            [
              AWSKind(
                "aws.agentcore.gateway", key: .item("gatewayArn"),
                redaction: Redaction(
                  "instructions: dropped",
                  removed: ["protocolConfiguration", "statusReasons", "description"]),
                AWSNormalizer.gateway)
            ], each: [policy("aws.agentcore.gatewayPolicy", of: "gatewayArn")]),
          AWSListing(
            .listGatewayTargets, ["gatewayIdentifier": .item("gatewayId")], items: ["items"],
            each: [
              AWSListing(
                .getGatewayTarget,
                ["gatewayIdentifier": .parent("gatewayId"), "targetId": .item("targetId")],
                [
                  AWSKind(
                    "aws.agentcore.gatewayTarget",
                    key: .joined([.item("gatewayArn"), "#target/", .item("targetId")]),
                    redaction: Redaction(
                      "schemas of tools: only names and ARNs stay",
                      removed: ["statusReasons", "authorizationData", "description"],
                      definitions: ["targetConfiguration"]), AWSNormalizer.gatewayTarget)
                ])
            ]),
        ])),
  ]
}

extension AWSNormalizer {
  /// Who may call it, as the authorizer says; `nil` where AWS's own signatures are asked for.
  static func issuer(_ root: JSONView) throws(JSONError) -> JSONView? {
    try root.inner("authorizerConfiguration")?.inner("customJWTAuthorizer")
  }

  static func agentRuntime(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let authorizer = try issuer(root)
    var (id, assertions) = try record.thing(
      .automation, "aws.agentcore.runtime", arn: "agentRuntimeArn",
      name: root.name("agentRuntimeName"),
      [
        "status": root.json("status"), "created": root.time("createdAt"),
        "network": root.inner("networkConfiguration")?.json("networkMode"),
        "protocol": root.inner("protocolConfiguration")?.json("serverProtocol"),
        "image": root.inner("agentRuntimeArtifact")?.inner("containerConfiguration")?
          .json("containerUri"),
        "authorizer": authorizer?.json("discoveryUrl"),
        "audiences": authorizer?.set("allowedAudience"),
        "clients": authorizer?.set("allowedClients"),
      ])
    assertions.link(.runsAs, id, try root.text("roleArn"))
    assertions.link(.runsAs, id, try workloadIdentity(root), "workload")
    assertions.store(
      try root.storedMembers("environmentVariables"), in: id, "aws.agentcore.environment")
    return assertions
  }

  /// The name under which it asks for tokens and keys of other services.
  private static func workloadIdentity(_ root: JSONView) throws(JSONError) -> String? {
    try root.inner("workloadIdentityDetails")?.text("workloadIdentityArn")
  }

  /// A version of a runtime under a name, by which it is called.
  static func runtimeEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let endpoint = try record.root.value(at: "Endpoint")
    let id = try endpoint.name("agentRuntimeEndpointArn")
    var assertions = try record.thing(
      .automation, "aws.agentcore.runtimeEndpoint", id: id, name: endpoint.name("name"),
      [
        "status": endpoint.json("status"), "version": endpoint.json("liveVersion"),
        "created": endpoint.time("createdAt"),
      ]
    ).assertions
    assertions.link(.runsAs, id, try record.root.text("RoleArn"))
    assertions.link(.invokes, id, try endpoint.text("agentRuntimeArn"))
    return assertions
  }

  static func gateway(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let authorizer = try issuer(root)
    let type = try root.text("authorizerType")
    let engine = try root.inner("policyEngineConfiguration")
    var (id, assertions) = try record.thing(
      .automation, "aws.agentcore.gateway", arn: "gatewayArn", name: root.name("name"),
      [
        "status": root.json("status"), "created": root.time("createdAt"),
        "authorizerType": type.map(JSON.string), "authorizer": authorizer?.json("discoveryUrl"),
        "audiences": authorizer?.set("allowedAudience"),
        "clients": authorizer?.set("allowedClients"),
        "url": root.json("gatewayUrl"), "key": root.json("kmsKeyArn"),
        "policyEngine": engine?.json("arn"), "policyMode": engine?.json("mode"),
      ])
    assertions.link(.runsAs, id, try root.text("roleArn"))
    assertions.link(.runsAs, id, try workloadIdentity(root), "workload")
    if type == "NONE" {
      assertions.link(.triggers, anyoneNodeID, id, "gateway", ["authType": "NONE"])
    }
    for interceptor in try root.list("interceptorConfigurations") {
      let function = try interceptor.inner("interceptor")?.inner("lambda")?.text("arn")
      assertions.link(.invokes, id, function.map(unqualified), "interceptor")
    }
    return assertions
  }

  static func gatewayTarget(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let gateway = try root.name("gatewayArn")
    let target = try root.name("targetId")
    try record.check("\(gateway)#target/\(target)")
    let id = "\(gateway)#target/\(target)"
    var types: [String] = []
    var assertions = Assertions()
    for provider in try root.list("credentialProviderConfigurations") {
      types.append(try provider.name("credentialProviderType"))
      let credential = try provider.inner("credentialProvider")
      for kind in ["oauthCredentialProvider", "apiKeyCredentialProvider"] {
        assertions.link(
          .authenticatesWith, id, try credential?.inner(kind)?.text("providerArn"))
      }
    }
    assertions.nodes.append(
      Node(
        id: id, kind: .connection, type: "aws.agentcore.gatewayTarget", name: try root.name("name"),
        state: .present([
          "account": .string(record.scope.account), "status": try root.json("status"),
          "created": try root.time("createdAt"), "credentials": .set(types),
        ])))
    assertions.link(.connectsTo, gateway, id)
    let function = try root.inner("targetConfiguration")?.inner("mcp")?.inner("lambda")?
      .text("lambdaArn")
    assertions.link(.invokes, gateway, function.map(unqualified), target)
    return assertions
  }
}
