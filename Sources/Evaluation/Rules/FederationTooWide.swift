internal import Model

extension Rule {
  /// A role that more tokens open than the tenant can answer for.
  static let federationTooWide = Rule(
    id: "federation-too-wide", version: 1, title: "Federation too wide",
    subjects: [SubjectInputs("aws.iam.role", ["aws.iam.role"])]
  ) { situation, subject in
    let wide = situation.semantics.federation(of: subject.id)
      .compactMap { trust in trust.width.map { (trust, $0) } }
      .filter { $0.1 < .named }
      .sorted { $0.1 == $1.1 ? $0.0.hop.precedes($1.0.hop) : $0.1 < $1.1 }
    guard let (worst, width) = wide.first else { return nil }
    let severity = federationSeverity(width).capped(worst.hop.decision)
    let path = AuthorityPath([worst.hop])
    let subjects = worst.subjects.isEmpty ? "no subject" : worst.subjects.joined(separator: ", ")
    return Draft(
      severity: severity, decision: worst.hop.decision, via: "authority",
      title:
        "\(subject.name) can be assumed by \(federationParty(width, worst)) of \(worst.issuer)",
      description: "The trust policy of \(subject.name) names \(subjects) of \(worst.issuer)"
        + (worst.hop.decision.qualifier.map { " (\($0))" } ?? "")
        + ", so \(federationParty(width, worst)) can become this role. "
        + "Name the subjects that need it, exactly, with StringEquals.",
      chain: wide.flatMap { situation.graph.chain(AuthorityPath([$0.0.hop])) },
      limits: situation.graph.limits(path),
      targets: [
        FindingTarget(
          id: subject.id, level: nil, strength: worst.hop.decision.strength ?? .unknown)
      ], cause: worst.hop.cause)
  }
}

private func federationSeverity(_ width: FederationWidth) -> Severity {
  switch width {
  case .anyone: .critical
  case .wholeIssuer: .high
  case .wholeOwner: .medium
  case .anyContext, .named: .low
  }
}

private func federationParty(_ width: FederationWidth, _ trust: FederatedTrust) -> String {
  switch width {
  case .anyone: "anybody with an account"
  case .wholeIssuer: "everything with a \(trust.proof)"
  case .wholeOwner: "every project of one owner"
  case .anyContext, .named: "any branch, event or account of one project"
  }
}
