package import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func suspects(of tenant: String) async throws -> [SuspectRemovals.Suspects] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await suspects(of: tenant, in: transaction)
    }
  }

  package func decide(
    _ decision: SuspectRemovals.Decision, _ scope: Scope, _ collection: String, epoch: Int64?,
    by person: String, at: Timestamp
  ) async throws -> SuspectRemovals.Answer {
    try await pool.withTransaction(.tenant(scope.tenant)) { transaction in
      try await scope.lock(in: transaction)
      let all = try await suspects(of: scope.tenant, in: transaction)
      switch SuspectRemovals.subject(of: all, scope, collection, epoch: epoch) {
      case .none(let answer): return answer
      case .these(let found):
        let changed =
          switch decision {
          case .confirmed: try await close(scope, found, at: at, in: transaction)
          case .rejected: try await unmark(scope, found, in: transaction)
          }
        try await record(decision, scope, found, changed, by: person, at: at, in: transaction)
        return .done(epoch: found.epoch, assertions: changed)
      }
    }
  }

  private func suspects(
    of tenant: String, in transaction: PostgresTransaction
  ) async throws -> [SuspectRemovals.Suspects] {
    let rows = try await transaction.query(
      """
      SELECT s.scope, s.collection, c.completed_epoch, count(DISTINCT s.object) AS objects,
        count(*) AS assertions, min(s.suspect_since) AS since
      FROM (SELECT tenant, scope, collection, object, suspect_since FROM sv0.nodes
          WHERE tenant = $1 AND closed_epoch IS NULL AND suspect_since IS NOT NULL
        UNION ALL SELECT tenant, scope, collection, object, suspect_since FROM sv0.edges
          WHERE tenant = $1 AND closed_epoch IS NULL AND suspect_since IS NOT NULL) s
      JOIN sv0.collections c USING (tenant, scope, collection)
      WHERE c.completed_epoch IS NOT NULL
      GROUP BY 1, 2, 3 ORDER BY s.scope COLLATE "C", s.collection COLLATE "C"
      """, [.text(tenant)])
    return try rows.map { row in
      SuspectRemovals.Suspects(
        scope: try row.string("scope"), collection: try row.string("collection"),
        epoch: try row.int64("completed_epoch"), objects: try row.int64("objects"),
        assertions: try row.int64("assertions"), since: try row.timestamp("since"))
    }
  }

  /// Closes them as the apply of that epoch would have.
  private func close(
    _ scope: Scope, _ found: SuspectRemovals.Suspects, at now: Timestamp,
    in transaction: PostgresTransaction
  ) async throws -> Int {
    let version = try await scope.raiseVersion(at: now, in: transaction)
    let at = try await transaction.query(
      """
      SELECT listed_at FROM sv0.collections
      WHERE tenant = $1 AND scope = $2 AND collection = $3
      """, key(scope, found))
    let values: [PostgresValue] = [
      .text(scope.tenant), .text(found.scope), .int8(found.epoch),
      .timestamp(try at[0].timestamp("listed_at")), .int8(version), .text(found.collection),
    ]
    let statements = AssertionTable.all.map {
      PostgresStatement(
        $0.closing(where: "g.collection = $6 AND g.suspect_since IS NOT NULL"), values)
    }
    return try await transaction.pipeline(statements).map(\.affectedRows).reduce(0, +)
  }

  private func unmark(
    _ scope: Scope, _ found: SuspectRemovals.Suspects, in transaction: PostgresTransaction
  ) async throws -> Int {
    let statements = AssertionTable.all.map {
      PostgresStatement($0.unmark, key(scope, found))
    }
    return try await transaction.pipeline(statements).map(\.affectedRows).reduce(0, +)
  }

  private func record(
    _ decision: SuspectRemovals.Decision, _ scope: Scope, _ found: SuspectRemovals.Suspects,
    _ changed: Int, by person: String,
    at now: Timestamp, in transaction: PostgresTransaction
  ) async throws {
    _ = try await transaction.pipeline([
      PostgresStatement(
        """
        INSERT INTO sv0.removal_decisions
          (tenant, scope, collection, epoch, decision, assertions, decided_by, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        key(scope, found) + [
          .int8(found.epoch), .text(decision.rawValue), .int8(Int64(changed)), .text(person),
          .timestamp(now),
        ]),
      PostgresStatement(
        """
        UPDATE sv0.collections SET message = $5
        WHERE tenant = $1 AND scope = $2 AND collection = $3 AND outcome_epoch = $4
        """,
        key(scope, found) + [
          .int8(found.epoch), .text("\(person) \(decision.rawValue) the suspect removals"),
        ]),
    ])
  }

  private func key(_ scope: Scope, _ found: SuspectRemovals.Suspects) -> [PostgresValue] {
    [.text(scope.tenant), .text(found.scope), .text(found.collection)]
  }
}
