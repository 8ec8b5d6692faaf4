internal import Synchronization

/// Room for a number of things at a time: attempts of a worker, calls of a collection.
///
/// Invariants:
/// 1. Reservations are granted in the order in which they were asked for.
/// 2. More than the limit is taken only by one reservation that is itself larger, when all is free:
///    a batch is accepted as a whole, because its messages are committed together.
/// 3. A reservation that ends with an error holds nothing.
final class Slots: Sendable {
  private struct Waiter {
    var id: Int
    var count: Int
    /// Finished by the grant.
    var granted: AsyncStream<Never>.Continuation
  }

  private struct State {
    let limit: Int
    var taken = 0
    var waiters: [Waiter] = []
    var asked = 0

    mutating func grant() {
      while let first = waiters.first, taken == 0 || taken + first.count <= limit {
        taken += first.count
        waiters.removeFirst()
        first.granted.finish()
      }
    }
  }

  private let state: Mutex<State>

  init(_ limit: Int) {
    state = Mutex(State(limit: max(1, limit)))
  }

  /// Reservations that wait for room.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Takes room for `count`, waiting for it.
  ///
  /// - Throws: `CancellationError`, having taken nothing.
  func reserve(_ count: Int) async throws {
    try Task.checkCancellation()
    let (grant, granted) = AsyncStream.makeStream(of: Never.self)
    let id = state.withLock { state in
      state.asked += 1
      state.waiters.append(Waiter(id: state.asked, count: count, granted: granted))
      state.grant()
      return state.asked
    }
    // Ends with the grant, or when the task is cancelled.
    for await _ in grant {}
    let isGranted = state.withLock { state in
      guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return true }
      state.waiters.remove(at: index)
      state.grant()
      return false
    }
    guard isGranted else { throw CancellationError() }
  }

  func release() {
    state.withLock { state in
      state.taken -= 1
      state.grant()
    }
  }
}
