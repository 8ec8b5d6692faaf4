public import Model
internal import Pipeline
public import PostgresClient
internal import Schema

/// Gives queued runs to extractors, as many at a time as there is room for.
///
/// Invariants:
/// 1. At most `inFlight` runs of the platform are dispatched or leased; one scheduler at a time
///    counts them, so that several do not exceed it together.
/// 2. A run and the message that gives it out are stored together.
/// 3. By priority first. Within one, tenants take turns, and within a tenant its connections do;
///    who has runs in flight waits as if they had just had their turns. Then the oldest first.
/// 4. A run whose connection no longer lists the account, or no longer exists, is cancelled.
public struct Dispatcher: Sendable {
  private let store: Store
  private let platform: Platform
  private let rawPartitions: Int32
  private let knownCollections: [String]
  private let limits: SchedulingLimits
  private let now: @Sendable () -> Timestamp
  /// Runs that one transaction dispatches at most.
  private static let batch = 100

  /// - Parameters:
  ///   - rawPartitions: how many the platform's raw topic has.
  ///   - knownCollections: what the platform's connector offers, without regions.
  public init(
    pool: PostgresPool, platform: Platform, rawPartitions: Int32, knownCollections: [String],
    limits: SchedulingLimits = SchedulingLimits(), now: @escaping @Sendable () -> Timestamp
  ) {
    store = Store(pool: pool)
    self.platform = platform
    self.rawPartitions = rawPartitions
    self.knownCollections = knownCollections
    self.limits = limits
    self.now = now
  }

  /// One turn; returns whether there may be more to dispatch right now.
  public func turn() async throws -> Bool {
    let taken = try await store.transaction(.queue) { transaction in
      let at = now()
      guard try await isOnlyDispatcher(in: transaction) else { return 0 }
      let rows = try await queued(limit: try await room(in: transaction), in: transaction)
      let statements = try rows.flatMap { try dispatching($0, at: at) }
      if !statements.isEmpty { _ = try await transaction.pipeline(statements) }
      return rows.count
    }
    tally("sv0_runs_dispatched_total", by: taken, ("platform", platform.rawValue))
    return taken == Self.batch
  }

  /// The lock's first key is this project's, arbitrary and fixed; it ends with the transaction.
  private nonisolated(nonsending) func isOnlyDispatcher(
    in transaction: PostgresTransaction
  ) async throws -> Bool {
    try await transaction.query(
      "SELECT pg_try_advisory_xact_lock(7382002, hashtext($1))", [.text(platform.rawValue)]
    ).first?.bool(0) ?? false
  }

  private nonisolated(nonsending) func room(
    in transaction: PostgresTransaction
  ) async throws -> Int64 {
    let row = try await transaction.query(
      """
      SELECT count(*) FROM sv0.runs
      WHERE state IN ('dispatched', 'leased') AND split_part(scope, '/', 3) = $1
      """, [.text(platform.rawValue)]
    ).first
    return max(0, Int64(limits.inFlight) - (try row?.int64(0) ?? 0))
  }

  private nonisolated(nonsending) func queued(
    limit: Int64, in transaction: PostgresTransaction
  ) async throws -> [PostgresRow] {
    guard limit > 0 else { return [] }
    return try await transaction.query(
      """
      WITH busy AS (
        SELECT tenant, split_part(scope, '/', 2) AS connection, count(*) AS runs FROM sv0.runs
        WHERE state IN ('dispatched', 'leased') AND split_part(scope, '/', 3) = $1 GROUP BY 1, 2
      ), by_connection AS (
        SELECT r.tenant, r.run, r.priority, r.allocated_at,
          coalesce(b.runs, 0) + row_number() OVER (
            PARTITION BY r.priority, r.tenant, split_part(r.scope, '/', 2)
            ORDER BY r.allocated_at, r.run) AS turn
        FROM sv0.runs AS r
        LEFT JOIN busy AS b ON b.tenant = r.tenant AND b.connection = split_part(r.scope, '/', 2)
        WHERE r.state = 'queued' AND split_part(r.scope, '/', 3) = $1
      ), fair AS (
        SELECT q.tenant, q.run, q.turn, coalesce(b.runs, 0) + row_number() OVER (
            PARTITION BY q.priority, q.tenant ORDER BY q.turn, q.allocated_at, q.run) AS tenant_turn
        FROM by_connection AS q
        LEFT JOIN (SELECT tenant, sum(runs) AS runs FROM busy GROUP BY 1) AS b USING (tenant)
      )
      SELECT \(StoredRun.columns), s.request, c.document
      FROM fair AS f JOIN sv0.runs AS r USING (tenant, run)
      JOIN sv0.scans AS s ON s.tenant = r.tenant AND s.scan = r.scan
      LEFT JOIN sv0.connections AS c
        ON c.tenant = r.tenant AND c.connection = split_part(r.scope, '/', 2)
      WHERE r.state = 'queued'
      ORDER BY r.priority, f.tenant_turn, f.turn, r.allocated_at, r.tenant, r.run
      LIMIT $2 FOR UPDATE OF r SKIP LOCKED
      """, [.text(platform.rawValue), .int8(min(limit, Int64(Self.batch)))])
  }

  private func dispatching(
    _ row: PostgresRow, at: Timestamp
  ) throws -> [PostgresStatement] {
    var run = try StoredRun(row)
    let request = try ScanRequest(reading: row.bytes("request"))
    let document = try row.stringOrNil("document")
    do throws(Refusal) {
      let order = try order(for: run, request, document: document)
      let action = run.machine.handle(.dispatched, at: at, limits: limits)
      let dispatch = Dispatch(
        scan: run.scan, run: run.run, epoch: run.epoch, attempt: run.machine.attempt,
        scope: order.scope, settings: order.settings, credentials: order.credentials,
        collections: order.collections,
        rawPartition: partition(ofKey: run.scope, among: rawPartitions),
        expires: at + limits.lease)
      return run.statements(for: action, at: at) + [
        PostgresStatement(
          """
          INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
          VALUES ($1, $2, $3, '{}', $4, $5)
          """,
          [
            .text(run.tenant), .text(Topic.scanDispatch(platform)), .text(run.dispatchKey),
            .text(dispatch.json.text), .timestamp(at),
          ])
      ]
    } catch {
      let action = run.machine.handle(.cancelled(reason: error.reason), at: at, limits: limits)
      return run.statements(for: action, at: at)
    }
  }

  private struct Order {
    var scope: Scope
    var settings: JSON
    var credentials: JSON
    var collections: [String]
  }

  /// What the connection says now, which may be something else than when the run was admitted.
  private func order(
    for run: StoredRun, _ request: ScanRequest, document: String?
  ) throws(Refusal) -> Order {
    guard let scope = Scope(run.scope), let document else {
      throw Refusal("the connection of \(run.scope) no longer exists")
    }
    let connection = try ConnectionDocument(stored: document, of: scope.connection)
    guard let account = try connection.accounts(asked: [scope.account]).first else {
      throw Refusal("account \(scope.account) is not one of the connection's settings.accounts")
    }
    let (settings, credentials) = connection.dispatch(for: account)
    return Order(
      scope: scope, settings: settings, credentials: credentials,
      collections: try connection.collections.patterns(
        asked: request.collections, known: knownCollections))
  }
}
