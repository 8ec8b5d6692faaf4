internal import Logging
internal import Metrics
internal import Model
internal import PostgresClient
internal import Schema

/// Applies or fails one attempt: one transaction, under the locks of partition, scope, run, tenant.
struct Application {
  let pool: PostgresPool
  let attempt: Attempt
  let partition: TopicPartition
  let generation: Int64
  /// The attempt's `scan.ended`; `nil` when it is failed before that.
  let end: Mark?
  let at: Timestamp

  /// - Returns: `nil` when the attempt turned out to be finished or superseded; its staged rows are
  ///   dropped either way.
  func run() async throws -> Applied? {
    try await pool.withTransaction(.loader(attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(partition, generation, in: transaction)
      let run = try await LockedRun.lock(attempt, in: transaction)
      var applied: Applied?
      if let run {
        applied = try await apply(run, in: transaction)
      }
      try await forget(in: transaction)
      return applied
    }
  }

  /// Ends the attempt and its run as failed; the graph keeps what it has.
  func fail(because reason: String) async throws {
    try await pool.withTransaction(.loader(attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(partition, generation, in: transaction)
      if let run = try await LockedRun.lock(attempt, in: transaction) {
        try await run.fail(because: reason, at: at, in: transaction)
      }
      try await forget(in: transaction)
    }
  }

  private func apply(_ run: LockedRun, in transaction: PostgresTransaction) async throws -> Applied
  {
    let difference = Difference(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      attempt: Int32(attempt.number), epoch: run.epoch, at: run.allocatedAt, readAt: at)
    try await difference.dropRepeats(in: transaction)
    let plans = try await difference.counts(in: transaction).map {
      CollectionPlan($0, epoch: run.epoch)
    }
    let version = try await attempt.scope.raiseVersion(at: at, in: transaction)
    let changes = try await difference.write(plans, version: version, in: transaction)
    try await run.applied(as: version, at: at, in: transaction)
    return Applied(epoch: run.epoch, graphVersion: version, plans: plans, changes: changes)
  }

  /// Drops what is staged of the attempt; the positions move past its end.
  private func forget(in transaction: PostgresTransaction) async throws {
    let move = end.map { [Position.move(partition, to: $0.offset + 1, $0)] } ?? []
    _ = try await transaction.pipeline(
      attempt.drop + move + [Position.lower(partition)])
  }
}

extension Attempt {
  /// Empties staging of the attempt.
  var dropStaged: [PostgresStatement] {
    ["staged_objects", "staged_nodes", "staged_edges", "staged_documents", "staged_ends"]
      .map(delete(from:))
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

/// What an apply did.
struct Applied {
  var epoch: Int64
  var graphVersion: Int64
  var plans: [CollectionPlan]
  var changes: Difference.Changes

  var metadata: Logger.Metadata {
    [
      "epoch": "\(epoch)", "graphVersion": "\(graphVersion)",
      "opened": "\(changes.opened)", "closed": "\(changes.closed)",
      "suspects": "\(changes.suspected)",
      "incomplete": "\(plans.filter { $0.outcome != .complete }.map(\.collection))",
    ]
  }

  func count() {
    Counter(label: "sv0_assertions_opened_total").increment(by: changes.opened)
    Counter(label: "sv0_assertions_closed_total").increment(by: changes.closed)
    for plan in plans {
      Counter(
        label: "sv0_collections_total", dimensions: [("outcome", plan.outcome.rawValue)]
      ).increment()
    }
  }
}
