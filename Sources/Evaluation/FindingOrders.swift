public import Model
public import PostgresClient

/// What a person asks of the evaluator.
public enum FindingOrder: Sendable, Hashable {
  /// To send what is held.
  case release(FindingRelease)
  /// To take what identities have come to reach for what they may reach.
  case accept(BaselineAcceptance)
  /// To keep quiet about an open finding.
  case suppress(uid: String, Suppression)
}

/// Takes people's orders about findings.
///
/// An order is a version of the tenant's graph like any other change, so an evaluation that began
/// before it does not cover it, and the next one carries it out, whoever makes it.
public struct FindingOrders: Sendable {
  private let store: any EvaluationStore
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.init(store: PostgresEvaluationStore(pool), now: now)
  }

  package init(store: any EvaluationStore, now: @escaping @Sendable () -> Timestamp) {
    self.store = store
    self.now = now
  }

  /// Has what is held sent, in its state at that time.
  ///
  /// - Returns: how many findings wait.
  public func release(
    _ release: FindingRelease, of tenant: String, by person: String
  ) async throws -> Int {
    try await store.record(.release(release), of: tenant, by: person, at: now())
  }

  /// Has identities' baselines take in what they reach at that time.
  ///
  /// - Returns: how many have drifted.
  public func accept(
    _ acceptance: BaselineAcceptance, of tenant: String, by person: String
  ) async throws -> Int {
    try await store.record(.accept(acceptance), of: tenant, by: person, at: now())
  }

  /// Suppresses an open finding until a time; the newest suppression of a finding counts.
  ///
  /// - Returns: false where no such finding is open.
  public func suppress(
    _ uid: String, _ suppression: Suppression, of tenant: String, by person: String
  ) async throws -> Bool {
    try await store.record(.suppress(uid: uid, suppression), of: tenant, by: person, at: now()) > 0
  }
}
