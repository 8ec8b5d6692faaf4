internal import Model

extension Rule {
  /// A certificate or credential that stops working soon, or has.
  static let expiringCredential = Rule(
    id: "expiring-credential", version: 1, title: "Expiring credential",
    subjects: [
      SubjectInputs("aws.iam.serverCertificate", ["aws.iam.serverCertificate"]),
      SubjectInputs("aws.iam.samlProvider", ["aws.iam.samlProvider"]),
      SubjectInputs("aws.iam.serviceCredential", ["aws.iam.serviceCredential"]),
    ],
    check: { situation, subject in
      guard let end = subject.expiry,
        situation.now >= end + (.zero - situation.thresholds.expiryWarning)
      else { return nil }
      let isUrgent = situation.now >= end + (.zero - urgentWarning)
      return Draft(
        severity: isUrgent ? .medium : .low, decision: .allowed, via: "authority",
        title: "\(subject.name) expires on \(end.day)",
        description: "\(subject.name) is valid until \(end), and what relies on it stops then. "
          + "Replace it before, or delete it if nothing does.",
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
}
