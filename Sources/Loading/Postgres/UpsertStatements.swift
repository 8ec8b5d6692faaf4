internal import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func upsert(
    _ replayed: ReplayedRecord, under claim: Claim
  ) async throws -> Upserted {
    let attempt = replayed.attempt
    return try await storing(.loader(attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(claim, in: transaction)
      try await attempt.scope.lock(in: transaction)
      guard let (difference, version) = try await place(of: replayed, in: transaction)
      else { return .superseded }
      guard !replayed.record.isTainted, !replayed.record.isRemoval else { return .unchanged }
      // By way of staging, where nothing else of a finished attempt is.
      let empty = attempt.dropStaged
      _ = try await transaction.pipeline(empty)
      try await copy([PlacedRecord(attempt, replayed.record)], in: transaction)
      let isChanged = try await difference.add(
        replayed.record.collection, version: version + 1, in: transaction)
      _ = try await transaction.pipeline(empty)
      guard isChanged else { return .unchanged }
      let raised = try await attempt.scope.raiseVersion(at: replayed.at, in: transaction)
      return .written(epoch: difference.epoch, graphVersion: raised)
    }
  }

  /// Where the record belongs, and the version of the graph so far; the tenant's row is locked.
  ///
  /// - Returns: `nil` unless the collection was last applied from the record's attempt: one that was
  ///   retired since has no row.
  private func place(
    of replayed: ReplayedRecord, in transaction: PostgresTransaction
  ) async throws -> (Difference, Int64)? {
    let attempt = replayed.attempt
    let rows = try await transaction.query(
      """
      SELECT r.epoch, r.allocated_at, t.graph_version
      FROM sv0.runs r JOIN sv0.tenants t USING (tenant) JOIN sv0.collections c
        ON c.tenant = r.tenant AND c.scope = r.scope AND c.applied_run = r.run
      WHERE r.tenant = $1 AND r.scope = $2 AND r.run = $3 AND c.applied_attempt = $4
        AND c.collection = $5 FOR UPDATE OF t
      """,
      [
        .text(attempt.scope.tenant), .text(attempt.scope.description), .text(attempt.run),
        .int4(Int32(attempt.number)), .text(replayed.record.collection),
      ])
    guard let row = rows.first else { return nil }
    let difference = Difference(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      attempt: Int32(attempt.number), epoch: try row.int64("epoch"),
      at: try row.timestamp("allocated_at"), readAt: replayed.at)
    return (difference, try row.int64("graph_version"))
  }
}
