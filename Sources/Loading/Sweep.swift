internal import Logging
internal import Metrics
internal import Model
internal import PostgresClient
internal import Schema

/// Why an open attempt is not waited for any longer.
enum Abandonment: String {
  /// Its run is not in the run table, or has ended.
  case unknown, finished
  /// A newer attempt of the run was dispatched.
  case superseded
  /// Nothing was staged of it, and nothing happened to its run, for too long.
  case silent
}

/// Invariants of the sweep:
/// 1. An attempt is judged and dropped under the lock of its partition, which its owner needs to
///    stage or apply: any number of loaders may sweep, next to any number that load. A partition
///    that is in use is left to the next turn.
/// 2. A silent attempt fails its run, under the locks of the scope and of the run, unless the run
///    waits in the queue: then the next dispatch supersedes it.
/// 3. The position to read from after a crash is computed anew for each partition swept.
extension Loader {
  /// Drops what is staged of attempts that nobody will end; call it every minute or so.
  ///
  /// - Returns: whether there may be more to do right now: never, what is left is left on purpose.
  /// - Throws: a `ClassifiedError`; trying again is safe.
  public func sweep() async throws -> Bool {
    do {
      let tenants = try await pool.withTransaction(.staging) { transaction in
        try await transaction.query("SELECT DISTINCT tenant FROM sv0.open_attempts")
          .map { try $0.string("tenant") }
      }
      for tenant in tenants.sorted(by: { $0.precedes($1) }) {
        for (attempt, partition) in try await abandoned(of: tenant) {
          guard let why = try await drop(attempt, of: partition) else { continue }
          Counter(label: "sv0_loader_swept_total", dimensions: [("reason", why.rawValue)])
            .increment()
          log.notice(
            "dropped what was staged",
            metadata: attempt.metadata.merging(["reason": "\(why.rawValue)"]) { $1 })
        }
      }
      return false
    } catch let error as PostgresError where error.kind == .commitOutcomeUnknown {
      throw LoadingError.interrupted("\(error)")
    }
  }

  private func abandoned(of tenant: String) async throws -> [(Attempt, TopicPartition)] {
    try await pool.withTransaction(.loader(tenant)) { transaction in
      let rows = try await transaction.query(
        """
        SELECT * FROM (SELECT o.run, o.attempt, o.scope, o.topic, o.partition,
            \(Self.verdict) AS verdict
          FROM sv0.open_attempts o LEFT JOIN sv0.runs r ON r.tenant = o.tenant AND r.run = o.run
          WHERE o.tenant = $2) judged
        WHERE verdict IS NOT NULL ORDER BY run COLLATE "C", attempt LIMIT 1000
        """, [.timestamp(silentBefore), .text(tenant)])
      return try rows.compactMap { row in
        try Attempt(row).map { ($0, try TopicPartition(row)) }
      }
    }
  }

  /// - Returns: `nil` if the partition is in use, or the attempt turned out to be alive.
  private func drop(
    _ attempt: Attempt, of partition: TopicPartition
  ) async throws -> Abandonment? {
    try await pool.withTransaction(.loader(attempt.scope.tenant)) { transaction in
      let free = try await transaction.query(
        """
        SELECT FROM sv0.positions WHERE topic = $1 AND partition = $2 FOR UPDATE SKIP LOCKED
        """, partition.values)
      guard !free.isEmpty else { return nil }
      // Before it is judged: from here on nothing happens to the run.
      let run = try await LockedRun.lock(attempt, in: transaction)
      let rows = try await transaction.query(
        """
        SELECT \(Self.verdict) AS verdict
        FROM sv0.open_attempts o LEFT JOIN sv0.runs r ON r.tenant = o.tenant AND r.run = o.run
        WHERE o.run = $2 AND o.attempt = $3
        """, [.timestamp(silentBefore), .text(attempt.run), .int4(Int32(attempt.number))])
      guard let why = try rows.first?.stringOrNil("verdict").flatMap(Abandonment.init(rawValue:))
      else { return nil }
      if why == .silent, let run {
        try await run.fail(
          because: "nothing arrived of attempt \(attempt.number) for \(limits.silence), and it is "
            + "not applied: see the transformer's and the loader's lag, then scan again",
          at: now(), in: transaction)
      }
      _ = try await transaction.pipeline(attempt.drop + [Position.lower(partition)])
      return why
    }
  }

  private var silentBefore: Timestamp { now() + (.zero - limits.silence) }

  /// Of an open attempt `o` and its run `r`, if there is one; silent before $1. A lease that is
  /// renewed is a sign of life, too.
  private static let verdict = """
    CASE WHEN r.run IS NULL THEN 'unknown'
      WHEN r.attempt <> o.attempt THEN 'superseded'
      WHEN r.state NOT IN ('queued', 'dispatched', 'leased', 'extracted') THEN 'finished'
      WHEN r.state <> 'queued' AND greatest(o.staged_at, r.changed_at, r.lease_until) < $1
        THEN 'silent'
    END
    """
}
