internal import Logging
internal import Metrics
internal import Model
internal import PostgresClient
internal import Schema

/// Applies one attempt to the graph: one transaction, under the locks of scope, then run.
struct Application {
  let pool: PostgresPool
  let attempt: Attempt
  let partition: TopicPartition
  let generation: Int64
  /// Where reading goes on after the attempt's `scan.ended`.
  let nextOffset: Int64
  let at: Timestamp

  /// - Returns: `nil` when the attempt turned out to be finished or superseded; its staged rows are
  ///   dropped either way.
  func run() async throws -> Applied? {
    try await pool.withTransaction(.loader(attempt.scope.tenant)) { transaction in
      _ = try await Position.hold(partition, generation, in: transaction)
      let run = try await lockedRun(in: transaction)
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
      if try await lockedRun(in: transaction) != nil {
        let version = try await raiseVersion(in: transaction)
        try await finish(.failed, version: version, reason: reason, in: transaction)
      }
      try await forget(in: transaction)
    }
  }

  private struct Run {
    var epoch: Int64
    var allocatedAt: Timestamp
  }

  /// The run, locked after its scope; `nil` unless this is its current, unfinished attempt.
  private func lockedRun(in transaction: PostgresTransaction) async throws -> Run? {
    let tenant = PostgresValue.text(attempt.scope.tenant)
    try await transaction.execute(
      "SELECT FROM sv0.scopes WHERE tenant = $1 AND scope = $2 FOR UPDATE",
      [tenant, .text(attempt.scope.description)])
    let rows = try await transaction.query(
      """
      SELECT epoch, allocated_at, state FROM sv0.runs
      WHERE tenant = $1 AND run = $2 AND scope = $3 AND attempt = $4 FOR UPDATE
      """,
      [
        tenant, .text(attempt.run), .text(attempt.scope.description),
        .int4(Int32(attempt.number)),
      ])
    guard let row = rows.first, let state = RunState(rawValue: try row.string("state")),
      state.takesRecords
    else { return nil }
    return Run(
      epoch: try row.int64("epoch"), allocatedAt: try row.timestamp("allocated_at"))
  }

  private func apply(_ run: Run, in transaction: PostgresTransaction) async throws -> Applied {
    let difference = Difference(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      attempt: Int32(attempt.number), epoch: run.epoch, at: run.allocatedAt, readAt: at)
    try await difference.dropRepeats(in: transaction)
    let plans = try await difference.counts(in: transaction).map {
      CollectionPlan($0, epoch: run.epoch)
    }
    // From here to the commit the tenant's row is locked: versions are in the order of commits.
    let version = try await raiseVersion(in: transaction)
    let changes = try await difference.write(plans, version: version, in: transaction)
    try await finish(.applied, version: version, reason: nil, in: transaction)
    return Applied(epoch: run.epoch, graphVersion: version, plans: plans, changes: changes)
  }

  private func raiseVersion(in transaction: PostgresTransaction) async throws -> Int64 {
    let rows = try await transaction.query(
      """
      UPDATE sv0.tenants SET graph_version = graph_version + 1,
        first_changed_at = coalesce(first_changed_at, $2), last_changed_at = $2
      WHERE tenant = $1 RETURNING graph_version
      """, [.text(attempt.scope.tenant), .timestamp(at)])
    // The run's row names the tenant, and a run is admitted only for a tenant that has a row.
    return try rows[0].int64("graph_version")
  }

  private func finish(
    _ state: RunState, version: Int64, reason: String?, in transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE sv0.runs SET state = $3, graph_version = $4, reason = $5, lease_until = NULL,
        changed_at = $6, version = version + 1
      WHERE tenant = $1 AND run = $2
      """,
      [
        .text(attempt.scope.tenant), .text(attempt.run), .text(state.rawValue), .int8(version),
        .text(reason), .timestamp(at),
      ])
  }

  /// Drops what is staged of the attempt and moves both positions past it.
  private func forget(in transaction: PostgresTransaction) async throws {
    _ = try await transaction.pipeline(
      attempt.dropStaged + [
        attempt.delete(from: "open_attempts"), Position.move(partition, to: nextOffset),
        Position.lower(partition),
      ])
  }
}

extension Attempt {
  /// Empties staging of the attempt.
  var dropStaged: [PostgresStatement] {
    ["staged_objects", "staged_nodes", "staged_edges", "staged_documents", "staged_ends"]
      .map(delete(from:))
  }

  func delete(from table: String) -> PostgresStatement {
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
