internal import Model

extension Rule {
  /// A non-human identity that is no administrator and can become one, or gain the right to decide
  /// who may do what.
  ///
  /// The methods' own collections are not inputs: what was not read of a service can hide a path,
  /// but it cannot make one up.
  static let escalationPath = Rule(
    id: "escalation-path", version: 1, title: "Escalation path",
    subjects: SubjectInputs.principals
  ) { situation, subject in
    // What it holds anyhow, at least as firmly, is no escalation.
    let held = situation.privilege(of: subject.id)
    guard situation.semantics.isWorkload(subject), held != .allowed else { return nil }
    let paths =
      situation.authority.bestPaths(from: subject.id, endingWith: "canEscalateTo")
      .filter { $0.hops.last?.endsAtAdministrators == true }
      + situation.authority.bestPaths(from: subject.id, endingWith: "reaches")
      .filter { $0.hops.last?.level == .manageAccess && $0.hops.last?.isOfEverything == false }
    let gained = paths.filter { $0.decision.level > held ?? .denied }
    let ranked = gained.sorted { left, right in
      let (one, two) = (pathSeverity(left), pathSeverity(right))
      if one != two { return one > two }
      if left.hops.count != right.hops.count { return left.hops.count < right.hops.count }
      return (left.hops.last?.to ?? "").precedes(right.hops.last?.to ?? "")
    }
    guard let worst = ranked.first, let last = worst.hops.last else { return nil }
    let what =
      last.endsAtAdministrators
      ? "an administrator of account \(last.account)" : "a holder of \(last.to)"
    let steps = worst.hops.map(\.sentence).joined(separator: "; ")
    return Draft(
      severity: pathSeverity(worst), decision: worst.decision, via: worst.via,
      title: "\(subject.name) can become \(what) in \(worst.hops.count) "
        + (worst.hops.count == 1 ? "step" : "steps"),
      description: "\(steps.asSentence)"
        + (worst.decision.qualifier.map { " (\($0))" } ?? "")
        + ". Nobody granted it that. Remove a step: the permission, the trust, or the authority at "
        + "its end.",
      chain: situation.graph.chain(worst), limits: situation.graph.limits(worst),
      targets: ranked.compactMap { path in
        path.hops.last.map {
          FindingTarget(
            id: $0.to, level: AccessLevel.manageAccess.name,
            strength: path.decision.strength ?? .unknown)
        }
      }, cause: worst.hops[0].cause)
  }
}

private func pathSeverity(_ path: AuthorityPath) -> Severity {
  Severity.high.capped(path.decision, via: path.via)
}

extension Hop {
  /// Of a set that holds everything of an account: its administrators stand for it.
  fileprivate var isOfEverything: Bool { to.hasSuffix("#*") }

  /// The account of a set.
  fileprivate var account: Substring {
    to.dropFirst("aws:account:".count).prefix { $0 != "#" }
  }
}
