internal import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func apply(_ ending: Ending) async throws -> Applied? {
    let attempt = ending.attempt
    return try await storing(.loader(attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(ending.claim, in: transaction)
      let run = try await LockedRun.lock(attempt, in: transaction)
      var applied: Applied?
      if let run {
        applied = try await apply(run, attempt, at: ending.at, in: transaction)
      }
      try await forget(ending, in: transaction)
      return applied
    }
  }

  package func fail(_ ending: Ending, because reason: String) async throws {
    try await transaction(.loader(ending.attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(ending.claim, in: transaction)
      if let run = try await LockedRun.lock(ending.attempt, in: transaction) {
        try await run.fail(because: reason, at: ending.at, in: transaction)
      }
      try await forget(ending, in: transaction)
    }
  }

  private func apply(
    _ run: LockedRun, _ attempt: Attempt, at now: Timestamp, in transaction: PostgresTransaction
  ) async throws -> Applied {
    let difference = Difference(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      attempt: Int32(attempt.number), epoch: run.epoch, at: run.allocatedAt, readAt: now)
    // What is staged, and what is new in the graph, has no statistics yet: the planner takes both
    // sides of a join for a row or two, and any way that compares all with all for cheap.
    _ = try await transaction.query(
      """
      SELECT set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)
      """)
    try await difference.dropRepeats(in: transaction)
    let plans = try await difference.counts(in: transaction).map {
      CollectionPlan($0, epoch: run.epoch)
    }
    let version = try await attempt.scope.raiseVersion(at: now, in: transaction)
    let changes = try await difference.write(plans, version: version, in: transaction)
    try await run.applied(as: version, at: now, in: transaction)
    return Applied(epoch: run.epoch, graphVersion: version, plans: plans, changes: changes)
  }

  /// Drops what is staged of the attempt; the positions move past its end.
  private func forget(_ ending: Ending, in transaction: PostgresTransaction) async throws {
    let partition = ending.claim.partition
    let move = ending.end.map { [Position.move(partition, to: $0.offset + 1, $0)] } ?? []
    _ = try await transaction.pipeline(
      ending.attempt.drop + move + [Position.lower(partition)])
  }
}

extension Attempt {
  /// - Returns: `nil` when a newer version has written a scope that this one cannot read.
  init?(_ row: PostgresRow) throws {
    guard let scope = Scope(try row.string("scope")) else { return nil }
    self.init(scope: scope, run: try row.string("run"), number: Int(try row.int64("attempt")))
  }

  /// Empties staging of the attempt.
  var dropStaged: [PostgresStatement] {
    [
      "staged_objects", "staged_nodes", "staged_edges", "staged_documents", "staged_activity",
      "staged_ends",
    ].map(delete(from:))
  }

  /// Nothing of the attempt is staged any more; it is still open.
  var emptied: PostgresStatement {
    PostgresStatement(
      "UPDATE sv0.open_attempts SET bytes = 0 WHERE run = $1 AND attempt = $2",
      [.text(run), .int4(Int32(number))])
  }

  /// The attempt is open no longer.
  var drop: [PostgresStatement] { dropStaged + [delete(from: "open_attempts")] }

  private func delete(from table: String) -> PostgresStatement {
    PostgresStatement(
      "DELETE FROM sv0.\(table) WHERE run = $1 AND attempt = $2",
      [.text(run), .int4(Int32(number))])
  }
}
