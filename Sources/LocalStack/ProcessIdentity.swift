import Foundation
import Glibc

/// One process, told apart from a later one with the same id by its start time.
///
/// Source: proc(5), `/proc/pid/stat` fields 3 (state) and 22 (start time in ticks since boot).
struct ProcessIdentity: Codable, Hashable, Sendable {
  let pid: pid_t
  let startTicks: UInt64

  /// The process that has this id now; nil if there is none.
  init?(pid: pid_t) {
    guard let now = Self.read(pid) else { return nil }
    self.init(pid: pid, startTicks: now.startTicks)
  }

  init(pid: pid_t, startTicks: UInt64) {
    self.pid = pid
    self.startTicks = startTicks
  }

  /// False for a process that has ended and only waits to be collected by its parent.
  var isRunning: Bool {
    guard let now = Self.read(pid), now.startTicks == startTicks else { return false }
    return now.state != "Z" && now.state != "X"
  }

  private static func read(_ pid: pid_t) -> (state: String, startTicks: UInt64)? {
    guard pid > 0, let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      // The second field is the program's name in parentheses and may hold any character.
      let nameEnd = stat.lastIndex(of: ")")
    else { return nil }
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
    guard fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
    return (String(fields[0]), ticks)
  }

  /// Asks the process to end, and kills it when its time is up. Does nothing if it has ended.
  ///
  /// Not cut short by cancellation: a server must not be left behind by an interrupted caller.
  func stop(signal: Int32, withinSeconds seconds: Int = 10) async {
    await Task.detached { [self] in
      send(signal)
      if await !Deadline(seconds: seconds).reached(when: { !isRunning }) {
        send(SIGKILL)
        _ = await Deadline(seconds: 10).reached { !isRunning }
      }
      // Collects it if it is our own child; init does so for the others. A process whose first
      // thread has ended cannot be collected before its other threads have: asking once would
      // leave it behind.
      _ = await Deadline(seconds: 10).reached {
        ProcessIdentity(pid: pid) != self || waitpid(pid, nil, WNOHANG) != 0
      }
    }.value
  }

  private func send(_ signal: Int32) {
    if isRunning { _ = kill(pid, signal) }
  }
}

/// A moment up to which a condition is waited for.
struct Deadline {
  private let end: ContinuousClock.Instant

  init(seconds: Int) {
    end = .now + .seconds(seconds)
  }

  /// Looks at the condition every 20 ms. False: the moment passed, or the task was cancelled.
  func reached(when condition: () -> Bool) async -> Bool {
    while !condition() {
      if ContinuousClock.now >= end { return false }
      do { try await Task.sleep(for: .milliseconds(20)) } catch { return false }
    }
    return true
  }
}
