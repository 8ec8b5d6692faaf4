public import Model
public import PostgresClient
internal import Schema

/// Removals that are held back because too much is gone at once, and what a person says of them.
///
/// Invariants:
/// 1. A suspect is absent from the collection's newest complete listing, the epoch that is listed
///    here: whatever that listing, or a later record, contains is no suspect.
/// 2. A confirmation closes the suspects of that epoch, as of that epoch, and says nothing about
///    later ones: the next complete listing is judged anew.
/// 3. A rejection takes the marks away; a later complete listing that lacks the same objects marks
///    them again, and the day of waiting begins again.
/// 4. Each decision is on record with who made it and when, in the transaction that does it.
public struct SuspectRemovals: Sendable {
  /// The suspects of one collection.
  public struct Suspects: Sendable, Equatable {
    public let scope: String
    public let collection: String
    /// The complete listing that they are absent from.
    public let epoch: Int64
    public let objects: Int64
    /// Nodes and edges.
    public let assertions: Int64
    /// When the first of them was missed.
    public let since: Timestamp
  }

  public enum Answer: Sendable, Equatable {
    /// The suspects of this epoch were closed or unmarked, so many assertions.
    case done(epoch: Int64, assertions: Int)
    case noSuspects
    /// The suspects are of another epoch than the one that was asked about.
    case otherEpoch(Int64)
  }

  public enum Decision: String, Sendable {
    case confirmed, rejected
  }

  private let pool: PostgresPool
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.pool = pool
    self.now = now
  }

  /// All suspects of a tenant, by scope and collection.
  public func list(tenant: String) async throws -> [Suspects] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await Self.suspects(of: tenant, in: transaction)
    }
  }

  /// Decides about the suspects of a collection.
  ///
  /// - Parameter epoch: the epoch that was listed; `nil` for the newest.
  public func decide(
    _ decision: Decision, _ scope: Scope, _ collection: String, epoch: Int64?, by person: String
  ) async throws -> Answer {
    try await pool.withTransaction(.tenant(scope.tenant)) { transaction in
      try await scope.lock(in: transaction)
      let all = try await Self.suspects(of: scope.tenant, in: transaction)
      guard
        let found = all.first(where: {
          $0.scope == scope.description && $0.collection == collection
        })
      else { return .noSuspects }
      guard epoch ?? found.epoch == found.epoch else { return .otherEpoch(found.epoch) }
      let changed =
        switch decision {
        case .confirmed: try await close(scope, found, in: transaction)
        case .rejected: try await unmark(scope, found, in: transaction)
        }
      try await record(decision, scope, found, changed, by: person, in: transaction)
      return .done(epoch: found.epoch, assertions: changed)
    }
  }

  private static func suspects(
    of tenant: String, in transaction: PostgresTransaction
  ) async throws -> [Suspects] {
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
      Suspects(
        scope: try row.string("scope"), collection: try row.string("collection"),
        epoch: try row.int64("completed_epoch"), objects: try row.int64("objects"),
        assertions: try row.int64("assertions"), since: try row.timestamp("since"))
    }
  }

  /// Closes them as the apply of that epoch would have.
  private func close(
    _ scope: Scope, _ found: Suspects, in transaction: PostgresTransaction
  ) async throws -> Int {
    let version = try await scope.raiseVersion(at: now(), in: transaction)
    let at = try await transaction.query(
      """
      SELECT completed_at FROM sv0.collections
      WHERE tenant = $1 AND scope = $2 AND collection = $3
      """, key(scope, found))
    let values: [PostgresValue] = [
      .text(scope.tenant), .text(found.scope), .int8(found.epoch),
      .timestamp(try at[0].timestamp("completed_at")), .int8(version), .text(found.collection),
    ]
    let statements = AssertionTable.all.map {
      PostgresStatement(
        $0.closing(where: "g.collection = $6 AND g.suspect_since IS NOT NULL"), values)
    }
    return try await transaction.pipeline(statements).map(\.affectedRows).reduce(0, +)
  }

  private func unmark(
    _ scope: Scope, _ found: Suspects, in transaction: PostgresTransaction
  ) async throws -> Int {
    let statements = AssertionTable.all.map {
      PostgresStatement($0.unmark, key(scope, found))
    }
    return try await transaction.pipeline(statements).map(\.affectedRows).reduce(0, +)
  }

  private func record(
    _ decision: Decision, _ scope: Scope, _ found: Suspects, _ changed: Int, by person: String,
    in transaction: PostgresTransaction
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
          .timestamp(now()),
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

  private func key(_ scope: Scope, _ found: Suspects) -> [PostgresValue] {
    [.text(scope.tenant), .text(found.scope), .text(found.collection)]
  }
}
