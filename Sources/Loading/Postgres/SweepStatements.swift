package import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func tenantsWithOpenAttempts() async throws -> [String] {
    try await transaction(.staging) { transaction in
      try await transaction.query(
        """
        SELECT tenant FROM (SELECT DISTINCT tenant FROM sv0.open_attempts) AS open
        ORDER BY tenant COLLATE "C"
        """
      ).map { try $0.string("tenant") }
    }
  }

  package func openAttempts(of tenant: String) async throws -> [OpenAttempt] {
    try await transaction(.loader(tenant)) { transaction in
      try await transaction.query(
        "\(Self.openAttempts) WHERE o.tenant = $1 ORDER BY o.run COLLATE \"C\", o.attempt",
        [.text(tenant)]
      ).compactMap(OpenAttempt.init(row:))
    }
  }

  package func drop(
    _ attempt: Attempt, of partition: TopicPartition, silentSince: Timestamp,
    because silence: String, at: Timestamp
  ) async throws -> Abandonment? {
    try await transaction(.loader(attempt.scope.tenant)) { transaction in
      let free = try await transaction.query(
        """
        SELECT FROM sv0.positions WHERE topic = $1 AND partition = $2 FOR UPDATE SKIP LOCKED
        """, partition.values)
      guard !free.isEmpty else { return nil }
      // Before it is judged: from here on nothing happens to the run.
      let run = try await LockedRun.lock(attempt, in: transaction)
      let rows = try await transaction.query(
        "\(Self.openAttempts) WHERE o.run = $1 AND o.attempt = $2",
        [.text(attempt.run), .int4(Int32(attempt.number))])
      guard
        let why = try rows.first.flatMap(OpenAttempt.init(row:))?.abandonment(
          silentSince: silentSince)
      else { return nil }
      if why == .silent, let run {
        try await run.fail(because: silence, at: at, in: transaction)
      }
      _ = try await transaction.pipeline(attempt.drop + [Position.lower(partition)])
      return why
    }
  }

  package func ageActivity(
    of tenant: String, before: Timestamp, atMost: Int
  ) async throws -> Int {
    try await transaction(.tenant(tenant)) { transaction in
      // Rows that an apply is about to renew are left to it.
      try await transaction.execute(
        """
        DELETE FROM sv0.activity WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM sv0.activity WHERE tenant = $1 AND at < $2
          LIMIT $3 FOR UPDATE SKIP LOCKED))
        """, [.text(tenant), .timestamp(before), .int8(Int64(atMost))])
    }
  }

  private static let openAttempts = """
    SELECT o.run, o.attempt, o.scope, o.topic, o.partition, o.staged_at, r.scope AS run_scope,
      r.state, r.attempt AS run_attempt, r.changed_at, r.lease_until
    FROM sv0.open_attempts o LEFT JOIN sv0.runs r ON r.tenant = o.tenant AND r.run = o.run
    """
}

extension OpenAttempt {
  fileprivate init?(row: PostgresRow) throws {
    guard let attempt = try Attempt(row) else { return nil }
    let run = try row.stringOrNil("run_scope").map { scope in
      RunRow(
        scope: scope, state: RunState(rawValue: try row.string("state")),
        attempt: Int(try row.int64("run_attempt")), changedAt: try row.timestamp("changed_at"),
        leaseUntil: try row.timestampOrNil("lease_until"))
    }
    self.init(
      attempt, of: try TopicPartition(row), stagedAt: try row.timestampOrNil("staged_at"),
      run: run)
  }
}
