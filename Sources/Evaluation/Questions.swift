internal import Model

// Questions about authority: forward, backward, and why. What a path ends at may be somebody, a
// system, a set of systems, or a data domain; who may act on what is asked when it is needed.

extension Evaluation {
  /// The best ways from one node to another, strongest first, a weaker one only where it is shorter;
  /// empty where there is none.
  public func paths(from: String, to: String) -> [AuthorityPath] {
    let candidates =
      situation.authority.paths(from: from, to: to) + situation.accessPaths(from: from, to: to)
    var paths: [AuthorityPath] = []
    for path in candidates.sorted(by: { $0.isBetter(than: $1) })
    where path.hops.count < paths.last?.hops.count ?? .max {
      paths.append(path)
    }
    return paths
  }

  /// Every path from one node to another that comes to nothing twice, the shortest first, within
  /// bounds; and whether these are all.
  public func allPaths(
    from: String, to: String, maximumHops: Int = AuthorityGraph.maximumHops, limit: Int = 100
  ) -> (paths: [AuthorityPath], isComplete: Bool) {
    var search = SimplePaths(situation, from: from, to: to, maximumHops: maximumHops)
    return search.run(limit: limit)
  }

  /// Every possible hop of everybody, asserted or derived, in order of where they start.
  public var allHops: [Hop] {
    situation.authority.ends.sorted { $0.precedes($1) }.flatMap { hops(from: $0) }
  }

  /// Everything that an identity or automation comes to, each by its best path, and each data domain
  /// by the best at each level; in order of ends.
  public func reach(from id: String) -> [AuthorityPath] {
    var best: [String: AuthorityPath] = [:]
    for way in [AuthorityPath([])] + situation.authority.bestPaths(from: id, endingWith: nil) {
      let further =
        way.hops.last?.transfer == .access
        ? [] : situation.semantics.sensitiveAccess(of: way.hops.last?.to ?? id)
      for path in [way] + further.map({ AuthorityPath(way.hops + [$0]) }) {
        guard let end = path.hops.last?.to, end != id else { continue }
        if let other = best[end], !path.isBetter(than: other) { continue }
        best[end] = path
      }
    }
    let domains = situation.reached(from: id).map(\.path).filter { $0.domain != nil }
    return best.sorted { $0.key.precedes($1.key) }.map(\.value) + domains
  }

  /// Who may act on a system at a level or above, or on systems that hold a data domain, directly or
  /// by becoming somebody who may: the best path of each, in order of where they start.
  public func whoCan(reach system: String, atLeast level: AccessLevel?) -> [AuthorityPath] {
    let own = situation.authority.hops(to: system)
    let ends = (own + situation.semantics.holders(of: system, atLeast: level)).filter {
      level == nil || $0.level.map { $0 >= level ?? .readMetadata } ?? $0.endsAtAdministrators
    }
    let paths = situation.authority.paths(endingWith: ends).filter {
      // The administrators are who comes to be one.
      $0.hops.first?.from.hasSuffix("#administrators") == false
    }
    return paths.map { path in
      guard let end = path.hops.last, end.to != system else { return path }
      let holds = situation.semantics.holdings(of: end.to).filter { $0.to == system }
      return AuthorityPath(path.hops + holds)
    }
  }

  /// - Returns: `nil` for what is no identity of a platform whose policies are understood.
  public func explain(_ identity: String, _ action: String, on resource: String) -> Explanation? {
    situation.semantics.explain(identity, action, on: resource)
  }

  /// What the end of a path holds.
  public func domains(atEndOf path: AuthorityPath) -> [DataDomain] {
    if let domain = path.domain { return [domain] }
    guard let end = path.hops.last, end.transfer == .access else { return [] }
    return situation.semantics.holdings(of: end.to).compactMap { DataDomain(id: $0.to) }
  }
}

extension Situation {
  /// Paths to a system through each of those who may act on it, or to a data domain.
  fileprivate func accessPaths(from start: String, to end: String) -> [AuthorityPath] {
    if let domain = DataDomain(id: end) {
      return reached(from: start).filter { $0.target == .domain(domain) }.map(\.path)
    }
    let holders = holders(of: end)
    guard !holders.isEmpty else { return [] }
    return ([AuthorityPath([])] + authority.bestPaths(from: start, endingWith: nil)).flatMap {
      way in
      (holders[way.hops.last?.to ?? start] ?? []).map { AuthorityPath(way.hops + [$0]) }
    }
  }

  /// Who may act on a system, by who; nobody where it is somebody, because then a path is one to
  /// become it.
  func holders(of id: String) -> [String: [Hop]] {
    let isSystem =
      graph.nodes[id]?.kind == .system || id.hasSuffix(":*")
      || !semantics.holdings(of: id).isEmpty
    return isSystem
      ? Dictionary(grouping: semantics.holders(of: id, atLeast: nil)) { $0.from } : [:]
  }
}
