public import Model
public import PostgresClient
internal import Synchronization

/// Takes runs back from attempts that fell silent, and fails what was never applied.
///
/// Each run is changed in a transaction of its own, after its lease was read again under the lock:
/// a heartbeat that came in between wins. Nobody is judged by what could not be heard: see
/// `Listening`.
public struct LeaseExpiry: Sendable {
  private let store: any QueueStore
  private let limits: SchedulingLimits
  private let now: @Sendable () -> Timestamp
  private let listener: Listener
  private static let batch = 100

  public init(
    pool: PostgresPool, limits: SchedulingLimits = SchedulingLimits(),
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(store: PostgresQueueStore(pool: pool), limits: limits, now: now)
  }

  package init(
    store: any QueueStore, limits: SchedulingLimits, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.limits = limits
    self.now = now
    listener = Listener(Listening(since: now(), lease: limits.lease))
  }

  /// One turn; returns whether there may be more to do right now.
  public func turn() async throws -> Bool {
    let at = now()
    let silent = try await store.silentRuns(at: at, limit: Self.batch)
    guard listener.state.withLock({ $0.mayJudge(at: at) }) else { return false }
    for run in silent {
      let changed = try await store.change(run, at: at) { [limits] stored in
        RunChange(stored.machine.handle(.timePassed, at: at, limits: limits))
      }
      tally(
        "sv0_leases_expired_total", ("then", changed?.run.machine.state.rawValue ?? "gone"))
    }
    return silent.count == Self.batch
  }
}

/// Whether extractors could be heard lately. Pure.
///
/// What they said while no scheduler ran, or while it was stopped or had no database, is still on
/// its way: it must be read before anybody is called silent. So after such a gap, and at the start,
/// one lease passes first.
struct Listening: Sendable {
  private let lease: Duration
  private var notBefore: Timestamp
  private var lastTurn: Timestamp

  init(since start: Timestamp, lease: Duration) {
    self.lease = lease
    notBefore = start + lease
    lastTurn = start
  }

  /// - Parameter now: the time of a turn that reached the database.
  mutating func mayJudge(at now: Timestamp) -> Bool {
    if now > lastTurn + lease / 2 { notBefore = now + lease }
    lastTurn = now
    return now >= notBefore
  }
}

/// Shared by the copies of one `LeaseExpiry`.
private final class Listener: Sendable {
  let state: Mutex<Listening>

  init(_ listening: Listening) {
    state = Mutex(listening)
  }
}
