public import Model
internal import Synchronization

/// Virtual time, and the one order in which everything happens.
///
/// A discrete event simulation. Every call that leaves a process (a produced message, a
/// transaction, a call to the platform, a pause) is parked with a latency that the seed decides;
/// the run loop takes the earliest, lets it happen, runs the jobs that became ready, and goes on.
///
/// Invariants:
/// 1. Time never goes back, and moves only between events.
/// 2. An event happens once, on the executor's thread, with no job running.
/// 3. Nothing that belongs to a dead process happens; what belongs to a stopped one waits.
/// 4. What happens is a function of the seed, the world and the actions: nothing here reads a clock,
///    a random number or the order of a hash table.
public final class Kernel: Sendable {
  struct State {
    var time: VirtualTime
    var steps = 0
    var lastNumber: UInt64 = 0
    var events = EventQueue()
    var dice: Dice
    var isRough: Bool
    var calls: [UInt64: OpenCall] = [:]
    var processes: [String: ProcessState] = [:]
    var lives: [LifeID: Life] = [:]
    var faults: [CallPoint: CallFault] = [:]
    var faultsDone = 0
    var fingerprint: Fingerprint
    var lines: [String]?
    var problems: [String] = []
  }

  public let executor = SimulationExecutor()
  let state: Mutex<State>
  /// Who is told about processes.
  let observers = Mutex(Observers())

  /// In a value: a function that is read through a generic comes back wrapped, each time once more.
  struct Observers {
    /// A process sends no heartbeats any more.
    var silence: @Sendable (LifeID) -> Void = { _ in }
    /// A process has ended by itself.
    var exit: @Sendable (Exit) -> Void = { _ in }
  }

  /// - Parameter isTraced: whether every step is kept as a line.
  public init(seed: UInt64, start: Timestamp, isRough: Bool = true, isTraced: Bool = false) {
    state = Mutex(
      State(
        time: VirtualTime(microseconds: start.milliseconds * 1000), dice: Dice(seed: seed),
        isRough: isRough, fingerprint: Fingerprint(seed), lines: isTraced ? [] : nil))
  }

  public var time: VirtualTime { state.withLock { $0.time } }
  public var now: Timestamp { Timestamp(milliseconds: time.microseconds / 1000) }
  public var steps: Int { state.withLock { $0.steps } }
  public var fingerprint: Fingerprint { state.withLock { $0.fingerprint } }
  public var lines: [String] { state.withLock { $0.lines ?? [] } }
  /// Faults of calls that have happened.
  public var faultsDone: Int { state.withLock { $0.faultsDone } }
  /// What went wrong in the simulation itself, or broke an expectation on the way.
  public var problems: [String] { state.withLock { $0.problems } }

  public func problem(_ text: String) { state.withLock { $0.problems.append(text) } }

  /// Lets something happen later; in the order of asking where the time is the same.
  public func schedule(
    after delay: Duration = .zero, of owner: LifeID? = nil, _ action: @escaping @Sendable () -> Void
  ) {
    state.withLock { $0.schedule(after: delay, of: owner, action) }
  }

  /// Plans what goes wrong with one call.
  public func plan(_ fault: CallFault, of point: CallPoint) {
    state.withLock { $0.faults[point] = fault }
  }

  /// A number from the stream of `purpose`.
  public func roll(_ bound: Int, for purpose: String) -> Int {
    state.withLock { $0.dice.below(bound, for: purpose) }
  }

  /// From here on all answers are quick: the world settles.
  public func calm() {
    state.withLock { state in
      state.isRough = false
      state.faults = [:]
    }
  }

  /// Moves the clock; what was due in between is due now.
  public func jump(_ duration: Duration) {
    state.withLock { $0.time = $0.time + duration }
  }

  /// Adds a line to the trace.
  public func trace(_ who: String, _ what: String) {
    state.withLock { $0.trace(who, what) }
  }

  /// Lets everything happen until `isOver` says so, asked after every step, or nothing is left.
  public func run(until isOver: () -> Bool) {
    executor.whileCurrent {
      while true {
        guard executor.drain() else {
          problem("a process never waits: a million jobs without a pause")
          return
        }
        if isOver() { return }
        let event = state.withLock { $0.next() }
        guard let event else { return }
        event.action()
      }
    }
    if executor.foreignJobs > 0 {
      problem("\(executor.foreignJobs) jobs came from another thread than the simulation's")
    }
  }
}

extension Kernel.State {
  mutating func schedule(
    after delay: Duration, of owner: LifeID?, _ action: @escaping @Sendable () -> Void
  ) {
    lastNumber += 1
    events.insert(
      EventQueue.Event(at: time + delay, number: lastNumber, owner: owner, action: action))
  }

  /// The next event of a process that runs; those of stopped ones are put aside.
  mutating func next() -> EventQueue.Event? {
    while let event = events.popFirst() {
      time = max(time, event.at)
      if let owner = event.owner {
        switch lives[owner]?.status {
        case .running: break
        case .paused:
          lives[owner]?.held.append(event)
          continue
        case .dead, nil: continue
        }
      }
      steps += 1
      return event
    }
    return nil
  }

  mutating func trace(_ who: String, _ what: String) {
    fingerprint.add(UInt64(bitPattern: time.microseconds))
    fingerprint.add(who)
    fingerprint.add(what)
    guard lines != nil else { return }
    let seconds = time.microseconds / 1_000_000 % 1_000_000
    let fraction = String(1_000_000 + time.microseconds % 1_000_000).dropFirst()
    lines?.append("\(steps) \(seconds).\(fraction) \(who): \(what)")
  }
}
