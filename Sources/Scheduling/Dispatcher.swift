public import Model
public import PostgresClient

/// Gives queued runs to extractors, as many at a time as there is room for.
///
/// Invariants:
/// 1. One scheduler at a time counts what is in flight, so that several do not exceed the limit
///    together. Who stops in the middle of that is taken over within seconds.
/// 2. A run and the message that gives it out are stored together.
/// 3. The order is `FairOrder`'s; what becomes of each run decides `Dispatching`.
public struct Dispatcher: Sendable {
  private let store: any QueueStore
  private let dispatching: Dispatching
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - rawPartitions: how many the platform's raw topic has.
  ///   - knownCollections: what the platform's connector offers, without regions.
  public init(
    pool: PostgresPool, platform: Platform, rawPartitions: Int32,
    knownCollections: [OfferedCollection],
    limits: SchedulingLimits = SchedulingLimits(), now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresQueueStore(pool: pool),
      Dispatching(
        platform: platform, rawPartitions: rawPartitions, knownCollections: knownCollections,
        limits: limits),
      now: now)
  }

  package init(
    store: any QueueStore, _ dispatching: Dispatching, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.dispatching = dispatching
    self.now = now
  }

  /// One turn; returns whether there may be more to dispatch right now.
  public func turn() async throws -> Bool {
    let taken = try await store.dispatch(dispatching, at: now()).count
    tally(
      "sv0_runs_dispatched_total", by: taken, ("platform", dispatching.platform.rawValue))
    return taken == Dispatching.batch
  }
}
