package import Model
internal import PostgresClient
internal import Schema

extension PostgresQueueStore {
  package func dispatch(
    _ dispatching: Dispatching, at now: Timestamp
  ) async throws -> [RunKey] {
    let platform = PostgresValue.text(dispatching.platform.rawValue)
    return try await transaction(.queue) { transaction in
      // The lock's first key is this project's, arbitrary and fixed. It ends with the transaction,
      // and the transaction of a process that stopped ends by itself.
      let isOnlyDispatcher = try await transaction.query(
        "SELECT pg_try_advisory_xact_lock(7382002, hashtext($1))", [platform]
      ).first?.bool(0)
      guard isOnlyDispatcher == true else { return [] }
      let inFlight = try await transaction.query(
        """
        SELECT count(*) FROM sv0.runs
        WHERE state IN ('dispatched', 'leased') AND split_part(scope, '/', 3) = $1
        """, [platform]
      ).first?.int64(0)
      let room = dispatching.room(inFlight: Int(inFlight ?? 0))
      guard room > 0 else { return [] }
      let rows = try await transaction.query(
        Self.queued,
        [platform, .int8(Int64(room)), .int8(Int64(dispatching.roomPerTenant))])
      var queued = try rows.map { row in
        QueuedRun(
          run: try StoredRun(row), request: try row.bytes("request"),
          document: try row.stringOrNil("document"), tokens: [:])
      }
      try await Self.readTokens(of: &queued, in: transaction)
      let statements = queued.flatMap { queued in
        let decision = dispatching.decide(queued, at: now)
        return decision.run.statements(for: decision.action, at: now)
          + (decision.message.map { [decision.run.promise($0, at: now)] } ?? [])
      }
      if !statements.isEmpty { _ = try await transaction.pipeline(statements) }
      return queued.map(\.run.key)
    }
  }

  /// `FairOrder` as a query: $1 the platform, $2 how many, $3 the room of a tenant.
  private static let queued = """
    WITH busy AS (
      SELECT tenant, split_part(scope, '/', 2) AS connection, count(*) AS runs FROM sv0.runs
      WHERE state IN ('dispatched', 'leased') AND split_part(scope, '/', 3) = $1 GROUP BY 1, 2
    ), by_connection AS (
      SELECT r.tenant, r.run, r.priority, r.allocated_at,
        coalesce(b.runs, 0) + row_number() OVER (
          PARTITION BY r.priority, r.tenant, split_part(r.scope, '/', 2)
          ORDER BY r.allocated_at, r.run COLLATE "C") AS turn
      FROM sv0.runs AS r
      LEFT JOIN busy AS b ON b.tenant = r.tenant AND b.connection = split_part(r.scope, '/', 2)
      WHERE r.state = 'queued' AND split_part(r.scope, '/', 3) = $1
    ), fair AS (
      SELECT q.tenant, q.run, q.turn, coalesce(b.runs, 0) + row_number() OVER (
          PARTITION BY q.priority, q.tenant ORDER BY q.turn, q.allocated_at, q.run COLLATE "C"
        ) AS tenant_turn, coalesce(b.runs, 0) + row_number() OVER (
          PARTITION BY q.tenant
          ORDER BY q.priority, q.turn, q.allocated_at, q.run COLLATE "C") AS tenant_place
      FROM by_connection AS q
      LEFT JOIN (SELECT tenant, sum(runs) AS runs FROM busy GROUP BY 1) AS b USING (tenant)
    )
    SELECT \(StoredRun.columns), s.request, c.document
    FROM fair AS f JOIN sv0.runs AS r USING (tenant, run)
    JOIN sv0.scans AS s ON s.tenant = r.tenant AND s.scan = r.scan
    LEFT JOIN sv0.connections AS c
      ON c.tenant = r.tenant AND c.connection = split_part(r.scope, '/', 2)
    WHERE r.state = 'queued' AND f.tenant_place <= $3
    ORDER BY r.priority, f.tenant_turn, f.turn, r.allocated_at, r.tenant COLLATE "C",
      r.run COLLATE "C"
    LIMIT $2 FOR UPDATE OF r SKIP LOCKED
    """

  private nonisolated(nonsending) static func readTokens(
    of queued: inout [QueuedRun], in transaction: PostgresTransaction
  ) async throws {
    guard !queued.isEmpty else { return }
    let rows = try await transaction.query(
      """
      SELECT c.scope, c.collection, c.token FROM sv0.collections AS c
      JOIN unnest($1::text[], $2::text[]) AS q (tenant, scope) USING (tenant, scope)
      WHERE c.token IS NOT NULL
      """, [.texts(queued.map(\.run.tenant)), .texts(queued.map(\.run.scope))])
    var tokens: [String: [String: String]] = [:]
    for row in rows {
      tokens[try row.string("scope"), default: [:]][try row.string("collection")] =
        try row.string("token")
    }
    for index in queued.indices { queued[index].tokens = tokens[queued[index].run.scope] ?? [:] }
  }
}

extension StoredRun {
  /// Puts a message without headers into the outbox.
  fileprivate func promise(_ message: OutgoingMessage, at now: Timestamp) -> PostgresStatement {
    PostgresStatement(
      """
      INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
      VALUES ($1, $2, $3, '{}', $4, $5)
      """,
      [
        .text(tenant), .text(message.topic), .text(dispatchKey),
        .text(message.value.map { String(decoding: $0, as: UTF8.self) }), .timestamp(now),
      ])
  }
}
