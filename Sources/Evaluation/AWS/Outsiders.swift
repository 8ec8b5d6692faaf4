internal import Model

extension AWSSemantics {
  /// `reaches` hops to a system from those outside of the accounts that were read, whom its own
  /// policy, a grant or an access control list lets in: anyone, another account or its principal,
  /// a service. What of it another account's administrators pass on, is theirs to say.
  func outsiders(
    of system: String, trying tried: [(action: ServiceActions.Action, resource: String)]
  ) -> [Hop] {
    let asked = RequestedResource(system, in: self)
    let policies = asked.policies + asked.grants
    let own = asked.account
    let named = policies.flatMap { $0.compiled?.statements ?? [] }
      .filter { $0.effect == .allow && !$0.excludesPrincipals }.flatMap(\.principals)
    let requesters = Set(named.compactMap(requester)).filter { requester in
      switch requester {
      case .identity(_, let account), .account(let account):
        account != own && entrants[account] == nil
      case .anyone, .service: true
      case .federated: false
      }
    }
    let hops = requesters.compactMap { requester -> Hop? in
      for (action, resource) in tried {
        var context = context(of: requester, trustedBy: own ?? "")
        context["aws:ResourceAccount"] = own.map { .known([$0]) }
        let request = Request(action.name, on: resource, in: context)
        let answer = policies.answer(request) { $0.fit(requester) > .none }
        var decision = answer.decision.and(
          own.map { organizations.limits(on: $0).resourceDecision(request) } ?? .allowed)
        if !requester.isService { decision = decision.and(publicAccess(system, policies)) }
        guard let grant = answer.grant, decision.isPossible else { continue }
        return Hop(
          kind: "reaches", from: nodeID(of: requester), to: system, transfer: .access,
          decision: decision,
          sentence: "\(label(requester)) may take \(action.name) on \(graph.label(system))",
          facts: facts(of: grant, saying: "allows \(action.name)"),
          cause: grant.policy.cause(grant.statement), level: action.level)
      }
      return nil
    }
    return (hops + listed(system, tried)).sorted { $0.precedes($1) }
  }

  private func requester(_ pattern: PrincipalPattern) -> Requester? {
    switch pattern {
    case .everyone: .anyone
    case .account(let account): .account(account)
    case .arn(let arn): ARN(arn).map { .identity(arn: arn, account: $0.account) }
    case .service(let name): .service(name)
    case .federated, .nobody: nil
    }
  }

  /// What a bucket's access control list gives anyone.
  private func listed(
    _ bucket: String, _ tried: [(action: ServiceActions.Action, resource: String)]
  ) -> [Hop] {
    guard let (actions, decision, list) = publicGrants(bucket),
      let best = tried.first(where: { actions.contains($0.action.name) })
    else { return [] }
    return [
      Hop(
        kind: "reaches", from: anyoneNodeID, to: bucket, transfer: .access, decision: decision,
        sentence: "anyone may take \(best.action.name) on \(graph.label(bucket))",
        facts: [Fact(.node(list.id), "\(list.name) gives everybody \(best.action.name)")],
        cause: "node \(list.id)", level: best.action.level)
    ]
  }
}

extension Requester {
  fileprivate var isService: Bool { if case .service = self { true } else { false } }
}
