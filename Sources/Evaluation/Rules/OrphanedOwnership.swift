internal import Model

extension Rule {
  /// Standing authority that nobody answers for: every recorded owner is gone, by the tenant's owner
  /// file; or nobody was ever recorded, and the identity is privileged.
  ///
  /// An owner that the file does not have is not known to be gone.
  static let orphanedOwnership = Rule(
    id: "orphaned-ownership", version: 1, title: "Orphaned ownership",
    subjects: SubjectInputs.principals,
    check: { situation, subject in
      let ownership = Ownership(of: subject, situation)
      let absences = ownership.owners.compactMap(\.absence)
      let isPrivileged = situation.isPrivileged(subject.id)
      guard absences.count == ownership.owners.count, isPrivileged || !absences.isEmpty,
        let decision = situation.workloadAuthority(subject)
      else { return nil }
      let isUnowned = absences.isEmpty
      let (chain, limits) = situation.standing(subject)
      let listing = subject.type
      let gone = ownership.owners.map { "\($0.name) (\($0.absence ?? ""))" }
        .joined(separator: ", ")
      return Draft(
        severity: (isPrivileged && !isUnowned ? Severity.high : .medium).capped(decision),
        decision: decision, via: "authority",
        title: isUnowned
          ? "\(subject.name) is privileged and nobody is recorded to own it"
          : "\(subject.name) holds authority whose owners are gone: \(gone)",
        description: (isUnowned
          ? "No tag of \(subject.name) says who answers for it, although it decides who may do what."
          : "By the tenant's owner file, nobody who owns \(subject.name) is there any more: \(gone).")
          + " Nobody will notice what is done with it. Name an owner, or remove it.",
        chain: chain + ownership.owners.flatMap { $0.steps(situation.graph, subject.scope) },
        limits: limits
          + (isUnowned
            ? [
              situation.absence(listing, of: subject, "\(subject.name) has no tag of an owner")
            ].compactMap(\.self) : []),
        targets: situation.widestReach(of: subject.id).map { [$0.target] }
          ?? [
            FindingTarget(id: subject.id, level: nil, strength: decision.strength ?? .unknown)
          ], cause: ownership.owners.first.map { "owner \($0.name)" } ?? "identity \(subject.id)")
    },
    gaps: { situation, subject in
      let owners = Ownership(of: subject, situation).owners
      guard !owners.contains(where: \.answers), situation.workloadAuthority(subject) != nil else {
        return []
      }
      if owners.isEmpty { return ["owners: not every identity has a tag that names one"] }
      if situation.owners.owners.isEmpty {
        return ["the owner file of the tenant (`sv0 owner apply`)"]
      }
      return owners.filter { $0.owner == nil }.map { "owner \($0.name) in the tenant's owner file" }
    },
    nextChange: { situation, subject in
      Ownership(of: subject, situation).owners.compactMap { $0.owner?.end }
        .filter { $0 > situation.now }.min()
    })
}

/// Who is recorded to own something, and what the owner file knows of each.
private struct Ownership {
  struct Claim {
    var edge: GraphEdge
    var name: String
    /// `nil` where the file does not have the name.
    var owner: Owner?
    /// Why it is gone; `nil` where it is there, or unknown.
    var absence: String?

    var answers: Bool { owner != nil && absence == nil }

    func steps(_ graph: Graph, _ scope: String?) -> [EvidenceStep] {
      [
        graph.step(
          Fact(.edge(edge.key), "\(graph.label(edge.from)) is owned by \(name), by its tags"),
          in: scope),
        graph.step(
          Fact(.node(edge.to), "\(name): \(absence ?? ""), by the tenant's owner file"), in: scope),
      ]
    }
  }

  /// In order of names.
  var owners: [Claim]

  init(of identity: GraphNode, _ situation: Situation) {
    owners = situation.graph.edges(.ownedBy, from: identity).map { edge in
      let (target, prefix) = (edge.key.to, "owner:")
      let name = target.hasPrefix(prefix) ? String(target.dropFirst(prefix.count)) : target
      let owner = situation.owners[name]
      return Claim(
        edge: edge, name: name, owner: owner, absence: owner?.absence(at: situation.now))
    }
  }
}
