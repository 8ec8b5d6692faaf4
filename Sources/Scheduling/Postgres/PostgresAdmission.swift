package import Model
internal import PostgresClient
internal import Schema

extension PostgresQueueStore {
  package func admit(
    _ request: IdentifiedRequest, by admission: Admission, at now: Timestamp
  ) async throws -> Admission.Result {
    let tenant = request.request.tenant
    return try await transaction(.tenant(tenant)) { transaction in
      let rows = try await transaction.query(
        "SELECT document FROM sv0.connections WHERE tenant = $1 AND connection = $2",
        [.text(tenant), .text(request.request.connection)])
      let scan = try admission.scan(
        for: request, document: rows.first?.string("document"), at: now)
      guard try await scan.insert(in: transaction) else { return .repeated }
      guard scan.refusal == nil else { return .rejected }
      // In one order everywhere, so that two requests never wait for each other.
      let epochs = try await transaction.query(
        """
        INSERT INTO sv0.scopes AS s (tenant, scope, last_epoch)
        SELECT $1, k.scope, 1 FROM unnest($2::text[]) WITH ORDINALITY AS k (scope, place)
        ORDER BY k.place
        ON CONFLICT (tenant, scope) DO UPDATE
          SET last_epoch = s.last_epoch + 1, unlisted_since = NULL
        RETURNING scope, last_epoch
        """, [.text(tenant), .texts(scan.scopes)]
      ).map { row in (scope: try row.string("scope"), epoch: try row.int64("last_epoch")) }
      try await scan.markUnlisted(in: transaction)
      let pending = try await transaction.query(
        """
        SELECT scope, run FROM sv0.runs
        WHERE tenant = $1 AND scope = ANY($2) AND state IN ('queued', 'dispatched', 'leased')
        """, [.text(tenant), .texts(scan.scopes)])
      var busy: [String: String] = [:]
      for row in pending { busy[try row.string("scope")] = try row.string("run") }
      let runs = try admission.runs(of: scan, epochs: epochs, busy: busy)
      try await NewRun.insert(runs, in: transaction)
      return .accepted
    }
  }
}

extension NewScan {
  /// Marks the scopes that the connection has no more, in the order of their keys.
  nonisolated(nonsending) func markUnlisted(in transaction: PostgresTransaction) async throws {
    guard let listed else { return }
    try await transaction.execute(
      """
      UPDATE sv0.scopes s SET unlisted_since = $4
      FROM (
        SELECT scope FROM sv0.scopes
        WHERE tenant = $1 AND starts_with(scope, $2) AND scope <> ALL($3)
          AND unlisted_since IS NULL
        ORDER BY scope COLLATE "C" FOR UPDATE) gone
      WHERE s.tenant = $1 AND s.scope = gone.scope
      """,
      [
        .text(request.tenant), .text("\(request.tenant)/\(request.connection)/"),
        .texts(listed), .timestamp(at),
      ])
  }

  /// - Returns: whether its request is a new one.
  nonisolated(nonsending) func insert(in transaction: PostgresTransaction) async throws -> Bool {
    try await transaction.execute(
      """
      INSERT INTO sv0.scans
        (tenant, scan, source, request_id, status, reason, request, requested_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, source, request_id) DO NOTHING
      """,
      [
        .text(request.tenant), .text(scan), .text(source), .text(requestID),
        .text(refusal == nil ? "accepted" : "rejected"), .text(refusal),
        .json(request.json.bytes), .timestamp(at),
      ]) == 1
  }
}

extension NewRun {
  nonisolated(nonsending) static func insert(
    _ runs: [NewRun], in transaction: PostgresTransaction
  ) async throws {
    let statements = runs.map { new in
      let (run, machine) = (new.run, new.run.machine)
      return PostgresStatement(
        """
        INSERT INTO sv0.runs (tenant, run, scan, scope, epoch, priority, requested_at,
          allocated_at, changed_at, state, attempt, failures, heard, lease_until, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10, $11, $12, $13)
        """,
        [
          .text(run.tenant), .text(run.run), .text(run.scan), .text(run.scope), .int8(run.epoch),
          .int8(Int64(new.priority.rank)), .timestamp(new.at), .text(machine.state.rawValue),
          .int4(Int32(machine.attempt)), .int4(Int32(machine.failures)), .bool(machine.isHeard),
          .timestamp(machine.leaseUntil), .text(machine.reason),
        ])
    }
    if !statements.isEmpty { _ = try await transaction.pipeline(statements) }
  }
}
