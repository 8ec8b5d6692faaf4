internal import Model
internal import PostgresClient
internal import Schema

/// A run's row, as the transaction read it that holds its lock.
struct StoredRun {
  /// To be selected from `sv0.runs AS r`.
  static let columns = """
    r.tenant, r.run, r.scan, r.scope, r.epoch, r.state, r.attempt, r.failures, r.heard,
    r.lease_until, r.records, r.calls, r.reason
    """

  let tenant: String
  let run: String
  let scan: String
  let scope: String
  let epoch: Int64
  var machine: RunMachine

  init(_ row: PostgresRow) throws {
    tenant = try row.string("tenant")
    run = try row.string("run")
    scan = try row.string("scan")
    scope = try row.string("scope")
    epoch = try row.int64("epoch")
    let word = try row.string("state")
    guard let state = RunState(rawValue: word) else {
      throw SchedulingError(
        .database,
        "Run \(run) is in a state that this version does not know: a newer scheduler "
          + "wrote it. Use that version.", isRetriable: false)
    }
    machine = RunMachine(
      state: state, attempt: Int(try row.int64("attempt")),
      failures: Int(try row.int64("failures")), isHeard: try row.bool("heard"),
      leaseUntil: try row.timestampOrNil("lease_until"), records: try row.int64("records"),
      calls: try row.int64("calls"), reason: try row.stringOrNil("reason"))
  }

  /// The key of the message that gives this attempt out.
  var dispatchKey: String { "\(run)/\(machine.attempt)" }

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

extension Store {
  /// Locks a run, lets the body change it, and stores what the machine asked for.
  ///
  /// - Returns: `nil` when the tenant has no such run.
  @discardableResult
  nonisolated(nonsending) func change(
    run: String, of tenant: String, at now: Timestamp,
    _ body:
      nonisolated(nonsending) (inout StoredRun, PostgresTransaction) async throws ->
      RunMachine.Action
  ) async throws -> RunState? {
    try await transaction(.tenant(tenant)) { transaction in
      let rows = try await transaction.query(
        "SELECT \(StoredRun.columns) FROM sv0.runs AS r WHERE tenant = $1 AND run = $2 FOR UPDATE",
        [.text(tenant), .text(run)])
      guard let row = rows.first else { return nil }
      var stored = try StoredRun(row)
      let action = try await body(&stored, transaction)
      let statements = stored.statements(for: action, at: now)
      if !statements.isEmpty { _ = try await transaction.pipeline(statements) }
      return stored.machine.state
    }
  }
}
