internal import Logging
internal import Metrics
package import Model
internal import Synchronization

/// Why an open attempt is not waited for any longer.
package enum Abandonment: String, Sendable, Equatable {
  /// Its run is not in the run table, or has ended.
  case unknown, finished
  /// A newer attempt of the run was dispatched.
  case superseded
  /// Nothing was staged of it, and nothing happened to its run, for too long.
  case silent
}

/// An attempt of which something is staged, and its run.
package struct OpenAttempt: Sendable, Equatable {
  package var attempt: Attempt
  package var partition: TopicPartition
  package var stagedAt: Timestamp?
  package var run: RunRow?

  package init(
    _ attempt: Attempt, of partition: TopicPartition, stagedAt: Timestamp?, run: RunRow?
  ) {
    self.attempt = attempt
    self.partition = partition
    self.stagedAt = stagedAt
    self.run = run
  }

  /// Why it is to be dropped; `nil` while somebody may end it.
  ///
  /// - Parameter silentSince: a lease that is renewed is a sign of life, too; and a run that waits
  ///   in the queue is not silent: its next dispatch supersedes the attempt.
  package func abandonment(silentSince: Timestamp) -> Abandonment? {
    guard let run else { return .unknown }
    guard run.attempt == attempt.number else { return .superseded }
    guard let state = run.state, state.takesRecords else { return .finished }
    let lastSign = [stagedAt, run.changedAt, run.leaseUntil].compactMap(\.self).max()
    return state != .queued && lastSign.map { $0 < silentSince } ?? false ? .silent : nil
  }
}

/// Invariants of the sweep:
/// 1. An attempt is judged and dropped under the lock of its partition, which its owner needs to
///    stage or apply: any number of loaders may sweep, next to any number that load. A partition
///    that is in use is left to the next turn.
/// 2. A silent attempt fails its run, under the locks of the scope and of the run, unless the run
///    waits in the queue: then the next dispatch supersedes it.
/// 3. The position to read from after a crash is computed anew for each partition swept.
/// 4. Facts about use are deleted by whole days, once a day, when they are older than the limit.
extension Loader {
  /// Drops what is staged of attempts that nobody will end; call it every minute or so.
  ///
  /// - Returns: whether there may be more to do right now: never, what is left is left on purpose.
  /// - Throws: a `ClassifiedError`; trying again is safe.
  public func sweep() async throws -> Bool {
    let silentSince = now() + (.zero - limits.silence)
    for tenant in try await store.tenantsWithOpenAttempts() {
      for open in try await store.openAttempts(of: tenant)
      where open.abandonment(silentSince: silentSince) != nil {
        let attempt = open.attempt
        let dropped = try await store.drop(
          attempt, of: open.partition, silentSince: silentSince,
          because: "nothing arrived of attempt \(attempt.number) for \(limits.silence), and it is "
            + "not applied: see the transformer's and the loader's lag, then scan again",
          at: now())
        guard let why = dropped else { continue }
        Counter(label: "sv0_loader_swept_total", dimensions: [("reason", why.rawValue)])
          .increment()
        log.notice(
          "dropped what was staged",
          metadata: attempt.metadata.merging(["reason": "\(why.rawValue)"]) { $1 })
      }
    }
    try await ageActivity()
    return false
  }

  /// The beginning of the oldest day whose facts about use are kept.
  var oldestActivity: Timestamp {
    let oldest = now() + (.zero - limits.activityAge)
    return Timestamp(milliseconds: oldest.milliseconds / Aging.day * Aging.day)
  }

  private func ageActivity() async throws {
    let oldest = oldestActivity
    guard aging.isDue(oldest) else { return }
    var deleted = 0
    for tenant in try await store.tenants() {
      var last = Aging.portion
      while last == Aging.portion {
        last = try await store.ageActivity(of: tenant, before: oldest, atMost: Aging.portion)
        deleted += last
      }
    }
    aging.done(oldest)
    Counter(label: "sv0_activity_aged_total").increment(by: deleted)
  }
}

/// Up to which day this process has deleted facts about use.
final class Aging: Sendable {
  static let day: Int64 = 86_400_000
  /// Rows deleted in one transaction.
  static let portion = 10_000

  private let last = Mutex<Timestamp?>(nil)

  func isDue(_ oldest: Timestamp) -> Bool {
    last.withLock { $0.map { $0 < oldest } ?? true }
  }

  func done(_ oldest: Timestamp) {
    last.withLock { $0 = oldest }
  }
}
