import Simulation
import Synchronization

/// Hands seeds out to the threads, and counts what they have run.
final class Work: Sendable {
  private struct State {
    var next: UInt64
    var left: UInt64
    var schedules = 0
    var steps = 0
    var faults = 0
    var failures = 0
  }

  private let started = ContinuousClock.now
  private let deadline: ContinuousClock.Instant?
  private let state: Mutex<State>

  init(until deadline: ContinuousClock.Instant?, first: UInt64, count: UInt64) {
    self.deadline = deadline
    state = Mutex(State(next: first, left: count))
  }

  /// The next seed; `nil` when enough was run.
  func next() -> UInt64? {
    if let deadline, ContinuousClock.now > deadline { return nil }
    return state.withLock { state in
      guard state.left > 0 else { return nil }
      state.left -= 1
      defer { state.next += 1 }
      return state.next
    }
  }

  /// - Parameter isLast: no more seeds are handed out.
  func add(_ report: Simulator.Report, hasFailed: Bool, isLast: Bool) {
    state.withLock { state in
      state.schedules += 1
      state.steps += report.steps
      state.faults += report.faults
      state.failures += hasFailed ? 1 : 0
      if isLast { state.left = 0 }
    }
  }

  /// Prints lines that belong together.
  func tell(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    state.withLock { _ in print(lines.joined(separator: "\n")) }
  }

  var hasFailed: Bool { state.withLock { $0.failures > 0 } }

  var summary: String {
    let seconds = max(0.001, (ContinuousClock.now - started) / .seconds(1))
    let state = state.withLock { $0 }
    let rate = Int((Double(state.schedules) / seconds * 60).rounded())
    return "\(state.schedules) schedules, \(state.steps) steps, \(state.faults) faults, "
      + "\(state.failures) failures, \(Int(seconds)) s, \(rate) schedules a minute"
  }
}
