internal import Model
internal import PostgresClient

/// A run's row, locked after its scope's, and the two ways in which the loader ends it.
struct LockedRun {
  let scope: Scope
  let run: String
  let scan: String
  let epoch: Int64
  let allocatedAt: Timestamp
  let state: RunState

  private var key: [PostgresValue] { [.text(scope.tenant), .text(run)] }

  /// - Returns: `nil` unless this is the run's current attempt, and unfinished.
  static func lock(
    _ attempt: Attempt, in transaction: PostgresTransaction
  ) async throws -> LockedRun? {
    try await attempt.scope.lock(in: transaction)
    let rows = try await transaction.query(
      """
      SELECT scan, epoch, allocated_at, state FROM sv0.runs
      WHERE tenant = $1 AND run = $2 AND scope = $3 AND attempt = $4 FOR UPDATE
      """,
      [
        .text(attempt.scope.tenant), .text(attempt.run), .text(attempt.scope.description),
        .int4(Int32(attempt.number)),
      ])
    guard let row = rows.first, let state = RunState(rawValue: try row.string("state")),
      state.takesRecords
    else { return nil }
    return LockedRun(
      scope: attempt.scope, run: attempt.run, scan: try row.string("scan"),
      epoch: try row.int64("epoch"), allocatedAt: try row.timestamp("allocated_at"), state: state)
  }

  func applied(
    as version: Int64, at now: Timestamp, in transaction: PostgresTransaction
  ) async throws {
    try await end(.applied, version: version, reason: nil, at: now, in: transaction)
  }

  /// A failed run is a version of the graph too: what its collections hold is from now on unknown.
  func fail(
    because reason: String, at now: Timestamp, in transaction: PostgresTransaction
  ) async throws {
    let version = try await scope.raiseVersion(at: now, in: transaction)
    // The collections that the scan asked for: names, names without region, prefixes with `*`.
    try await transaction.execute(
      """
      UPDATE sv0.collections AS c SET outcome = 'failed', outcome_epoch = $4, outcome_at = $5,
        missing = '{}', message = $6
      FROM (SELECT coalesce((SELECT request -> 'collections' FROM sv0.scans
        WHERE tenant = $1 AND scan = $3), '[]'::json) AS asked) AS s
      WHERE c.tenant = $1 AND c.scope = $2 AND c.outcome_epoch < $4
        AND (json_array_length(s.asked) = 0 OR EXISTS (
          SELECT FROM json_array_elements_text(s.asked) AS p
          WHERE c.collection = p OR starts_with(c.collection, p || '@')
            OR (right(p, 1) = '*' AND starts_with(c.collection, left(p, -1)))))
      """,
      [
        .text(scope.tenant), .text(scope.description), .text(scan), .int8(epoch),
        .timestamp(now), .text("run \(run) failed: \(reason)"),
      ])
    try await end(.failed, version: version, reason: reason, at: now, in: transaction)
  }

  private func end(
    _ state: RunState, version: Int64, reason: String?, at now: Timestamp,
    in transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE sv0.runs SET state = $3, graph_version = $4, reason = $5, lease_until = NULL,
        changed_at = $6, version = version + 1
      WHERE tenant = $1 AND run = $2
      """,
      key + [.text(state.rawValue), .int8(version), .text(reason), .timestamp(now)])
  }
}

extension Scope {
  /// Nobody else applies to the scope, or gives out an epoch of it, until the transaction ends.
  ///
  /// - Returns: whether there is such a scope.
  @discardableResult
  func lock(in transaction: PostgresTransaction) async throws -> Bool {
    let rows = try await transaction.query(
      "SELECT last_epoch FROM sv0.scopes WHERE tenant = $1 AND scope = $2 FOR UPDATE",
      [.text(tenant), .text(description)])
    return !rows.isEmpty
  }

  /// Makes a new version of the tenant's graph. The tenant's row is locked from here on, after the
  /// scope's and the run's: versions are in the order of commits.
  func raiseVersion(at now: Timestamp, in transaction: PostgresTransaction) async throws -> Int64 {
    let rows = try await transaction.query(
      """
      UPDATE sv0.tenants SET graph_version = graph_version + 1,
        first_changed_at = coalesce(first_changed_at, $2), last_changed_at = $2
      WHERE tenant = $1 RETURNING graph_version
      """, [.text(tenant), .timestamp(now)])
    // A scope is admitted only for a tenant that has a row.
    return try rows[0].int64("graph_version")
  }
}
