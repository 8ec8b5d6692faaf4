internal import Model

extension Rule {
  /// A function or gateway that anyone can start, and that runs with authority.
  ///
  /// The entry is a hop of influence, and what only influences is capped at medium elsewhere: to
  /// start something is not to decide what it does. Here the entry is not one hop among many but
  /// the exposure itself, it is open to the whole world, and the caller's input is the code's to
  /// obey. So it does not cap; influence after the entry does, and so does anything that is not
  /// certain.
  static let publicTrigger = Rule(
    id: "public-trigger", version: 2, title: "Public trigger with authority",
    subjects: [
      SubjectInputs(
        "aws.lambda.function",
        [
          "aws.lambda.function@*", "aws.lambda.policy@*", "aws.lambda.url@*", "aws.iam.role",
          "aws.iam.policy",
        ]),
      SubjectInputs(
        "aws.agentcore.gateway", ["aws.agentcore.gateway@*", "aws.iam.role", "aws.iam.policy"]),
    ]
  ) { situation, subject in
    let graph = situation.graph
    let entries = situation.authority.hops(from: anyoneNodeID, to: subject.id).filter {
      $0.transfer == .influence
    }
    guard let entry = entries.first else { return nil }
    // Identities beside its role, such as that by which a gateway takes tokens, are not what it acts as.
    let runs = situation.authority.hops(from: subject.id).filter {
      $0.kind == "runsAs" && $0.asserted?.discriminator.isEmpty != false
    }
    // Hops are in order, the firmest first.
    guard let run = runs.first else { return nil }
    let authority = situation.semantics.authority(of: run.to)
    guard authority.isPossible else { return nil }
    let reached = situation.authority.bestPaths(from: subject.id, endingWith: "reaches")
      .map { (path: $0, severity: reachSeverity($0, from: entry)) }
      .sorted { left, right in
        if left.severity != right.severity { return left.severity > right.severity }
        let (one, two) = (left.path.hops, right.path.hops)
        if one.count != two.count { return one.count < two.count }
        return (one.last?.to ?? "").precedes(two.last?.to ?? "")
      }
    let chain = AuthorityPath([entry] + (reached.first?.path.hops ?? [run]))
    let decision = reached.isEmpty ? chain.decision.and(authority) : chain.decision
    let role = graph.label(run.to)
    let what = reached.first?.path.hops.last?.sentence ?? "role \(role) may act, within bounds"
    return Draft(
      severity: reached.first?.severity ?? Severity.medium.capped(decision), decision: decision,
      via: chain.via,
      title: "Anyone can start \(subject.name), which runs as \(role)",
      description: "\(entry.sentence.asSentence). It runs as role \(role): \(what)"
        + (decision.qualifier.map { " (\($0))" } ?? "")
        + ". Whoever calls it drives what acts with that authority. Demand authentication or "
        + "name who may call it, and give the role no more than it needs.",
      chain: graph.chain(chain), limits: graph.limits(chain),
      targets: reached.isEmpty
        ? [FindingTarget(id: run.to, level: nil, strength: decision.strength ?? .unknown)]
        : reached.compactMap { reach in
          reach.path.hops.last.map {
            FindingTarget(
              id: $0.to, level: $0.level?.name,
              strength: reach.path.decision.and(entry.decision).strength ?? .unknown)
          }
        }, cause: entry.cause)
  }
}

/// What is reached × how surely: everything that includes access itself is critical.
private func reachSeverity(_ path: AuthorityPath, from entry: Hop) -> Severity {
  let last = path.hops.last
  let severity: Severity =
    last?.to.hasSuffix("#*") == true && last?.level == .manageAccess ? .critical : .high
  return severity.capped(path.decision.and(entry.decision), via: path.via)
}
