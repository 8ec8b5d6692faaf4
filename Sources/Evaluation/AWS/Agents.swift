internal import Model

// Agents of Bedrock and AgentCore: what their configuration makes them call, and what their role
// may take.
// Source: Amazon Bedrock User Guide, "Resource-based policy to allow Amazon Bedrock to invoke an
// action group Lambda function"; Amazon Bedrock AgentCore Developer Guide, "Identity and access
// management", "Gateway service role permissions".

extension AWSSemantics {
  /// Whether a call that an agent is configured to make gets through. The function behind an action
  /// group is called by the service, in the agent's name, so the function's own policy decides; a
  /// gateway calls as its role.
  func judgeCall(_ edge: GraphEdge) -> Decision? {
    guard edge.from.hasPrefix("arn:aws:bedrock"), let caller = graph.nodes[edge.from] else {
      return nil
    }
    if edge.state("enabled") == .bool(false) { return .denied }
    guard let function = graph.nodes[edge.to], function.type == "aws.lambda.function" else {
      return nil
    }
    switch caller.type {
    case "aws.bedrock.agent": return admits(function, caller)
    case "aws.agentcore.gateway":
      return .any(
        graph.edges(.runsAs, from: caller.id).compactMap { principals[$0.to] }
          .map { mayInvoke($0, function) })
    default: return nil
    }
  }

  /// By the function's policy, or by that of an alias of it, which may be what is called.
  private func admits(_ function: GraphNode, _ agent: GraphNode) -> Decision {
    let requester = Requester.service("bedrock.amazonaws.com")
    var context = context(of: requester, trustedBy: ARN(function.id)?.account ?? "")
    context["aws:SourceArn"] = .known([agent.id])
    context["aws:SourceAccount"] = .known([ARN(agent.id)?.account ?? ""])
    return .any(
      ([function.id] + aliases(of: function)).map { name in
        let policies = resourcePolicies(of: name)
        guard !policies.isEmpty else {
          return name == function.id ? withoutPolicy(name) : .denied
        }
        return policies.answer(Request("lambda:InvokeFunction", on: name, in: context)) {
          $0.fit(requester) > .none
        }.decision
      })
  }

  private func mayInvoke(_ role: Principal, _ function: GraphNode) -> Decision {
    let action = "lambda:InvokeFunction"
    let names =
      [function.id] + aliases(of: function)
      + role.names(within: function.id + ":*", for: [action])
    return .any(names.map { access(role, action, on: $0).decision })
  }

  private func aliases(of function: GraphNode) -> [String] {
    graph.edges(.invokes, to: function.id).map(\.from).filter {
      $0.hasPrefix(function.id + ":")
    }
  }

  /// Hops of AgentCore: anyone to a gateway that asks nobody who he is, and the roles of agents to
  /// the credential providers whose tokens and keys they may take.
  func agentHops() -> [Hop] {
    let gateways = graph.nodes(ofType: "aws.agentcore.gateway")
    let open = gateways.flatMap { gateway in
      graph.edges(.triggers, from: anyoneNodeID).filter { $0.to == gateway.id }.map { edge in
        Hop(
          kind: "triggers", from: anyoneNodeID, to: gateway.id, transfer: .influence,
          decision: .allowed,
          sentence: "anyone can call gateway \(gateway.name) without authentication",
          facts: [edge.fact(in: graph)], cause: edge.key.causeText)
      }
    }
    let agents =
      gateways
      + ["runtime", "runtimeEndpoint", "harness"].flatMap {
        graph.nodes(ofType: "aws.agentcore.\($0)")
      }
    let roles = Set(agents.flatMap { graph.edges(.runsAs, from: $0.id) }.map(\.to))
      .sorted { $0.precedes($1) }.compactMap { principals[$0] }
    return open
      + [
        ("aws.agentcore.oauthProvider", "bedrock-agentcore:GetResourceOauth2Token"),
        ("aws.agentcore.keyProvider", "bedrock-agentcore:GetResourceApiKey"),
      ].flatMap { type, action in
        graph.nodes(ofType: type).flatMap { provider in
          roles.filter { $0.account == ARN(provider.id)?.account }
            .compactMap { disclosure($0, action, provider) }
        }
      }
  }

  private func disclosure(_ role: Principal, _ action: String, _ provider: GraphNode) -> Hop? {
    let answer = access(role, action, on: provider.id)
    guard let grant = answer.grant, answer.decision.isPossible else { return nil }
    return Hop(
      kind: "discloses", from: role.arn, to: provider.id, transfer: .acquire,
      decision: answer.decision,
      sentence: "\(role.label) may take the credential of provider \(provider.name)",
      facts: facts(of: grant, saying: "allows \(action)"), limits: role.limitFacts,
      cause: grant.policy.cause(grant.statement))
  }
}
