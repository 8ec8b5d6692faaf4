internal import Model

// What several rules ask about an identity.

extension Situation {
  /// How firmly a non-human identity may do anything at all; `nil` for others, and where it may not.
  /// It takes time: ask what is cheaper before. Remembered, for several rules ask.
  func workloadAuthority(_ identity: GraphNode) -> Decision? {
    guard semantics.isWorkload(identity) else { return nil }
    let id = identity.id
    let decision = authorities.value(of: id) { semantics.authority(of: id) }
    return decision.isPossible ? decision : nil
  }

  /// How firmly an identity may, by itself, decide who may do what; `nil` where it may not.
  func privilege(of identity: String) -> Decision.Level? {
    authority.hops(from: identity).filter { $0.level == .manageAccess || $0.isAdministration }
      .map(\.decision.level).max()
  }

  func isPrivileged(_ identity: String) -> Bool { privilege(of: identity) != nil }

  /// The hop of an identity that reaches most, by itself.
  func widestReach(of identity: String) -> Hop? {
    authority.hops(from: identity).filter { $0.kind == "reaches" }.min { left, right in
      let (one, two) = (unboundedSeverity(left), unboundedSeverity(right))
      return one == two ? left.precedes(right) : one > two
    }
  }

  /// What an identity may do, for a chain: the way to what it reaches most, or else to its policies.
  func standing(_ identity: GraphNode) -> (chain: [EvidenceStep], limits: [EvidenceStep]) {
    if let reach = widestReach(of: identity.id) {
      let path = AuthorityPath([reach])
      return (graph.chain(path), graph.limits(path))
    }
    let groups = graph.edges(.memberOf, from: identity)
    let grants =
      graph.edges(.grantedBy, from: identity)
      + groups + groups.flatMap { graph.edges(.grantedBy, from: $0.to) }
    let facts = grants.map { graph.step($0.fact(in: graph), in: identity.scope) }
    return ([graph.step(node: identity.id, in: identity.scope)] + facts, [])
  }

  /// The proof of an absence: the complete listing of a collection.
  func absence(_ collection: String, of subject: GraphNode, _ sentence: String) -> EvidenceStep? {
    subject.scope.map { scope in
      graph.step(
        Fact(.collection(CollectionKey(scope: scope, collection: collection)), sentence), in: scope)
    }
  }
}

extension Situation {
  /// The proof that accounts are strangers: the listing of the organization that lacks them, or the one
  /// that shows that there is none.
  func strangers(_ accounts: some Sequence<String>, to subject: GraphNode) -> [EvidenceStep] {
    guard let own = semantics.owner(of: subject.id) else { return [] }
    let listings = semantics.organizationInputs(account: own).keys
    return Set(accounts).sorted { $0.precedes($1) }.flatMap { account in
      listings.map { key in
        let sentence = "account \(account) is in no organization with account \(own)"
        return graph.step(Fact(.collection(key), sentence), in: subject.scope)
      }
    }
  }
}

extension GraphNode {
  /// A moment that its records tell, such as `created`.
  func time(_ member: String) -> Timestamp? {
    state(member)?.string.flatMap { Timestamp($0) }
  }

  /// Its tags, their names in lower case: AWS tells `Owner` from `owner`, people do not.
  var tags: [String: String] {
    guard case .object(let tags)? = state("tags") else { return [:] }
    return Dictionary(
      tags.sorted { $0.key.precedes($1.key) }.compactMap { key, value in
        value.string.flatMap { $0.isEmpty ? nil : (key.lowercased(), $0) }
      }
    ) { first, _ in first }
  }
}
