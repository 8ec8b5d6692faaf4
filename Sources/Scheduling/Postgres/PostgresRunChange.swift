package import Model
internal import PostgresClient
internal import Schema

extension PostgresQueueStore {
  package func change(
    _ run: RunKey, at now: Timestamp,
    _ decide: @escaping @Sendable (inout StoredRun) throws -> RunChange
  ) async throws -> ChangedRun? {
    try await transaction(.tenant(run.tenant)) { transaction in
      let rows = try await transaction.query(
        "SELECT \(StoredRun.columns) FROM sv0.runs AS r WHERE tenant = $1 AND run = $2 FOR UPDATE",
        [.text(run.tenant), .text(run.run)])
      guard let row = rows.first else { return nil }
      var stored = try StoredRun(row)
      let change = try decide(&stored)
      var action = change.action
      if !change.collections.isEmpty {
        let news = try await transaction.pipeline(change.collections.map(stored.statement))
        if news.contains(where: { $0.affectedRows > 0 }) { action = max(action, .store) }
      }
      let statements = stored.statements(for: action, at: now)
      if !statements.isEmpty { _ = try await transaction.pipeline(statements) }
      return ChangedRun(run: stored, action: change.action)
    }
  }
}

extension StoredRun {
  /// What stores the machine after it asked for `action`.
  func statements(for action: RunMachine.Action, at now: Timestamp) -> [PostgresStatement] {
    switch action {
    case .ignore: []
    case .renewLease:
      [
        PostgresStatement(
          "UPDATE sv0.runs SET lease_until = $3 WHERE tenant = $1 AND run = $2",
          [.text(tenant), .text(run), .timestamp(machine.leaseUntil)])
      ]
    case .store: [update(at: now)]
    case .storeAndWithdraw:
      [
        update(at: now),
        PostgresStatement(
          "DELETE FROM sv0.outbox WHERE tenant = $1 AND topic = $2 AND key = $3",
          [
            .text(tenant), .text(Scope(scope).map { Topic.scanDispatch($0.platform) }),
            .text(dispatchKey),
          ]),
      ]
    case .storeFailure: [update(at: now)] + failure(at: now)
    }
  }

  /// Writes only where it says something new.
  fileprivate func statement(for report: CollectionReport) -> PostgresStatement {
    PostgresStatement(
      """
      INSERT INTO sv0.run_collections AS c
        (tenant, run, collection, attempt, outcome, records, missing, message)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, run, collection) DO UPDATE SET attempt = excluded.attempt,
        outcome = excluded.outcome, records = excluded.records, missing = excluded.missing,
        message = excluded.message
      WHERE (c.attempt, c.outcome, c.records, c.missing, c.message) IS DISTINCT FROM
        (excluded.attempt, excluded.outcome, excluded.records, excluded.missing, excluded.message)
      """,
      [
        .text(tenant), .text(run), .text(report.collection), .int4(Int32(report.attempt)),
        .text(report.outcome.rawValue), .int8(report.records), .texts(report.missing),
        .text(report.message),
      ])
  }

  private func update(at now: Timestamp) -> PostgresStatement {
    PostgresStatement(
      """
      UPDATE sv0.runs SET state = $3, attempt = $4, failures = $5, heard = $6, lease_until = $7,
        records = $8, calls = $9, reason = $10, changed_at = $11, version = version + 1
      WHERE tenant = $1 AND run = $2
      """,
      [
        .text(tenant), .text(run), .text(machine.state.rawValue), .int4(Int32(machine.attempt)),
        .int4(Int32(machine.failures)), .bool(machine.isHeard), .timestamp(machine.leaseUntil),
        .int8(machine.records), .int8(machine.calls), .text(machine.reason), .timestamp(now),
      ])
  }

  /// A failed run is a version of the graph too: what its collections hold is from now on unknown.
  /// As in the apply, the tenant's row is locked before any collection's.
  private func failure(at now: Timestamp) -> [PostgresStatement] {
    [
      PostgresStatement(
        """
        WITH raised AS (
          UPDATE sv0.tenants SET graph_version = graph_version + 1,
            first_changed_at = coalesce(first_changed_at, $3), last_changed_at = $3
          WHERE tenant = $1 RETURNING graph_version)
        UPDATE sv0.runs SET graph_version = (SELECT graph_version FROM raised)
        WHERE tenant = $1 AND run = $2
        """, [.text(tenant), .text(run), .timestamp(now)]),
      PostgresStatement(
        """
        UPDATE sv0.collections AS c SET outcome = 'failed', outcome_epoch = $4, outcome_at = $5,
          missing = '{}', message = $6
        FROM (SELECT coalesce(request -> 'collections', '[]'::json) AS asked FROM sv0.scans
          WHERE tenant = $1 AND scan = $3) AS s
        WHERE c.tenant = $1 AND c.scope = $2 AND c.outcome_epoch < $4
          AND (json_array_length(s.asked) = 0 OR EXISTS (
            SELECT FROM json_array_elements_text(s.asked) AS p
            WHERE c.collection = p OR starts_with(c.collection, p || '@')
              OR (right(p, 1) = '*' AND starts_with(c.collection, left(p, -1)))))
        """,
        [
          .text(tenant), .text(scope), .text(scan), .int8(epoch), .timestamp(now),
          .text("run \(run) failed: \(machine.reason ?? "")"),
        ]),
    ]
  }
}
