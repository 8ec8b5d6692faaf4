public import Model
public import PostgresClient

/// Removals that are held back because too much is gone at once, and what a person says of them.
///
/// Invariants:
/// 1. A suspect is absent from the collection's newest complete listing, the epoch that is listed
///    here: whatever that listing, or a later record, contains is no suspect.
/// 2. A confirmation closes the suspects of that epoch, as of that epoch, and says nothing about
///    later ones: the next complete listing is judged anew.
/// 3. A rejection takes the marks away; a later complete listing that lacks the same objects marks
///    them again, and the day of waiting begins again.
/// 4. Each decision is on record with who made it and when, in the transaction that does it.
public struct SuspectRemovals: Sendable {
  /// The suspects of one collection.
  public struct Suspects: Sendable, Equatable {
    public let scope: String
    public let collection: String
    /// The complete listing that they are absent from.
    public let epoch: Int64
    public let objects: Int64
    /// Nodes and edges.
    public let assertions: Int64
    /// When the first of them was missed.
    public let since: Timestamp

    package init(
      scope: String, collection: String, epoch: Int64, objects: Int64, assertions: Int64,
      since: Timestamp
    ) {
      self.scope = scope
      self.collection = collection
      self.epoch = epoch
      self.objects = objects
      self.assertions = assertions
      self.since = since
    }
  }

  public enum Answer: Sendable, Equatable {
    /// The suspects of this epoch were closed or unmarked, so many assertions.
    case done(epoch: Int64, assertions: Int)
    case noSuspects
    /// The suspects are of another epoch than the one that was asked about.
    case otherEpoch(Int64)
  }

  public enum Decision: String, Sendable {
    case confirmed, rejected
  }

  private let store: any LoadingStore
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.init(store: PostgresLoadingStore(pool: pool), now: now)
  }

  package init(store: any LoadingStore, now: @escaping @Sendable () -> Timestamp) {
    self.store = store
    self.now = now
  }

  /// All suspects of a tenant, by scope and collection.
  public func list(tenant: String) async throws -> [Suspects] {
    try await store.suspects(of: tenant)
  }

  /// Decides about the suspects of a collection.
  ///
  /// - Parameter epoch: the epoch that was listed; `nil` for the newest.
  public func decide(
    _ decision: Decision, _ scope: Scope, _ collection: String, epoch: Int64?, by person: String
  ) async throws -> Answer {
    try await store.decide(decision, scope, collection, epoch: epoch, by: person, at: now())
  }

  /// What a decision is about.
  package enum Subject: Sendable, Equatable {
    case these(Suspects)
    /// There is nothing to decide: the answer.
    case none(Answer)
  }

  package static func subject(
    of all: [Suspects], _ scope: Scope, _ collection: String, epoch: Int64?
  ) -> Subject {
    let found = all.first { $0.scope == scope.description && $0.collection == collection }
    guard let found else { return .none(.noSuspects) }
    return epoch ?? found.epoch == found.epoch ? .these(found) : .none(.otherEpoch(found.epoch))
  }
}
