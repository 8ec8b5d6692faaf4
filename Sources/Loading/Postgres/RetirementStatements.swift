package import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func scopes(of connection: String, tenant: String) async throws -> [Scope] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await transaction.query(
        """
        SELECT scope FROM sv0.scopes WHERE tenant = $1 AND starts_with(scope, $2)
        ORDER BY scope COLLATE "C"
        """, [.text(tenant), .text("\(tenant)/\(connection)/")]
      ).compactMap { Scope(try $0.string("scope")) }
    }
  }

  package func retire(
    _ scope: Scope, collection: String?, by person: String, at: Timestamp
  ) async throws -> Retirement.Retired? {
    try await pool.withTransaction(.tenant(scope.tenant)) { transaction in
      let epochs = try await transaction.query(
        """
        UPDATE sv0.scopes SET last_epoch = last_epoch + 1 WHERE tenant = $1 AND scope = $2
        RETURNING last_epoch
        """, [.text(scope.tenant), .text(scope.description)])
      guard let epoch = try epochs.first?.int64("last_epoch") else { return nil }
      var runs: [String] = []
      if collection == nil {
        runs = try await cancelRuns(of: scope, by: person, at: at, in: transaction)
      }
      let version = try await scope.raiseVersion(at: at, in: transaction)
      let closed = try await close(
        scope, collection ?? "", epoch: epoch, at: at, version: version, in: transaction)
      try await transaction.execute(
        """
        INSERT INTO sv0.retirements
          (tenant, scope, collection, epoch, assertions, retired_by, retired_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
          .text(scope.tenant), .text(scope.description), .text(collection ?? ""), .int8(epoch),
          .int8(Int64(closed)), .text(person), .timestamp(at),
        ])
      return Retirement.Retired(scope: scope, epoch: epoch, assertions: closed, runs: runs)
    }
  }

  /// As the scheduler cancels: a dispatch that was not sent yet is withdrawn.
  private func cancelRuns(
    of scope: Scope, by person: String, at: Timestamp, in transaction: PostgresTransaction
  ) async throws -> [String] {
    let rows = try await transaction.query(
      """
      UPDATE sv0.runs SET state = 'cancelled', reason = $3, lease_until = NULL, changed_at = $4,
        version = version + 1
      WHERE tenant = $1 AND scope = $2 AND state IN ('queued', 'dispatched', 'leased')
      RETURNING run, run || '/' || attempt AS dispatch
      """,
      [
        .text(scope.tenant), .text(scope.description),
        .text("the scope was retired by \(person)"), .timestamp(at),
      ])
    try await transaction.execute(
      "DELETE FROM sv0.outbox WHERE tenant = $1 AND topic = $2 AND key = ANY($3)",
      [
        .text(scope.tenant), .text(Topic.scanDispatch(scope.platform)),
        .texts(try rows.map { try $0.string("dispatch") }),
      ])
    return try rows.map { try $0.string("run") }
  }

  private func close(
    _ scope: Scope, _ collection: String, epoch: Int64, at: Timestamp, version: Int64,
    in transaction: PostgresTransaction
  ) async throws -> Int {
    let values: [PostgresValue] = [
      .text(scope.tenant), .text(scope.description), .int8(epoch), .timestamp(at),
      .int8(version), .text(collection),
    ]
    let results = try await transaction.pipeline(
      AssertionTable.all.map {
        PostgresStatement($0.closing(where: Retirement.covering("$6", "g.collection")), values)
      }
        + ["collections", "activity"].map {
          PostgresStatement(
            """
            DELETE FROM sv0.\($0)
            WHERE tenant = $1 AND scope = $2 AND \(Retirement.covering("$3", "collection"))
            """, [.text(scope.tenant), .text(scope.description), .text(collection)])
        })
    return results.prefix(AssertionTable.all.count).map(\.affectedRows).reduce(0, +)
  }
}

extension Retirement {
  /// `covers`, in SQL: of two columns or parameters.
  static func covering(_ retired: String, _ collection: String) -> String {
    "(\(retired) IN ('', \(collection)) OR starts_with(\(collection), \(retired) || '@'))"
  }
}
