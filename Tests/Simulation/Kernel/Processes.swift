public import Model
internal import ServiceLifecycle
internal import ServiceLifecycleTestKit
internal import Synchronization

/// One execution of a process, from its start to its end.
public struct LifeID: Sendable, Hashable, CustomStringConvertible {
  public var process: String
  /// How often it was started before, from 1.
  public var number: Int

  public var description: String { "\(process)#\(number)" }
}

struct Life {
  enum Status {
    case running, paused, dead
  }

  var status = Status.running
  var held: [EventQueue.Event] = []
  var task: Task<Void, Never>?
  var trigger: (@Sendable () -> Void)?
  var isDraining = false
}

/// What outlives the restarts of a process.
struct ProcessState {
  var lives = 0
  var calls: [Call: Int] = [:]
  var body: @Sendable (ProcessContext) async throws -> Void
  var isWanted = true
}

/// A process of the simulation, as the code in it sees the world.
public struct ProcessContext: Sendable {
  public let kernel: Kernel
  public let life: LifeID

  /// The name that the process keeps over restarts, as a static member of groups and a lease
  /// holder.
  public var instance: String { life.process }
  public var now: @Sendable () -> Timestamp { { [kernel] in kernel.now } }
  public var sleep: @Sendable (Duration) async throws -> Void {
    { [kernel, life] in try await kernel.sleep($0, of: life) }
  }

  /// Does something to the database in one go.
  public func transaction<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await kernel.perform(.transaction, of: life, what) { _ in try body() }
  }

  /// Asks the platform.
  public func ask<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await kernel.perform(.platform, of: life, what) { _ in try body() }
  }
}

/// How a process ended, when it did not crash.
public struct Exit: Sendable {
  public var life: LifeID
  public var error: (any Error)?
}

extension Kernel {
  /// Makes a process known and starts it.
  public func add(
    _ process: String, _ body: @escaping @Sendable (ProcessContext) async throws -> Void
  ) {
    state.withLock { $0.processes[process] = ProcessState(body: body) }
    start(process)
  }

  /// Starts something that ends by itself.
  func launch(_ name: String, _ body: @escaping @Sendable (ProcessContext) async throws -> Void) {
    state.withLock { $0.processes[name] = ProcessState(body: body, isWanted: false) }
    start(name)
  }

  /// Starts a process (again), next to any life of it that has not ended.
  public func start(_ process: String) {
    let started = state.withLock { state -> (LifeID, ProcessState)? in
      guard var found = state.processes[process] else { return nil }
      found.lives += 1
      state.processes[process] = found
      let life = LifeID(process: process, number: found.lives)
      state.lives[life] = Life()
      state.trace(life.description, "started")
      return (life, found)
    }
    guard let (life, process) = started else { return }
    let context = ProcessContext(kernel: self, life: life)
    let task = Task(executorPreference: executor) {
      do {
        try await testGracefulShutdown { trigger in
          self.state.withLock {
            $0.lives[life]?.trigger = { trigger.triggerGracefulShutdown() }
          }
          try await process.body(context)
        }
        self.ended(life, nil)
      } catch {
        self.ended(life, error)
      }
    }
    state.withLock { $0.lives[life]?.task = task }
  }

  /// The process's newest life, unless it has ended.
  public func current(_ process: String) -> LifeID? {
    state.withLock { state in
      guard let number = state.processes[process]?.lives else { return nil }
      let life = LifeID(process: process, number: number)
      guard let status = state.lives[life]?.status, status != .dead else { return nil }
      return life
    }
  }

  /// Names of all processes, in order.
  public var processes: [String] {
    state.withLock { $0.processes.keys.sorted { $0.precedes($1) } }
  }

  /// Kills a life: nothing it has under way takes effect any more.
  public func crash(_ life: LifeID) {
    let (task, calls) = state.withLock { state -> (Task<Void, Never>?, [OpenCall]) in
      guard let found = state.lives[life], found.status != .dead else { return (nil, []) }
      state.trace(life.description, "crashed")
      return (found.task, state.end(life))
    }
    for call in calls { call.fails(SimulatedFailure.crashed) }
    task?.cancel()
    guard task != nil else { return }
    observers.withLock { $0 }.silence(life)
    restart(life)
  }

  /// Stops a life as SIGSTOP does; what it had sent may still arrive.
  public func pause(_ life: LifeID) {
    let isPaused = state.withLock { state in
      guard state.lives[life]?.status == .running else { return false }
      state.trace(life.description, "stopped")
      state.lives[life]?.status = .paused
      return true
    }
    if isPaused { observers.withLock { $0 }.silence(life) }
  }

  /// Lets it go on where it was.
  public func resume(_ life: LifeID) {
    state.withLock { state in
      guard var found = state.lives[life], found.status == .paused else { return }
      state.trace(life.description, "continued")
      let held = found.held
      found.status = .running
      found.held = []
      state.lives[life] = found
      for event in held { state.schedule(after: .zero, of: life, event.action) }
    }
  }

  /// Asks it to drain; kills it if it has not ended by the deadline.
  public func stop(_ life: LifeID, deadline: Duration = .seconds(20)) {
    let trigger = state.withLock { state -> (@Sendable () -> Void)? in
      guard let found = state.lives[life], found.status == .running, !found.isDraining
      else { return nil }
      state.trace(life.description, "drains")
      state.lives[life]?.isDraining = true
      return found.trigger
    }
    guard let trigger else { return }
    trigger()
    schedule(after: deadline) { self.crash(life) }
  }

  /// Lives that have not ended, in order.
  public var living: [LifeID] {
    state.withLock { state in
      state.lives.filter { $0.value.status != .dead }.keys.sorted {
        ($0.process, $0.number) < ($1.process, $1.number)
      }
    }
  }

  public func isPaused(_ life: LifeID) -> Bool {
    state.withLock { $0.lives[life]?.status == .paused }
  }

  public func isAlive(_ life: LifeID) -> Bool {
    state.withLock { $0.lives[life].map { $0.status != .dead } ?? false }
  }

  /// Whether it was told to drain.
  func isDraining(_ life: LifeID) -> Bool {
    state.withLock { $0.lives[life]?.isDraining ?? false }
  }

  /// Whether another life of the process is there, or was started later.
  func hasTwin(_ life: LifeID) -> Bool {
    state.withLock { state in
      state.processes[life.process]?.lives != life.number
        || state.lives.contains { other, found in
          other.process == life.process && other != life && found.status != .dead
        }
    }
  }

  /// Ends everything, so that nothing outlives the simulation.
  public func shutDown() {
    state.withLock { state in
      for name in state.processes.keys { state.processes[name]?.isWanted = false }
    }
    for life in living { crash(life) }
    run { false }
  }

  private func ended(_ life: LifeID, _ error: (any Error)?) {
    let calls = state.withLock { state -> [OpenCall]? in
      guard state.lives[life]?.status != .dead else { return nil }
      state.trace(life.description, error.map { "ended: \($0)" } ?? "ended")
      return state.end(life)
    }
    guard let calls else { return }
    for call in calls { call.fails(SimulatedFailure.crashed) }
    observers.withLock { $0 }.silence(life)
    observers.withLock { $0 }.exit(Exit(life: life, error: error))
    restart(life)
  }

  /// Something outside starts a process that has ended; sooner or later.
  private func restart(_ life: LifeID) {
    let delay = 500 + roll(15_000, for: "\(life.process) restart")
    schedule(after: .milliseconds(delay)) {
      let isMissing = self.state.withLock { state in
        guard let process = state.processes[life.process] else { return false }
        return process.isWanted && process.lives == life.number
      }
      if isMissing { self.start(life.process) }
    }
  }
}

extension Kernel.State {
  /// - Returns: what it had under way.
  fileprivate mutating func end(_ life: LifeID) -> [OpenCall] {
    lives[life]?.status = .dead
    lives[life]?.held = []
    let numbers = calls.filter { $0.value.life == life }.keys.sorted()
    return numbers.compactMap { calls.removeValue(forKey: $0) }
  }
}
