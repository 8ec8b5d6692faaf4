public import Model
internal import Synchronization

/// What leaves a process.
public enum Call: String, Sendable, CaseIterable {
  case produce, next, assign, commit, transaction, platform, sleep

  /// Whether the other side may act on it while the caller is stopped.
  var isSent: Bool {
    switch self {
    case .produce, .commit, .transaction: true
    case .next, .assign, .platform, .sleep: false
    }
  }
}

/// The n-th call of a kind by a process, over all of its restarts; from 1.
public struct CallPoint: Sendable, Hashable {
  public var process: String
  public var call: Call
  public var number: Int

  public init(process: String, call: Call, number: Int) {
    self.process = process
    self.call = call
    self.number = number
  }
}

/// What goes wrong with one call.
public enum CallFault: String, Sendable, CaseIterable {
  /// It has no effect, and the caller is told so.
  case refused
  /// It has its effect, and the caller is told that it failed.
  case unanswered
  /// Part of it has its effect, and the caller is told that it failed.
  case partly
  /// The process dies before the call is sent.
  case crashBefore
  /// The process dies when the call has had its effect and is not answered.
  case crashAfter
  /// It takes many seconds.
  case delayed
}

/// Why a call failed.
public enum SimulatedFailure: ClassifiedError, Equatable, CustomStringConvertible {
  case refused(Call)
  case unanswered(Call)
  /// The process is dead; nothing it does has an effect any more.
  case crashed

  public var isRetriable: Bool { self != .crashed }

  public var description: String {
    switch self {
    case .refused(let call): "simulated: \(call.rawValue) was refused"
    case .unanswered(let call): "simulated: \(call.rawValue) was not answered"
    case .crashed: "simulated: the process has crashed"
    }
  }
}

/// How much of a call takes effect.
public enum Extent: Sendable {
  case whole
  /// Some; the number decides how much.
  case part(Int)
}

/// A call that is neither answered nor given up.
struct OpenCall {
  var life: LifeID
  var call: Call
  var fails: @Sendable (any Error) -> Void
  /// What it would do; `nil` once it has done it.
  var effect: (@Sendable () -> Void)?
}

extension Kernel {
  /// Makes a call: it waits, takes effect, is answered.
  ///
  /// - Throws: `SimulatedFailure`, `CancellationError` (the call may have had its effect), or what
  ///   the effect throws.
  func perform<Value: Sendable>(
    _ call: Call, of life: LifeID, _ what: String,
    _ effect: @escaping @Sendable (Extent) throws -> Value
  ) async throws -> Value {
    let number = newNumber()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        open(number, call, life, what, effect, continuation)
      }
    } onCancel: {
      cancel(number)
    }
  }

  /// Waits for virtual time.
  func sleep(_ duration: Duration, of life: LifeID) async throws {
    let number = newNumber()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiting<Void>) in
        guard register(number, .sleep, life, nil, continuation) else { return }
        schedule(after: max(duration, .microseconds(1)), of: life) {
          guard self.close(number) else { return }
          continuation.resume()
        }
      }
    } onCancel: {
      cancel(number)
    }
  }

  func newNumber() -> UInt64 {
    state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
  }

  /// Whether the call is neither answered nor given up.
  func isOpen(_ number: UInt64) -> Bool { state.withLock { $0.calls[number] != nil } }

  typealias Waiting<Value> = CheckedContinuation<Value, any Error>

  /// Parks something that ends by `resume` or by cancellation; for waits that others end.
  ///
  /// - Returns: whether it waits; if not, the continuation was resumed.
  func register<Value: Sendable>(
    _ number: UInt64, _ call: Call, _ life: LifeID, _ effect: (@Sendable () -> Void)?,
    _ continuation: Waiting<Value>
  ) -> Bool {
    let failure: (any Error)? = state.withLock { state in
      guard let status = state.lives[life]?.status, status != .dead else {
        return SimulatedFailure.crashed
      }
      if Task.isCancelled && effect == nil { return CancellationError() }
      state.calls[number] = OpenCall(
        life: life, call: call, fails: { continuation.resume(throwing: $0) }, effect: effect)
      return nil
    }
    if let failure { continuation.resume(throwing: failure) }
    return failure == nil
  }

  /// Takes the call back from whoever else might end it.
  func close(_ number: UInt64) -> Bool {
    state.withLock { $0.calls.removeValue(forKey: number) != nil }
  }

  private func open<Value: Sendable>(
    _ number: UInt64, _ call: Call, _ life: LifeID, _ what: String,
    _ effect: @escaping @Sendable (Extent) throws -> Value, _ continuation: Waiting<Value>
  ) {
    let silent: @Sendable () -> Void = { _ = try? effect(.whole) }
    guard register(number, call, life, silent, continuation) else { return }
    let (fault, latency, rest) = state.withLock { state in
      let fault = state.fault(of: call, life)
      let latency = state.latency(of: call, life, isLong: fault == .delayed)
      // One answer in four comes later than its effect.
      let isLate = state.dice.below(4, for: "\(life.process) late") == 0
      return (fault, latency, isLate ? state.latency(of: call, life, isLong: false) : .zero)
    }
    if Task.isCancelled { cancel(number) }
    // A stopped process has sent some of its calls already.
    let isOnItsWay = call.isSent && roll(2, for: "\(life.process) sent") == 0
    schedule(after: latency, of: isOnItsWay ? nil : life) {
      self.happen(number, call, life, what, fault, rest, effect, continuation)
    }
  }

  private func happen<Value: Sendable>(
    _ number: UInt64, _ call: Call, _ life: LifeID, _ what: String, _ fault: CallFault?,
    _ rest: Duration, _ effect: @Sendable (Extent) throws -> Value, _ continuation: Waiting<Value>
  ) {
    let isOpen = state.withLock { state in
      guard state.calls[number] != nil else { return false }
      state.calls[number]?.effect = nil
      if fault != nil { state.faultsDone += 1 }
      state.trace(
        life.description, fault.map { "\(call.rawValue) \(what) \($0.rawValue)" } ?? what)
      return true
    }
    guard isOpen else { return }
    let result: Result<Value, any Error>
    switch fault {
    case .crashBefore: return crash(life)
    case .refused: result = .failure(SimulatedFailure.refused(call))
    case .partly:
      _ = Result { try effect(.part(self.roll(1 << 16, for: "\(life.process) part"))) }
      result = .failure(SimulatedFailure.unanswered(call))
    case .unanswered:
      _ = Result { try effect(.whole) }
      result = .failure(SimulatedFailure.unanswered(call))
    case .crashAfter:
      _ = Result { try effect(.whole) }
      return crash(life)
    case .delayed, nil: result = Result { try effect(.whole) }
    }
    schedule(after: rest, of: life) {
      guard self.close(number) else { return }
      continuation.resume(with: result)
    }
  }

  /// The caller gives the call up, which may be too late to keep it from happening.
  func cancel(_ number: UInt64) {
    let call: OpenCall? = state.withLock { state in
      guard let call = state.calls[number], state.lives[call.life]?.status != .dead else {
        return nil
      }
      state.calls[number] = nil
      return call
    }
    guard let call else { return }
    let happens = call.effect != nil && roll(2, for: "\(call.life.process) cancelled") == 0
    let number = state.withLock { state in
      state.lastNumber += 1
      state.calls[state.lastNumber] = OpenCall(
        life: call.life, call: call.call, fails: call.fails, effect: nil)
      return state.lastNumber
    }
    schedule(after: .microseconds(1), of: call.life) {
      guard self.close(number) else { return }
      if happens { call.effect?() }
      self.trace(
        call.life.description, "\(call.call.rawValue) cancelled\(happens ? " too late" : "")")
      call.fails(CancellationError())
    }
  }
}

extension Kernel.State {
  /// The fault that is planned for this call of the process.
  fileprivate mutating func fault(of call: Call, _ life: LifeID) -> CallFault? {
    let count = (processes[life.process]?.calls[call] ?? 0) + 1
    processes[life.process]?.calls[call] = count
    guard !faults.isEmpty else { return nil }
    return faults.removeValue(
      forKey: CallPoint(process: life.process, call: call, number: count))
  }

  fileprivate mutating func latency(of call: Call, _ life: LifeID, isLong: Bool) -> Duration {
    func roll(_ bound: Int) -> Int {
      dice.below(bound, for: "\(life.process) \(call.rawValue)")
    }
    if isLong { return .milliseconds(3000 + roll(12_000)) }
    let usual = 100 + roll(call == .platform ? 900_000 : 3000)
    guard isRough else { return .microseconds(usual) }
    switch roll(1000) {
    case 0..<850: return .microseconds(usual)
    case 850..<970: return .microseconds(100 + roll(60_000))
    case 970..<997: return .microseconds(100 + roll(800_000))
    default: return .microseconds(100 + roll(5_000_000))
    }
  }
}
