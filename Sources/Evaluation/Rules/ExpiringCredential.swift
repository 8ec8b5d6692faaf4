internal import Model

extension Rule {
  /// A certificate or credential that stops working soon, or has, and that something relies on as far
  /// as AWS tells. ACM renews what it can long before the warning, so what is left then is in trouble.
  /// Source: AWS Certificate Manager User Guide, "Managed certificate renewal".
  static let expiringCredential = Rule(
    id: "expiring-credential", version: 2, title: "Expiring credential",
    subjects: [
      SubjectInputs("aws.iam.serverCertificate", ["aws.iam.serverCertificate"]),
      SubjectInputs("aws.iam.samlProvider", ["aws.iam.samlProvider"]),
      SubjectInputs("aws.iam.serviceCredential", ["aws.iam.serviceCredential"]),
      SubjectInputs("aws.acm.certificate", ["aws.acm.certificate@*"]),
    ],
    check: { situation, subject in
      guard let end = subject.expiry, !subject.isIdleCertificate,
        situation.now >= end + (.zero - situation.thresholds.expiryWarning)
      else { return nil }
      let isUrgent = situation.now >= end + (.zero - urgentWarning)
      return Draft(
        severity: isUrgent ? .medium : .low, decision: .allowed, via: "authority",
        title: "\(subject.name) expires on \(end.day)",
        description: "\(subject.name) is valid until \(end), and what relies on it stops then. "
          + (subject.state("renewal")?.string == "ELIGIBLE"
            ? "ACM renews it by itself and has not yet: look at how it validates the domain."
            : "Replace it before, or delete it if nothing does."),
        chain: [situation.graph.step(node: subject.id, in: subject.scope)], limits: [],
        targets: [FindingTarget(id: subject.id, level: nil, strength: .effective)],
        cause: "credential \(subject.id)")
    },
    nextChange: { situation, subject in
      subject.expiry.flatMap { end in
        [situation.thresholds.expiryWarning, urgentWarning].map { end + (.zero - $0) }
          .filter { $0 > situation.now }.min()
      }
    })
}

/// A week before its end a credential is urgent.
private let urgentWarning = Duration.seconds(7 * 86400)

extension GraphNode {
  fileprivate var expiry: Timestamp? { time("expires") ?? time("validUntil") }

  /// Of ACM, and neither in use nor taken out of it.
  fileprivate var isIdleCertificate: Bool {
    state("inUse") == .bool(false) && state("exported") != .bool(true)
  }
}
