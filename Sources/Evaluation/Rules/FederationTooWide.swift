internal import Model

extension Rule {
  /// A role that more tokens open than the tenant can answer for, or somebody else's.
  ///
  /// Who is the tenant's own says its owner file, and for clusters and pools what was read.
  static let federationTooWide = Rule(
    id: "federation-too-wide", version: 2, title: "Federation too wide",
    subjects: [SubjectInputs("aws.iam.role", ["aws.iam.role"])],
    check: { situation, subject in
      let wide = situation.tokenTrusts(of: subject)
        .filter { $0.width < .named || !$0.strangers.isEmpty }
        .sorted { $0.isWorse(than: $1) }
      guard let worst = wide.first else { return nil }
      let hop = worst.trust.hop
      let named = worst.trust.subjects
      let subjects = named.isEmpty ? "no subject" : named.joined(separator: ", ")
      return Draft(
        severity: worst.severity, decision: hop.decision, via: "authority",
        title: "\(subject.name) can be assumed by \(worst.party) of \(worst.trust.issuer)",
        description: "The trust policy of \(subject.name) names \(subjects) of "
          + worst.trust.issuer + (hop.decision.qualifier.map { " (\($0))" } ?? "")
          + ", so \(worst.party) can become this role. \(worst.advice)",
        chain: wide.flatMap { situation.graph.chain(AuthorityPath([$0.trust.hop])) },
        limits: situation.graph.limits(AuthorityPath([hop])),
        targets: [
          FindingTarget(id: subject.id, level: nil, strength: hop.decision.strength ?? .unknown)
        ], cause: hop.cause)
    },
    gaps: { situation, subject in
      situation.tokenTrusts(of: subject).flatMap(\.unknown).map {
        "the tenant's own \($0.prefix { $0 != ":" }): names in its owner file (sv0 owner apply)"
      }
    },
    nextChange: { situation, _ in situation.owners.nextStranger(after: situation.now) })
}

/// A trust in tokens, with whose tokens it takes.
private struct TokenTrust {
  var trust: FederatedTrust
  var width: FederationWidth
  /// Of those whose tokens fit, who is not the tenant's.
  var strangers: [String] = []
  /// Of whom that is not known.
  var unknown: [String] = []

  /// A stranger weighs as much as a whole issuer of one's own, and more where its issuer is a whole.
  var severity: Severity {
    let severity: Severity =
      switch width {
      case .anyone: .critical
      case .wholeIssuer: strangers.isEmpty ? .high : .critical
      case .wholeOwner: strangers.isEmpty ? .medium : .high
      case .anyContext, .named: strangers.isEmpty ? .low : .high
      }
    return severity.capped(trust.hop.decision)
  }

  var party: String {
    switch width {
    case .anyone: "anybody with an account"
    case .wholeIssuer: "everything with a \(trust.proof)"
    case _ where !strangers.isEmpty: "\(strangers.joined(separator: ", ")), a stranger,"
    case .wholeOwner: "every project of one owner"
    case .anyContext, .named: "any branch, event or account of one project"
    }
  }

  var advice: String {
    let narrow = "Name the subjects that need it, exactly, with StringEquals."
    guard strangers.isEmpty else {
      return "The tenant's owner file names others of its kind, and not "
        + "\(strangers.joined(separator: ", ")): remove the trust, or add whom it lets in to the "
        + "file (sv0 owner apply)."
    }
    guard !unknown.isEmpty else { return narrow }
    return "\(narrow) Whether \(unknown.joined(separator: ", ")) is the tenant's own is not known: "
      + "its owner file names nobody of that kind."
  }

  func isWorse(than other: TokenTrust) -> Bool {
    if severity != other.severity { return severity > other.severity }
    if width != other.width { return width < other.width }
    return trust.hop.precedes(other.trust.hop)
  }
}

extension Situation {
  fileprivate func tokenTrusts(of role: GraphNode) -> [TokenTrust] {
    semantics.federation(of: role.id).compactMap { trust in
      guard let width = trust.width else { return nil }
      var judged = TokenTrust(trust: trust, width: width)
      for party in trust.parties {
        switch owners.isOwn(party, at: now) {
        case true?: break
        case false?: judged.strangers.append(party)
        case nil: judged.unknown.append(party)
        }
      }
      return judged
    }
  }
}
