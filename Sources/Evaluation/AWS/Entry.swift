internal import Model

extension AWSSemantics {
  /// Hops by which anyone may start a function: its URL without authentication, or the Invoke call.
  ///
  /// Both are decided by the function's resource policy; without a policy nobody from outside gets
  /// in. Control policies do not limit principals of other accounts, and resource control policies
  /// do not cover Lambda.
  /// Source: Lambda Developer Guide, "Control access to Lambda function URLs"; Organizations User
  /// Guide, "Resource control policies".
  func entries(to function: GraphNode) -> [Hop] {
    let policies = shelf.policies(governing: function)
    let mayEnter = policies.contains { policy in
      policy.compiled?.statements.contains { $0.effect == .allow && $0.fit(.anyone) > .none }
        ?? false
    }
    guard mayEnter else { return [] }
    let urls = graph.edges(.triggers, to: function).filter { $0.from == anyoneNodeID }
    return urls.compactMap { urlEntry($0, function, policies) }
      + [invokeEntry(function, policies)].compactMap(\.self)
  }

  private func urlEntry(
    _ url: GraphEdge, _ function: GraphNode, _ policies: [HeldPolicy]
  ) -> Hop? {
    guard url.state("authType")?.string == "NONE" else { return nil }
    var context = context(of: .anyone, trustedBy: ARN(function.id)?.account ?? "")
    context["lambda:FunctionUrlAuthType"] = .known(["NONE"])
    context["lambda:InvokedViaFunctionUrl"] = .known(["true"])
    let address = url.state("url")?.string ?? "its URL"
    return entry(
      "anyone can call function \(function.name) at \(address) without authentication",
      Request("lambda:InvokeFunctionUrl", on: function.id, in: context), function, policies,
      before: [
        Fact(.edge(url.key), "function \(function.name) has the URL \(address) with AuthType NONE")
      ])
  }

  private func invokeEntry(_ function: GraphNode, _ policies: [HeldPolicy]) -> Hop? {
    var context = context(of: .anyone, trustedBy: ARN(function.id)?.account ?? "")
    context["lambda:InvokedViaFunctionUrl"] = .known(["false"])
    context["lambda:FunctionUrlAuthType"] = .absent
    return entry(
      "any AWS account can invoke function \(function.name)",
      Request("lambda:InvokeFunction", on: function.id, in: context), function, policies,
      before: [])
  }

  private func entry(
    _ sentence: String, _ request: Request, _ function: GraphNode, _ policies: [HeldPolicy],
    before: [Fact]
  ) -> Hop? {
    let answer = policies.answer(request) { $0.fit(.anyone) > .none }
    guard let grant = answer.grant, answer.decision.isPossible else { return nil }
    return Hop(
      kind: "triggers", from: anyoneNodeID, to: function.id, transfer: .influence,
      decision: answer.decision, sentence: sentence,
      facts: before + facts(of: grant, saying: "allows anyone \(request.name)"),
      limits: policies.withDenies.map {
        Fact(.node($0.id), "considered: \($0.name) has a deny")
      },
      cause: grant.policy.cause(grant.statement))
  }
}
