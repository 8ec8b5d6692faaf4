internal import Logging
internal import Metrics
package import Model

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
  /// How long facts about use are kept, in whole days.
  public var activityAge: Duration

  public init(
    stagedBytes: Int64 = 4 << 30, silence: Duration = .seconds(24 * 3600),
    activityAge: Duration = .seconds(400 * 24 * 3600)
  ) {
    self.stagedBytes = stagedBytes
    self.silence = silence
    self.activityAge = activityAge
  }
}

/// How much may be staged of all attempts in these partitions together.
package struct StagingLimit: Sendable {
  package var partitions: [TopicPartition]
  /// Of the messages' values.
  package var bytes: Int64

  package init(_ partitions: [TopicPartition], bytes: Int64) {
    self.partitions = partitions
    self.bytes = bytes
  }
}

/// The attempt that holds most, when all together hold too much; of equals the first in order of
/// run and attempt.
package struct Overload: Sendable, Equatable {
  package var attempt: Attempt
  package var partition: TopicPartition
  package var bytes: Int64

  package init(attempt: Attempt, partition: TopicPartition, bytes: Int64) {
    self.attempt = attempt
    self.partition = partition
    self.bytes = bytes
  }
}

extension Loader {
  var stagingLimit: StagingLimit { StagingLimit(partitions.all, bytes: limits.stagedBytes) }

  /// Fails the largest attempts until the rest is within the limit.
  func relieve(_ first: Overload, reading partition: TopicPartition) async throws {
    var overload: Overload? = first
    while let largest = overload {
      let reason =
        "its records take \(largest.bytes) bytes of staging, the most of all attempts under way, "
        + "and the loader's limit for all is \(limits.stagedBytes): raise it, scan fewer accounts "
        + "at a time, or ask for fewer collections in one scan"
      do {
        let claim = try partitions.claim(of: largest.partition)
        try await store.fail(
          Ending(largest.attempt, under: claim, end: nil, at: now()), because: reason)
      } catch LoadingError.fenced(let lost) where lost != partition {
        // Somebody else's now, and so is the attempt.
        partitions.disown(lost)
      }
      partitions.forget(largest.attempt, of: largest.partition)
      Counter(label: "sv0_loader_attempts_failed_total", dimensions: [("reason", "limit")])
        .increment()
      log.error(
        "attempt failed", metadata: largest.attempt.metadata.merging(["error": "\(reason)"]) { $1 })
      overload = try await store.overload(of: stagingLimit)
    }
  }
}
