/// Room for a number of attempts.
///
/// Invariants:
/// 1. Reservations are granted in the order in which they were asked for.
/// 2. More than the limit is taken only by one reservation that is itself larger, when all is free:
///    a batch is accepted as a whole, because its messages are committed together.
actor AttemptSlots {
  private struct Waiter {
    var id: Int
    var count: Int
    var continuation: CheckedContinuation<Void, any Error>
  }

  private let limit: Int
  private var taken = 0
  private var waiters: [Waiter] = []
  private var asked = 0

  init(_ limit: Int) {
    self.limit = max(1, limit)
  }

  /// Takes room for `count` attempts, waiting for it.
  ///
  /// - Throws: `CancellationError`, having taken nothing.
  func reserve(_ count: Int) async throws {
    asked += 1
    let id = asked
    try await withTaskCancellationHandler {
      try Task.checkCancellation()
      try await withCheckedThrowingContinuation { continuation in
        waiters.append(Waiter(id: id, count: count, continuation: continuation))
        grant()
      }
    } onCancel: {
      Task { await self.cancel(id) }
    }
  }

  func release() {
    taken -= 1
    grant()
  }

  private func grant() {
    while let first = waiters.first, taken == 0 || taken + first.count <= limit {
      taken += first.count
      waiters.removeFirst()
      first.continuation.resume()
    }
  }

  private func cancel(_ id: Int) {
    guard let index = waiters.firstIndex(where: { $0.id == id }) else { return }
    waiters.remove(at: index).continuation.resume(throwing: CancellationError())
    grant()
  }
}
