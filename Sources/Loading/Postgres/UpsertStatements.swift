internal import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func upsert(
    _ replayed: ReplayedRecord, under claim: Claim
  ) async throws -> Upserted {
    let staged = replayed.staged
    return try await storing(.loader(staged.scope.tenant)) { transaction in
      // As in `stage`: no lock before the last row.
      try await copy([PlacedRecord(staged, replayed.record)], in: transaction)
      _ = try await Position.hold(claim, in: transaction)
      try await staged.scope.lock(in: transaction)
      let upserted = try await write(replayed, in: transaction)
      _ = try await transaction.pipeline(staged.dropStaged)
      return upserted
    }
  }

  private func write(
    _ replayed: ReplayedRecord, in transaction: PostgresTransaction
  ) async throws -> Upserted {
    guard let (difference, version) = try await place(of: replayed, in: transaction)
    else { return .superseded }
    guard !replayed.record.isTainted, !replayed.record.isRemoval else { return .unchanged }
    let isNewest = try await becomesNewest(replayed, in: transaction)
    let isChanged = try await difference.add(
      replayed.record.collection, isNewest: isNewest, version: version + 1, in: transaction)
    guard isChanged else { return isNewest ? .unchanged : .superseded }
    let raised = try await replayed.attempt.scope.raiseVersion(at: replayed.at, in: transaction)
    return .written(epoch: difference.epoch, graphVersion: raised)
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
      attempt: Int32(replayed.staged.number), epoch: try row.int64("epoch"),
      at: try row.timestamp("allocated_at"), readAt: replayed.at)
    return (difference, try row.int64("graph_version"))
  }

  /// Remembers the record as the newest of its object.
  ///
  /// - Returns: whether it is: false, and nothing changes, where a newer one is known.
  private func becomesNewest(
    _ replayed: ReplayedRecord, in transaction: PostgresTransaction
  ) async throws -> Bool {
    let (scope, record) = (replayed.attempt.scope, replayed.record)
    return try await transaction.execute(
      """
      INSERT INTO sv0.newest_records AS n (tenant, scope, collection, object, sequence)
      VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (tenant, scope, collection, object) DO UPDATE SET sequence = excluded.sequence
        WHERE n.sequence <= excluded.sequence
      """,
      [
        .text(scope.tenant), .text(scope.description), .text(record.collection),
        .text(record.fragment.object), .int8(record.sequence),
      ]) > 0
  }
}

extension ReplayedRecord {
  /// What it is staged as, inside its transaction: nothing else is of an attempt below zero.
  fileprivate var staged: Attempt {
    Attempt(scope: attempt.scope, run: attempt.run, number: -attempt.number)
  }
}
