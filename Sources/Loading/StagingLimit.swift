internal import Logging
internal import Metrics
internal import Model
internal import PostgresClient
internal import Schema

/// What the loader allows itself.
///
/// Invariants:
/// 1. Reaching the limit fails the attempt that holds most, and no other; partitions are read on.
/// 2. What a loader holds is what its partitions hold, whoever staged it: it is read from the
///    database, in the transaction that staged more.
public struct LoadingLimits: Sendable, Equatable {
  /// Bytes of message values that may be staged of all attempts under way in the partitions of one
  /// loader; in the database they take two to three times as much.
  public var stagedBytes: Int64
  /// How long nothing may happen to an attempt, after its lease, before `sweep` fails it.
  public var silence: Duration

  public init(stagedBytes: Int64 = 4 << 30, silence: Duration = .seconds(24 * 3600)) {
    self.stagedBytes = stagedBytes
    self.silence = silence
  }
}

/// The attempt that holds most, when all together hold too much.
struct Overload {
  var attempt: Attempt
  var partition: TopicPartition
  var bytes: Int64
}

extension Loader {
  func overload(in transaction: PostgresTransaction) async throws -> Overload? {
    let owned = partitions.all
    let rows = try await transaction.query(
      """
      SELECT run, attempt, scope, topic, partition, bytes, (sum(bytes) OVER ())::bigint AS held
      FROM sv0.open_attempts
      WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int8[]))
      ORDER BY bytes DESC, run COLLATE "C", attempt LIMIT 1
      """, [.texts(owned.map(\.topic)), .int8s(owned.map { Int64($0.partition) })])
    guard let row = rows.first, try row.int64("held") > limits.stagedBytes else { return nil }
    let attempt = try Attempt(row)
    return try attempt.map { attempt in
      Overload(
        attempt: attempt, partition: try TopicPartition(row), bytes: try row.int64("bytes"))
    }
  }

  /// Fails the largest attempts until the rest is within the limit.
  func relieve(_ first: Overload, reading partition: TopicPartition) async throws {
    var overload: Overload? = first
    while let largest = overload {
      let reason =
        "its records take \(largest.bytes) bytes of staging, the most of all attempts under way, "
        + "and the loader's limit for all is \(limits.stagedBytes): raise it, scan fewer accounts "
        + "at a time, or ask for fewer collections in one scan"
      do {
        try await Application(
          pool: pool, attempt: largest.attempt, partition: largest.partition,
          generation: try partitions.generation(of: largest.partition), end: nil, at: now()
        ).fail(because: reason)
      } catch LoadingError.fenced(let lost) where lost != partition {
        // Somebody else's now, and so is the attempt.
        partitions.disown(lost)
      }
      partitions.forget(largest.attempt, of: largest.partition)
      Counter(label: "sv0_loader_attempts_failed_total", dimensions: [("reason", "limit")])
        .increment()
      log.error(
        "attempt failed", metadata: largest.attempt.metadata.merging(["error": "\(reason)"]) { $1 })
      overload = try await pool.withTransaction(.staging) { try await self.overload(in: $0) }
    }
  }
}

extension Attempt {
  /// - Returns: `nil` when a newer version has written a scope that this one cannot read.
  init?(_ row: PostgresRow) throws {
    guard let scope = Scope(try row.string("scope")) else { return nil }
    self.init(scope: scope, run: try row.string("run"), number: Int(try row.int64("attempt")))
  }
}

extension TopicPartition {
  init(_ row: PostgresRow) throws {
    self.init(
      topic: try row.string("topic"),
      partition: Int32(truncatingIfNeeded: try row.int64("partition")))
  }
}
