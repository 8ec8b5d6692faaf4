internal import Model

extension Rule {
  /// A non-human identity whose authority nobody has used for long.
  ///
  /// Roles: IAM tells the last use within 400 days, and so do the reports on services and the
  /// trail's events where they are read; the latest counts. Users: the last use of their keys and
  /// their password, too. What was never used is as old as the identity.
  /// Source: IAM User Guide, "Refine permissions in AWS using last accessed information".
  static let dormantAuthority = Rule(
    id: "dormant-authority", version: 1, title: "Dormant authority",
    subjects: [
      SubjectInputs("aws.iam.role", Principal.collections),
      SubjectInputs(
        "aws.iam.user",
        Principal.collections + ["aws.iam.accessKey", "aws.iam.credentialReport"]),
    ],
    check: { situation, subject in
      guard let idleness = Idleness(of: subject, situation), idleness.gaps.isEmpty,
        situation.now > idleness.since + situation.thresholds.dormantAfter,
        let decision = situation.workloadAuthority(subject)
      else { return nil }
      let reach = situation.widestReach(of: subject.id)
      let (chain, limits) = situation.standing(subject)
      return Draft(
        severity: dormantSeverity(reach, isPrivileged: situation.isPrivileged(subject.id))
          .capped(decision),
        decision: decision, via: "authority",
        title: "\(subject.name) holds authority that \(idleness.phrase)",
        description: "\(subject.name) exists since \(idleness.created.day), and its authority "
          + "\(idleness.phrase)"
          + (reach.map { "; \($0.sentence)" } ?? "") + ". "
          + "Authority that nobody uses serves only whoever steals it. Remove it, or deny it "
          + "everything and wait for somebody to miss it.",
        chain: chain,
        limits: limits
          + idleness.sources.compactMap { source in
            var step = situation.absence(
              source, of: subject, "\(source) tells that \(subject.name) \(idleness.phrase)")
            step?.basis = .temporal
            return step
          },
        targets: reach.map { [$0.target] }
          ?? [
            FindingTarget(id: subject.id, level: nil, strength: decision.strength ?? .unknown)
          ], cause: "identity \(subject.id)")
    },
    gaps: { situation, subject in
      let gaps = Idleness(of: subject, situation)?.gaps ?? ["creation date of \(subject.id)"]
      return gaps.isEmpty || situation.workloadAuthority(subject) == nil ? [] : gaps
    },
    nextChange: { situation, subject in
      Idleness(of: subject, situation).map {
        $0.since + situation.thresholds.dormantAfter + .milliseconds(1)
      }
    })
}

private func dormantSeverity(_ reach: Hop?, isPrivileged: Bool) -> Severity {
  if isPrivileged { return .high }
  return reach == nil ? .low : .medium
}

/// Since when an identity has done nothing.
private struct Idleness {
  var created: Timestamp
  var lastUse: LastUse?
  /// Collections that cover its activity.
  var sources: [String]
  /// Credentials of which nobody could tell the last use.
  var gaps: [String]

  /// `nil` where nobody tells how old the identity is.
  init?(of identity: GraphNode, _ situation: Situation) {
    guard let created = identity.time("created") else { return nil }
    self.created = created
    let graph = situation.graph
    let credentials = graph.edges(.authenticatesAs, to: identity).map(\.from)
    lastUse = ([identity.id] + credentials).compactMap { graph.lastUse(of: $0) }
      .max { $0.day.precedes($1.day) }
    sources =
      identity.type == "aws.iam.user"
      ? ["aws.iam.accessKey", "aws.iam.credentialReport"] : ["aws.iam.role"]
    gaps = credentials.filter { graph.nodes[$0]?.state("useUnread") == .bool(true) }
      .map { "last use of \($0)" }
  }

  /// The later of its creation and the end of the day of its last use.
  var since: Timestamp {
    max(created, lastUse.flatMap { Timestamp(endOfDay: $0.day) } ?? created)
  }

  var phrase: String {
    lastUse.map { "was last used on \($0.day)" } ?? "was never used, as far back as AWS tells"
  }
}
