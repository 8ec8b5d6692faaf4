package import Model
package import PostgresClient
internal import Schema

/// The queue in Postgres.
///
/// Schedulers stand by for each other, so the transactions of a silent one end early.
package struct PostgresQueueStore: QueueStore {
  private let pool: PostgresPool
  private let silence: Duration
  private let person: String

  /// - Parameters:
  ///   - silence: how long the server waits for a transaction's next statement, or for its rows to
  ///     be read.
  ///   - person: who changes what a connection says, for the record.
  package init(
    pool: PostgresPool, silence: Duration = TransactionOptions.silence, person: String = ""
  ) {
    self.pool = pool
    self.silence = silence
    self.person = person
  }

  /// Every transaction here may be repeated, so one whose COMMIT was not answered is simply tried
  /// again.
  package nonisolated(nonsending) func transaction<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    do {
      return try await pool.withTransaction(options.ended(afterSilence: silence), body)
    } catch let error as PostgresError {
      throw SchedulingError(error)
    }
  }

  package func store(_ connection: ConnectionDocument, at now: Timestamp) async throws {
    var options = TransactionOptions.tenant(connection.tenant)
    options.settings["sv0.person"] = person
    try await transaction(options) { transaction in
      try await transaction.execute(
        "INSERT INTO sv0.tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING",
        [.text(connection.tenant)])
      try await transaction.execute(
        """
        INSERT INTO sv0.connections (tenant, connection, platform, document, applied_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant, connection) DO UPDATE SET platform = excluded.platform,
          document = excluded.document, applied_at = excluded.applied_at
        """,
        [
          .text(connection.tenant), .text(connection.connection),
          .text(connection.platform.rawValue), .json(connection.json.bytes), .timestamp(now),
        ])
    }
  }

  package func scheduledConnections() async throws -> [(FairOrder.Connection, document: String)] {
    try await transaction(.queue) { transaction in
      try await transaction.query(
        """
        SELECT tenant, connection, document FROM sv0.connections
        WHERE document -> 'schedule' IS NOT NULL
        ORDER BY tenant COLLATE "C", connection COLLATE "C"
        """
      ).map { row in
        (
          FairOrder.Connection(
            tenant: try row.string("tenant"), connection: try row.string("connection")),
          try row.string("document")
        )
      }
    }
  }

  package func silentRuns(at now: Timestamp, limit: Int) async throws -> [RunKey] {
    try await transaction(.queue) { transaction in
      try await transaction.query(
        """
        SELECT tenant, run FROM sv0.runs WHERE lease_until <= $1
        ORDER BY lease_until, tenant COLLATE "C", run COLLATE "C" LIMIT $2
        """, [.timestamp(now), .int8(Int64(limit))]
      ).map(RunKey.init)
    }
  }

  package func runs(ofScan scan: String, tenant: String) async throws -> [StoredRun]? {
    try await transaction(.tenant(tenant, readOnly: true)) { transaction in
      let values: [PostgresValue] = [.text(tenant), .text(scan)]
      let runs = try await transaction.query(
        """
        SELECT \(StoredRun.columns) FROM sv0.runs AS r WHERE tenant = $1 AND scan = $2
        ORDER BY scope COLLATE "C"
        """, values)
      guard runs.isEmpty else { return try runs.map(StoredRun.init) }
      let scans = try await transaction.query(
        "SELECT FROM sv0.scans WHERE tenant = $1 AND scan = $2", values)
      return scans.isEmpty ? nil : []
    }
  }
}

extension RunKey {
  init(_ row: PostgresRow) throws {
    self.init(tenant: try row.string("tenant"), run: try row.string("run"))
  }
}

extension StoredRun {
  /// To be selected from `sv0.runs AS r`.
  static let columns = """
    r.tenant, r.run, r.scan, r.scope, r.epoch, r.state, r.attempt, r.failures, r.heard,
    r.lease_until, r.records, r.calls, r.reason
    """

  init(_ row: PostgresRow) throws {
    let run = try row.string("run")
    guard let state = RunState(rawValue: try row.string("state")) else {
      throw SchedulingError.unknownWord("state", of: run)
    }
    self.init(
      tenant: try row.string("tenant"), run: run, scan: try row.string("scan"),
      scope: try row.string("scope"), epoch: try row.int64("epoch"),
      machine: RunMachine(
        state: state, attempt: Int(try row.int64("attempt")),
        failures: Int(try row.int64("failures")), isHeard: try row.bool("heard"),
        leaseUntil: try row.timestampOrNil("lease_until"), records: try row.int64("records"),
        calls: try row.int64("calls"), reason: try row.stringOrNil("reason")))
  }
}

extension SchedulingError {
  /// A row says something that only a newer version knows.
  static func unknownWord(_ what: String, of run: String) -> Self {
    SchedulingError(
      .database,
      "Run \(run) has a \(what) that this version does not know: a newer scheduler wrote it. "
        + "Use that version.", isRetriable: false)
  }
}
