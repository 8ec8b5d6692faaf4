public import Model
public import PostgresClient

/// Ends the runs of a scan that nobody has finished reading.
public struct Cancellation: Sendable {
  private let store: any QueueStore
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    self.init(store: PostgresQueueStore(pool: pool), now: now)
  }

  package init(store: any QueueStore, now: @escaping @Sendable () -> Timestamp) {
    self.store = store
    self.now = now
  }

  /// Cancels the queued, dispatched and leased runs of a scan; what is extracted is applied.
  ///
  /// An extractor at work is not told: it reads to its end, and the loader ignores what it sends.
  /// - Returns: the scopes whose runs were cancelled, in order; `nil` when there is no such scan.
  /// - Throws: `SchedulingError`.
  public func cancel(scan: String, tenant: String, by who: String) async throws -> [String]? {
    let at = now()
    guard let runs = try await store.runs(ofScan: scan, tenant: tenant) else { return nil }
    var cancelled: [String] = []
    for run in runs {
      let changed = try await store.change(run.key, at: at) { stored in
        RunChange(
          stored.machine.handle(
            .cancelled(reason: "cancelled by \(who)"), at: at, limits: SchedulingLimits()))
      }
      if let changed, changed.action > .ignore { cancelled.append(run.scope) }
    }
    return cancelled
  }
}
