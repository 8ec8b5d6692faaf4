public import Model
public import PostgresClient

/// Takes a scope, or one collection of it, out of the graph.
///
/// Invariants:
/// 1. Retiring is an epoch of its own, newer than every run of the scope: what is open is closed in
///    that epoch, and nothing of an older one is applied afterwards, whenever it arrives.
/// 2. History stays: rows are closed, not deleted. What is known about the collections' outcomes is
///    forgotten, so that no rule counts a retired collection as evaluated; so are their tokens, for
///    whatever is listed next is listed in full, and facts about use, which have no history.
/// 3. Runs of a retired scope that are not read to the end are cancelled. One that is `extracted`
///    is left to the loader, which applies nothing of it.
/// 4. A run that is admitted later has a newer epoch: its scope lives again.
/// 5. The tombstone says who retired what and when; it is never changed.
public struct Retirement: Sendable {
  public struct Retired: Sendable, Equatable {
    public let scope: Scope
    public let epoch: Int64
    /// Nodes and edges that were closed.
    public let assertions: Int
    /// Runs that were cancelled.
    public let runs: [String]

    package init(scope: Scope, epoch: Int64, assertions: Int, runs: [String]) {
      self.scope = scope
      self.epoch = epoch
      self.assertions = assertions
      self.runs = runs
    }
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

  /// The scopes of a connection that were ever asked for, in order.
  public func scopes(of connection: String, tenant: String) async throws -> [Scope] {
    try await store.scopes(of: connection, tenant: tenant)
  }

  /// Retires a scope, in one transaction.
  ///
  /// - Parameter collection: only this one; a name without region stands for every region's.
  /// - Returns: `nil` when the tenant has no such scope.
  public func retire(
    _ scope: Scope, collection: String? = nil, by person: String
  ) async throws -> Retired? {
    try await store.retire(scope, collection: collection, by: person, at: now())
  }

  /// Whether a collection is retired with what was retired: all (`""`), it, or it in every region.
  package static func covers(_ retired: String, _ collection: String) -> Bool {
    retired.isEmpty || retired == collection || collection.hasPrefix(retired + "@")
  }
}
