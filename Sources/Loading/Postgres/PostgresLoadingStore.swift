package import Model
internal import Pipeline
package import PostgresClient
internal import Schema

/// The loader's database in PostgreSQL: each method's statements are in the file of its part.
package struct PostgresLoadingStore: LoadingStore {
  let pool: PostgresPool

  package init(pool: PostgresPool) {
    self.pool = pool
  }

  package func claim(_ partition: TopicPartition) async throws -> Position {
    try await transaction(.staging) { try await Position.claim(partition, in: $0) }
  }

  package func run(_ run: String, of tenant: String) async throws -> RunRow? {
    try await transaction(.tenant(tenant, readOnly: true)) { transaction in
      let rows = try await transaction.query(
        """
        SELECT scope, state, attempt, changed_at, lease_until FROM sv0.runs
        WHERE tenant = $1 AND run = $2
        """, [.text(tenant), .text(run)])
      return try rows.first.map { row in
        RunRow(
          scope: try row.string("scope"), state: RunState(rawValue: try row.string("state")),
          attempt: Int(try row.int64("attempt")), changedAt: try row.timestamp("changed_at"),
          leaseUntil: try row.timestampOrNil("lease_until"))
      }
    }
  }

  package func tenants() async throws -> [String] {
    try await transaction(.queue) { transaction in
      try await transaction.query("SELECT tenant FROM sv0.tenants ORDER BY tenant COLLATE \"C\"")
        .map { try $0.string("tenant") }
    }
  }

  /// Where the database does not say whether it committed, what was asked for may be asked again.
  nonisolated(nonsending) func transaction<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    do {
      return try await pool.withTransaction(options, body)
    } catch let error as PostgresError where error.kind == .commitOutcomeUnknown {
      throw LoadingError.interrupted("\(error)")
    }
  }

  /// A transaction that may fail for what it is given to store.
  nonisolated(nonsending) func storing<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    do {
      return try await transaction(options, body)
    } catch let error as PostgresError where error.isAboutData {
      throw RefusedData("\(error)")
    }
  }
}

extension PostgresError {
  /// Data exceptions, integrity violations and exceeded limits of a value.
  /// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html, classes 22, 23, 54.
  var isAboutData: Bool { ["22", "23", "54"].contains(sqlState?.errorClass) }
}
