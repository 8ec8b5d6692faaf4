/// Who may start a transfer, and who waits: a pure state machine.
///
/// Invariants:
/// 1. Running transfers never exceed `maximum`, nor `maximumPerOrigin` for one origin.
/// 2. Waiting entries never exceed `maximumWaiting`.
/// 3. Entries of one origin start in the order in which they came; a full origin does not hold
///    up another one.
struct AdmissionQueue {
  struct Entry: Equatable {
    let id: UInt64
    let origin: String
  }

  let maximum: Int
  let maximumPerOrigin: Int
  let maximumWaiting: Int
  private var running = 0
  private var runningByOrigin: [String: Int] = [:]
  private var waiting: [Entry] = []

  init(maximum: Int, maximumPerOrigin: Int, maximumWaiting: Int) {
    self.maximum = maximum
    self.maximumPerOrigin = maximumPerOrigin
    self.maximumWaiting = maximumWaiting
  }

  /// Adds an entry behind the others; false when the queue is full. A free transfer counts as
  /// room, so a queue of length 0 still works.
  mutating func enqueue(_ entry: Entry) -> Bool {
    guard waiting.count < maximumWaiting || (waiting.isEmpty && canStart(entry)) else {
      return false
    }
    waiting.append(entry)
    return true
  }

  /// The next entry that may run, now counted as running.
  mutating func startNext() -> Entry? {
    guard running < maximum, let index = waiting.firstIndex(where: canStart) else { return nil }
    let entry = waiting.remove(at: index)
    running += 1
    runningByOrigin[entry.origin, default: 0] += 1
    return entry
  }

  /// Takes a waiting entry out; false when it does not wait.
  mutating func withdraw(_ id: UInt64) -> Bool {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
    waiting.remove(at: index)
    return true
  }

  /// Gives back the place of a running entry.
  mutating func finish(origin: String) {
    running -= 1
    let left = runningByOrigin[origin, default: 1] - 1
    runningByOrigin[origin] = left == 0 ? nil : left
  }

  private func canStart(_ entry: Entry) -> Bool {
    running < maximum && runningByOrigin[entry.origin, default: 0] < maximumPerOrigin
  }
}
