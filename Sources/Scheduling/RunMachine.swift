public import Model

/// The life of one run, as the scheduler decides it. Pure.
///
/// ```
///              dispatched             sign of life            ended
///   queued ───────────────► dispatched ───────────► leased ───────────► extracted ► applied
///     ▲ ▲                       │                     │                     │          │
///     │ └──── lease ran out ────┘                     │ lost         not applied       ▼
///     └───────────── attempts are left ───────────────┤               in time      evaluated
///                                                     ▼ none left           │
///   at admission: skipped                           failed ◄────────────────┘
///   from queued, dispatched, leased: cancelled
/// ```
///
/// The loader sets `applied` and the evaluator `evaluated`, in the database. `lost` is a lease that
/// ran out after a sign of life, or an attempt that ended as failed.
///
/// Invariants:
/// 1. `attempt` grows by one when a queued run is dispatched, and never otherwise changes.
/// 2. Only messages of the newest attempt change anything; it may still return after its lease ran
///    out, as long as no other was dispatched.
/// 3. An attempt counts towards the limit from its first sign of life, and once: a run is failed
///    when that many were lost, and at most that many are ever heard. One that was never heard does
///    not count; the length of its lease keeps it from being dispatched in a hot loop.
/// 4. A lease is set in `dispatched`, `leased` and `extracted`, and in no other state.
/// 5. `applied` and final states are never left here; a late last word only corrects the counts.
/// 6. A message that comes again changes nothing but the lease.
public struct RunMachine: Sendable, Equatable {
  public internal(set) var state: RunState
  /// The newest attempt that was dispatched; 0 before the first.
  public internal(set) var attempt: Int
  /// Attempts before this one that gave a sign of life and were lost.
  public internal(set) var failures: Int
  /// Whether this attempt gave a sign of life.
  public internal(set) var isHeard: Bool
  public internal(set) var leaseUntil: Timestamp?
  /// Of this attempt, so far.
  public internal(set) var records: Int64
  public internal(set) var calls: Int64
  /// Why it failed, was skipped or cancelled, or why the attempt before this one was lost.
  public internal(set) var reason: String?

  /// A run as it is admitted.
  public init() {
    self.init(
      state: .queued, attempt: 0, failures: 0, isHeard: false, leaseUntil: nil, records: 0,
      calls: 0, reason: nil)
  }

  /// A run as it is stored.
  package init(
    state: RunState, attempt: Int, failures: Int, isHeard: Bool, leaseUntil: Timestamp?,
    records: Int64, calls: Int64, reason: String?
  ) {
    self.state = state
    self.attempt = attempt
    self.failures = failures
    self.isHeard = isHeard
    self.leaseUntil = leaseUntil
    self.records = records
    self.calls = calls
    self.reason = reason
  }

  /// What happened.
  public enum Event: Sendable, Equatable {
    case dispatched
    case progress(Progress)
    /// Time has passed; only what `leaseUntil` says counts.
    case timePassed
    case cancelled(reason: String)
  }

  /// What is to be done about it, in the transaction that stores the machine; of several events
  /// handled together, the greatest.
  public enum Action: Int, Sendable, Comparable {
    case ignore
    /// Store the lease; nobody needs to know.
    case renewLease
    /// Store the run as a new version, which is published.
    case store
    /// Also withdraw the attempt's dispatch, if it has not been sent yet.
    case storeAndWithdraw
    /// Also make a new version of the graph: its readers must learn that the run failed.
    case storeFailure

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  public mutating func handle(
    _ event: Event, at now: Timestamp, limits: SchedulingLimits
  ) -> Action {
    switch event {
    case .dispatched:
      guard state == .queued else { return .ignore }
      failures += isHeard ? 1 : 0
      attempt += 1
      isHeard = false
      (records, calls) = (0, 0)
      state = .dispatched
      leaseUntil = now + limits.lease
      return .store
    case .progress(let progress):
      guard progress.attempt == attempt, attempt > 0 else { return .ignore }
      return handle(progress, at: now, limits: limits)
    case .timePassed:
      guard let leaseUntil, leaseUntil <= now else { return .ignore }
      return leaseRanOut(limits)
    case .cancelled(let reason):
      guard [.queued, .dispatched, .leased].contains(state) else { return .ignore }
      let wasDispatched = state == .dispatched
      end(.cancelled, because: reason)
      return wasDispatched ? .storeAndWithdraw : .store
    }
  }

  private mutating func handle(
    _ progress: Progress, at now: Timestamp, limits: SchedulingLimits
  ) -> Action {
    let before = self
    switch state {
    case .queued, .dispatched, .leased: break
    case .applied, .evaluated:
      if case .ended = progress.phase { count(progress) }
      return self == before ? .ignore : .store
    case .extracted, .failed, .skipped, .cancelled: return .ignore
    }
    isHeard = true
    count(progress)
    switch progress.phase {
    case .heartbeat, .collectionEnded:
      state = .leased
      // Schedulers that were slow or stopped do not shorten it: their `now` is older.
      leaseUntil = max(now + limits.lease, leaseUntil ?? now)
      var renewed = before
      renewed.leaseUntil = leaseUntil
      return self == renewed ? .renewLease : .store
    case .ended(.failed, let message):
      let action = lose(because: message ?? "it failed without a message", limits)
      return self == before ? .ignore : action
    case .ended:
      state = .extracted
      leaseUntil = now + limits.apply
      reason = nil
      return .store
    }
  }

  /// Counts only grow within an attempt, so a message that comes again does no harm.
  private mutating func count(_ progress: Progress) {
    records = max(records, progress.records)
    calls = max(calls, progress.calls)
  }

  private mutating func leaseRanOut(_ limits: SchedulingLimits) -> Action {
    switch state {
    case .dispatched:
      state = .queued
      leaseUntil = nil
      reason = "no extractor began attempt \(attempt) within \(limits.lease)"
      return .storeAndWithdraw
    case .leased: return lose(because: "no heartbeat within \(limits.lease)", limits)
    case .extracted:
      end(.failed, because: "what attempt \(attempt) read was not applied within \(limits.apply)")
      return .storeFailure
    case .queued, .applied, .evaluated, .failed, .skipped, .cancelled: return .ignore
    }
  }

  private mutating func lose(because cause: String, _ limits: SchedulingLimits) -> Action {
    let lost = "attempt \(attempt) was lost: \(cause)"
    guard failures + 1 < limits.attempts else {
      end(.failed, because: "\(lost); that was the last of \(limits.attempts)")
      return .storeFailure
    }
    state = .queued
    leaseUntil = nil
    reason = lost
    return .store
  }

  private mutating func end(_ final: RunState, because reason: String) {
    state = final
    leaseUntil = nil
    self.reason = reason
  }
}
