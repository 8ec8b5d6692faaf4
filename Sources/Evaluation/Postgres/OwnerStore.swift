public import Model
public import PostgresClient
internal import Schema

/// The tenants' owners in Postgres.
public struct OwnerStore: Sendable {
  private let pool: PostgresPool
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.pool = pool
    self.now = now
  }

  /// Replaces all owners of a tenant and makes it due for evaluation; does nothing where they are
  /// the same already.
  ///
  /// - Returns: whether anything changed.
  public func replace(_ owners: [Owner], of tenant: String) async throws -> Bool {
    let now = now()
    return try await pool.withTransaction(.tenant(tenant)) { transaction in
      try await transaction.execute(
        "INSERT INTO sv0.tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", [.text(tenant)])
      let rows = try await transaction.query(
        "SELECT \(PostgresEvaluationStore.clockColumns) FROM sv0.tenants WHERE tenant = $1"
          + " FOR UPDATE", [.text(tenant)])
      guard var clock = try rows.first.map(PostgresEvaluationStore.clock),
        try await Self.owners(transaction, tenant) != owners
      else { return false }
      try await transaction.execute(
        "DELETE FROM sv0.owners WHERE tenant = $1", [.text(tenant)])
      for (position, owner) in owners.enumerated() {
        try await transaction.execute(
          "INSERT INTO sv0.owners VALUES ($1, $2, $3, $4, $5, $6)",
          [
            .text(tenant), .int8(Int64(position)), .texts(owner.names),
            .text(owner.status.rawValue), .text(owner.until), .timestamp(now),
          ])
      }
      let version = clock.changed(at: now)
      try await transaction.execute(
        """
        UPDATE sv0.tenants SET graph_version = $2, first_changed_at = $3, last_changed_at = $4
        WHERE tenant = $1
        """,
        [
          .text(tenant), .int8(version), .timestamp(clock.firstChangedAt),
          .timestamp(clock.lastChangedAt),
        ])
      return true
    }
  }

  /// In the order of the file.
  public func list(_ tenant: String) async throws -> [Owner] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) {
      try await Self.owners($0, tenant)
    }
  }

  nonisolated(nonsending) static func owners(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [Owner] {
    try await transaction.query(
      "SELECT names, status, until FROM sv0.owners WHERE tenant = $1 ORDER BY position",
      [.text(tenant)]
    ).map { row in
      let names = try row.strings(0)
      guard let status = Owner.Status(rawValue: try row.string(1)) else {
        throw EvaluationError.unknownKind(of: "owner \(names.first ?? "")")
      }
      return Owner(names: names, status: status, until: try row.stringOrNil(2))
    }
  }
}
