internal import Model

extension Rule {
  /// An active key that was not replaced for long, or that stands in for a role its automation runs
  /// as already; a secret that nothing rotates.
  static let longLivedSecret = Rule(
    id: "long-lived-secret", version: 1, title: "Long-lived secret",
    subjects: [
      SubjectInputs("aws.iam.accessKey", ["aws.iam.accessKey"]),
      SubjectInputs("aws.iam.serviceCredential", ["aws.iam.serviceCredential"]),
      SubjectInputs("aws.secretsmanager.secret", ["aws.secretsmanager.secret@*"]),
    ],
    check: { situation, subject in
      guard situation.isInUse(subject), let since = subject.secretSince else { return nil }
      let isOld = situation.now > since + situation.thresholds.secretAge
      let holder = situation.roleHolder(storing: subject.id)
      guard isOld || holder != nil else { return nil }
      let user = situation.graph.edges(.authenticatesAs, from: subject.id).first
      let isSecret = subject.kind != .credential
      let severity = isOld ? situation.secretSeverity(subject, of: user?.to) : .low
      let owner = user.map { " of \(situation.graph.label($0.to))" } ?? ""
      let what = isSecret ? "Secret \(subject.name)" : "Credential \(subject.name)\(owner)"
      let age = isOld ? "is the same since \(since.day)" : "stands in for a role"
      let way = holder.map {
        " \(situation.graph.label($0.from)) holds it and runs as "
          + "\(situation.graph.label($0.to)) anyway."
      }
      let chain =
        [situation.graph.step(node: subject.id, in: subject.scope)]
        + (user.map { situation.graph.steps(along: $0, in: subject.scope) } ?? [])
        + (holder.map { situation.graph.steps(along: $0, in: subject.scope) } ?? [])
      return Draft(
        severity: severity, decision: .allowed, via: "authority", title: "\(what) \(age)",
        description: "\(what) \(age)"
          + (isSecret ? ", and nothing rotates it." : ", and it is active.") + (way ?? "")
          + " Whoever copied it in all that time can still use it. "
          + (isSecret
            ? "Let it rotate by itself."
            : "Let a role or federation serve instead, or replace it."),
        chain: chain, limits: [],
        targets: [
          FindingTarget(id: user?.to ?? subject.id, level: nil, strength: .effective)
        ], cause: "credential \(subject.id)")
    },
    gaps: { situation, subject in
      situation.isInUse(subject) && subject.secretSince == nil
        ? ["creation date of \(subject.id)"] : []
    },
    nextChange: { situation, subject in
      subject.secretSince.map { $0 + situation.thresholds.secretAge + .milliseconds(1) }
    })
}

extension GraphNode {
  /// Since when a secret is what it is.
  fileprivate var secretSince: Timestamp? { time("changed") ?? time("created") }
}

extension Situation {
  /// Keys that are active; secrets that nothing rotates, neither their owner nor a service. AWS
  /// tells of no rotation where none was ever set up.
  /// Source: Secrets Manager API reference, `DescribeSecret`, `RotationEnabled`.
  fileprivate func isInUse(_ subject: GraphNode) -> Bool {
    let state = subject.merged.state
    guard subject.kind == .credential else {
      return state["rotation"] != .bool(true) && state["owningService"] == nil
    }
    // The report on credentials names active keys only, without a status.
    return state["status"].map { $0 == "Active" } ?? true
  }

  /// The edge `runsAs` of an automation that stores a key although it runs as a role.
  fileprivate func roleHolder(storing key: String) -> GraphEdge? {
    graph.edges(.stores, to: key).lazy
      .compactMap { [graph] in
        graph.edges(.runsAs, from: $0.from).first { $0.key.discriminator.isEmpty }
      }
      .first
  }

  fileprivate func secretSeverity(_ subject: GraphNode, of identity: String?) -> Severity {
    guard subject.kind == .credential else { return .low }
    guard let identity else { return .medium }
    return graph.nodes[identity]?.type == "aws.iam.root" || isPrivileged(identity)
      ? .high : .medium
  }
}

extension Graph {
  /// An edge and its end, for a chain.
  func steps(along edge: GraphEdge, in scope: String?) -> [EvidenceStep] {
    [step(edge.fact(in: self), in: scope), step(node: edge.to, in: nodes[edge.to]?.scope ?? scope)]
  }
}
