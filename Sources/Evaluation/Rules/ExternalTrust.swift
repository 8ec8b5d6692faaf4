internal import Model

extension Rule {
  /// A role that an account outside of the organization may assume.
  ///
  /// Without an external id the third party behind that account can be talked into using the role
  /// for somebody else: the confused deputy.
  /// Source: IAM User Guide, "The confused deputy problem".
  static let externalTrust = Rule(
    id: "external-trust", version: 1, title: "Trust to an account outside of the organization",
    subjects: [
      SubjectInputs("aws.iam.role", ["aws.iam.role"], needsOrganization: true)
    ]
  ) { situation, subject in
    guard situation.semantics.isWorkload(subject) else { return nil }
    let ranked = situation.semantics.foreignTrust(of: subject.id).sorted { left, right in
      let (one, two) = (trustSeverity(left), trustSeverity(right))
      return one == two ? left.hop.precedes(right.hop) : one > two
    }
    guard let worst = ranked.first else { return nil }
    let names = ranked.map { $0.account.map { "account \($0)" } ?? "anyone" }
    let parties = Set(names).sorted { $0.precedes($1) }.joined(separator: ", ")
    let paths = ranked.map { AuthorityPath([$0.hop]) }
    return Draft(
      severity: trustSeverity(worst), decision: worst.hop.decision, via: "authority",
      title: "\(subject.name) can be assumed from outside of the organization by \(parties)"
        + (worst.demandsExternalID ? "" : " without an external id"),
      description: trustDescription(worst),
      chain: paths.flatMap(situation.graph.chain),
      limits: paths.flatMap(situation.graph.limits)
        + situation.strangers(ranked.compactMap(\.account), to: subject),
      targets: [
        FindingTarget(
          id: subject.id, level: nil, strength: worst.hop.decision.strength ?? .unknown)
      ], cause: worst.hop.cause)
  }
}

private func trustSeverity(_ trust: ForeignTrust) -> Severity {
  let severity: Severity =
    switch (trust.account == nil, trust.demandsExternalID) {
    case (true, false): .critical
    case (true, true), (false, false): .high
    case (false, true): .informational
    }
  return severity.capped(trust.hop.decision)
}

private func trustDescription(_ trust: ForeignTrust) -> String {
  let who = trust.account.map { "Account \($0) is not part of the organization. " } ?? ""
  let doubt = trust.hop.decision.qualifier.map { " (\($0))" } ?? ""
  let fact = "\(who)By its trust policy, \(trust.hop.sentence)\(doubt). "
  switch (trust.account, trust.demandsExternalID) {
  case (nil, false):
    return fact + "Everybody with an AWS account can become this role: "
      + "name the principals, or restrict aws:PrincipalOrgID."
  case (nil, true):
    return fact + "Only the external id keeps strangers out, and it is no secret to AWS: "
      + "name the principals too."
  case (_, false):
    return fact + "No external id is demanded, so whoever that account acts for can be confused "
      + "with anybody else it acts for. Demand sts:ExternalId, or remove the trust."
  case (_, true):
    return fact + "An external id is demanded, as it should be. "
      + "Check that the relation to that account still exists."
  }
}
