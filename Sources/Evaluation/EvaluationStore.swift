public import Model

/// The evaluator's database: one method is one transaction, which takes effect whole or not at all.
///
/// An error that `isRetriable` leaves open whether a write took effect: the caller begins again
/// with the clocks.
package protocol EvaluationStore: Sendable {
  /// Every tenant's clock, in order of tenants.
  func clocks() async throws -> [TenantClock]

  /// Clock, graph, owners, findings, what was settled about them, and digests of paths, as they are
  /// at one moment; `nil` for a tenant that does not exist.
  func read(_ tenant: String) async throws -> EvaluationReading?

  /// Writes findings and paths with their history, messages, the evaluated version and the runs that
  /// it covers.
  ///
  /// - Returns: false where the tenant's clock did not take the result (`TenantClock.record`); then
  ///   nothing is written.
  func write(_ result: EvaluationResult) async throws -> Bool

  /// Makes an order a version of the tenant's graph: the evaluation that covers it carries it out.
  ///
  /// - Returns: how many findings it is about now; where there is none, nothing is recorded.
  func record(
    _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
  ) async throws -> Int
}

/// A tenant at one version.
public struct EvaluationReading: Sendable {
  public let clock: TenantClock
  public let graph: Graph
  public let findings: [PublishedFinding]
  public let owners: OwnerRegister
  public let settled: Settled
  /// By subject, the digest of its stored paths (`SubjectPaths.digest`).
  package let paths: [String: [UInt8]]

  package init(
    clock: TenantClock, graph: Graph, findings: [PublishedFinding],
    owners: OwnerRegister = OwnerRegister([]), settled: Settled = Settled(),
    paths: [String: [UInt8]] = [:]
  ) {
    self.clock = clock
    self.graph = graph
    self.findings = findings
    self.owners = owners
    self.settled = settled
    self.paths = paths
  }
}

/// What one evaluation leaves behind.
package struct EvaluationResult: Sendable {
  /// The clock as it was read: the result counts only if it still stands.
  package var clock: TenantClock
  /// In order of uid.
  package var changes: [FindingChange]
  /// Uids of resolved findings that leave the topic now, in order.
  package var tombstones: [String]
  /// What counts as judged from now on.
  package var judged: [JudgedRule]
  package var baselines: [Baseline]
  /// Of every subject whose paths are not as they were stored all that it has, in order of subjects.
  package var paths: [SubjectPaths]
  /// What it was made from.
  package var inputs: JSON
  package var nextDueAt: Timestamp?
  package var at: Timestamp

  package init(
    clock: TenantClock, changes: [FindingChange], tombstones: [String] = [],
    judged: [JudgedRule] = [], baselines: [Baseline] = [], paths: [SubjectPaths] = [],
    inputs: JSON, nextDueAt: Timestamp?, at: Timestamp
  ) {
    self.clock = clock
    self.changes = changes
    self.tombstones = tombstones
    self.judged = judged
    self.baselines = baselines
    self.paths = paths
    self.inputs = inputs
    self.nextDueAt = nextDueAt
    self.at = at
  }

  /// What goes to the outbox, in this order.
  package var messages: [OutgoingMessage] {
    changes.filter(\.life.isPublished).map(message)
      + tombstones.map {
        OutgoingMessage(topic: Topic.findings, key: Array($0.utf8), value: nil)
      }
  }

  private func message(_ change: FindingChange) -> OutgoingMessage {
    let event = CloudEvent(
      id: "\(change.key.uid).\(change.life.version)",
      source: "sv0://\(clock.tenant)/evaluator", type: CloudEventType.findingChanged, time: at)
    return OutgoingMessage(
      topic: Topic.findings, key: Array(change.key.uid.utf8), value: change.event.bytes,
      headers: event.headers)
  }
}

extension PublishedFinding {
  /// A change as the next reading returns it: of a resolved finding nothing but its life matters.
  package init(_ change: FindingChange) {
    let isResolved = change.life.state == .resolved
    var key = change.key
    key.inputs = isResolved ? [] : OCSF.inputs(of: change.event)
    self.init(key: key, life: change.life, event: isResolved ? .object([:]) : change.event)
  }
}

/// Why a tenant cannot be evaluated as it is. Failures of the database are not among them: those
/// are thrown as they are, and concern every tenant.
public enum EvaluationError: ClassifiedError, Equatable, CustomStringConvertible {
  /// A row holds a word that this program does not know.
  case unknownKind(of: String)
  /// The database does not take the result.
  case refused(String)

  public var isRetriable: Bool { false }

  public var description: String {
    switch self {
    case .unknownKind(let id):
      "The row of \(id) holds a kind, outcome or state that this program does not know, so the "
        + "tenant cannot be evaluated: a newer sv0 wrote it. Run that version's evaluator."
    case .refused(let reason):
      "The database does not take the tenant's evaluation, which is a bug of sv0: \(reason)"
    }
  }
}
