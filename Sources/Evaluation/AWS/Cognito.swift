internal import Model

// Identity pools of Cognito: whoever signed in, and guests where they are let in, become the roles
// that the pool names; in the classic flow any role that trusts the pool.
// Source: Amazon Cognito Developer Guide, "Identity pools authentication flow", "Role trust and
// permissions", "Assigning roles to users".

private let host = "cognito-identity.amazonaws.com"
private let prefix = "aws:cognito-identity-pool:"

extension AWSSemantics {
  /// Hops from identity pools to roles beyond those that a record names, and from those who get an
  /// identity of a pool.
  func poolHops() -> [Hop] {
    let pools = graph.nodes(ofType: "aws.cognito.identityPool")
    let trusting = federated.filter { $0.hop.from == host }.map(\.hop.to)
    return pools.flatMap { pool in
      let roles = graph.edges(.authenticatesAs, from: pool.id)
      let guests = roles.filter {
        $0.key.discriminator == "unauthenticated"
          && pool.state("unauthenticated") == .bool(true)
      }
      let named = Set(roles.map(\.to))
      let others =
        pool.state("classicFlow") == .bool(true)
        ? trusting.filter { !named.contains($0) } : []
      return guests.compactMap { edge in
        hop(
          anyoneNodeID, edge.to, trust(of: edge.to, in: pool, asGuest: true),
          "anyone can become \(graph.label(edge.to)) as a guest of identity pool \(pool.name)",
          [edge.fact(in: graph)])
      }
        + others.compactMap { role in
          hop(
            pool.id, role, trust(of: role, in: pool, asGuest: false),
            "whoever signs in to identity pool \(pool.name) can become \(graph.label(role)), "
              + "by the classic flow",
            [Fact(.node(pool.id), "identity pool \(pool.name) allows the classic flow")])
        } + members(of: pool)
    }
  }

  /// The user pools whose users get an identity of a pool; where anyone can sign up, that is anyone.
  private func members(of pool: GraphNode) -> [Hop] {
    let providers = pool.state("providers")?.textElements ?? []
    return providers.compactMap { graph.node(named: "oidc:https://\($0)") }.flatMap { users in
      [
        hop(
          users.id, pool.id, .allowed,
          "users of user pool \(users.name) get an identity of identity pool \(pool.name)",
          [Fact(.node(pool.id), "identity pool \(pool.name) names \(users.name) as its provider")]),
        users.state("selfSignUp") == .bool(true)
          ? hop(
            anyoneNodeID, users.id, .allowed, "anyone can sign up in user pool \(users.name)",
            [Fact(.node(users.id), "user pool \(users.name) lets anyone sign up")])
          : nil,
      ].compactMap(\.self)
    }
  }

  private func hop(
    _ from: String, _ to: String, _ decision: Decision, _ sentence: String, _ facts: [Fact]
  ) -> Hop? {
    guard decision.isPossible else { return nil }
    return Hop(
      kind: "federates", from: from, to: to, transfer: .acquire, decision: decision,
      sentence: sentence, facts: facts, cause: "identity \(to)")
  }

  /// Whether a role's trust lets a pool's users in, or its guests.
  private func trust(of role: String, in pool: GraphNode, asGuest: Bool) -> Decision {
    guard let target = principals[role] else { return .unknown("identity \(role)") }
    var context = RequestContext()
    context["aws:ResourceAccount"] = .known([target.account])
    context["\(host):aud"] = .known([String(pool.id.dropFirst(prefix.count))])
    context["\(host):amr"] = .known(
      asGuest
        ? ["unauthenticated"]
        : ["authenticated"] + (pool.state("providers")?.textElements ?? []))
    context["\(host):sub"] = .callerChosen
    let request = Request("sts:AssumeRoleWithWebIdentity", on: role, in: context)
    let requester = Requester.federated(host)
    return target.trust.answer(request) { $0.fit(requester) > .none }.decision
      .and(target.limits.resourceDecision(request))
  }

  /// Whether a credential is in force: a key while it is active, a pool as the role's trust says.
  func judgeCredential(_ edge: GraphEdge) -> Decision? {
    guard let node = graph.nodes[edge.from] else { return nil }
    switch node.type {
    case "aws.cognito.identityPool":
      let isForGuests = edge.key.discriminator == "unauthenticated"
      if isForGuests, node.state("unauthenticated") != .bool(true) { return .denied }
      return trust(of: edge.to, in: node, asGuest: isForGuests)
    case "aws.cognito.userPool":
      return .conditional("an identity pool takes the roles of \(node.name) from its tokens")
    case let type where type.hasPrefix("aws.iam."):
      return .of(node.state("status")?.string == "Active")
    default: return nil
    }
  }
}
