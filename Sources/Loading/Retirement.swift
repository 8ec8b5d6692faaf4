public import Model
public import PostgresClient
internal import Schema

/// Takes a scope, or one collection of it, out of the graph.
///
/// Invariants:
/// 1. Retiring is an epoch of its own, newer than every run of the scope: what is open is closed in
///    that epoch, and nothing of an older one is applied afterwards, whenever it arrives.
/// 2. History stays: rows are closed, not deleted. What is known about the collections' outcomes is
///    forgotten, so that no rule counts a retired collection as evaluated.
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
  }

  private let pool: PostgresPool
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.pool = pool
    self.now = now
  }

  /// The scopes of a connection that were ever asked for, in order.
  public func scopes(of connection: String, tenant: String) async throws -> [Scope] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await transaction.query(
        """
        SELECT scope FROM sv0.scopes WHERE tenant = $1 AND starts_with(scope, $2)
        ORDER BY scope COLLATE "C"
        """, [.text(tenant), .text("\(tenant)/\(connection)/")]
      ).compactMap { Scope(try $0.string("scope")) }
    }
  }

  /// Retires a scope, in one transaction.
  ///
  /// - Parameter collection: only this one; a name without region stands for every region's.
  /// - Returns: `nil` when the tenant has no such scope.
  public func retire(
    _ scope: Scope, collection: String? = nil, by person: String
  ) async throws -> Retired? {
    let at = now()
    return try await pool.withTransaction(.tenant(scope.tenant)) { transaction in
      let epochs = try await transaction.query(
        """
        UPDATE sv0.scopes SET last_epoch = last_epoch + 1 WHERE tenant = $1 AND scope = $2
        RETURNING last_epoch
        """, [.text(scope.tenant), .text(scope.description)])
      guard let epoch = try epochs.first?.int64("last_epoch") else { return nil }
      var runs: [String] = []
      if collection == nil {
        runs = try await cancelRuns(of: scope, by: person, at: at, in: transaction)
      }
      let version = try await scope.raiseVersion(at: at, in: transaction)
      let closed = try await close(
        scope, collection ?? "", epoch: epoch, at: at, version: version, in: transaction)
      try await transaction.execute(
        """
        INSERT INTO sv0.retirements
          (tenant, scope, collection, epoch, assertions, retired_by, retired_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
          .text(scope.tenant), .text(scope.description), .text(collection ?? ""), .int8(epoch),
          .int8(Int64(closed)), .text(person), .timestamp(at),
        ])
      return Retired(scope: scope, epoch: epoch, assertions: closed, runs: runs)
    }
  }

  /// As the scheduler cancels: a dispatch that was not sent yet is withdrawn.
  private func cancelRuns(
    of scope: Scope, by person: String, at: Timestamp, in transaction: PostgresTransaction
  ) async throws -> [String] {
    let rows = try await transaction.query(
      """
      UPDATE sv0.runs SET state = 'cancelled', reason = $3, lease_until = NULL, changed_at = $4,
        version = version + 1
      WHERE tenant = $1 AND scope = $2 AND state IN ('queued', 'dispatched', 'leased')
      RETURNING run, run || '/' || attempt AS dispatch
      """,
      [
        .text(scope.tenant), .text(scope.description),
        .text("the scope was retired by \(person)"), .timestamp(at),
      ])
    try await transaction.execute(
      "DELETE FROM sv0.outbox WHERE tenant = $1 AND topic = $2 AND key = ANY($3)",
      [
        .text(scope.tenant), .text(Topic.scanDispatch(scope.platform)),
        .texts(try rows.map { try $0.string("dispatch") }),
      ])
    return try rows.map { try $0.string("run") }
  }

  private func close(
    _ scope: Scope, _ collection: String, epoch: Int64, at: Timestamp, version: Int64,
    in transaction: PostgresTransaction
  ) async throws -> Int {
    let values: [PostgresValue] = [
      .text(scope.tenant), .text(scope.description), .int8(epoch), .timestamp(at),
      .int8(version), .text(collection),
    ]
    func matches(_ column: String, _ name: String) -> String {
      "(\(name) IN ('', \(column)) OR starts_with(\(column), \(name) || '@'))"
    }
    let results = try await transaction.pipeline(
      AssertionTable.all.map {
        PostgresStatement($0.closing(where: matches("g.collection", "$6")), values)
      } + [
        PostgresStatement(
          """
          DELETE FROM sv0.collections
          WHERE tenant = $1 AND scope = $2 AND \(matches("collection", "$3"))
          """, [.text(scope.tenant), .text(scope.description), .text(collection)])
      ])
    return results.dropLast().map(\.affectedRows).reduce(0, +)
  }
}
