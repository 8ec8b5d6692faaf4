import Synchronization

/// A result that is set once and awaited by any number of tasks.
final class OneShot<Value: Sendable>: Sendable {
  private typealias Continuation = CheckedContinuation<Result<Value, KafkaError>, Never>

  private struct State {
    var result: Result<Value, KafkaError>?
    var waiters: [Int: Continuation] = [:]
    var cancelled: Set<Int> = []
    var nextWaiter = 0
  }

  private let state = Mutex(State())

  /// Sets the result; a second call changes nothing.
  func resolve(_ result: Result<Value, KafkaError>) {
    let waiters = state.withLock { state -> [Continuation] in
      guard state.result == nil else { return [] }
      state.result = result
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: result) }
  }

  /// Waits for the result, whether or not the task is cancelled: for steps of an orderly stop.
  func outcome() async throws(KafkaError) -> Value {
    try await wait(as: register()).get()
  }

  /// Waits for the result; a cancelled task stops waiting, what it waited for goes on.
  ///
  /// - Throws: `.cancelled`, or the failure the result holds.
  func value() async throws(KafkaError) -> Value {
    let waiter = register()
    let result = await withTaskCancellationHandler {
      await wait(as: waiter)
    } onCancel: {
      cancel(waiter)
    }
    return try result.get()
  }

  private func register() -> Int {
    state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
  }

  private func wait(as waiter: Int) async -> Result<Value, KafkaError> {
    await withCheckedContinuation { continuation in
      let result = state.withLock { state -> Result<Value, KafkaError>? in
        if let result = state.result { return result }
        if state.cancelled.remove(waiter) != nil { return .failure(.cancelled) }
        state.waiters[waiter] = continuation
        return nil
      }
      if let result { continuation.resume(returning: result) }
    }
  }

  private func cancel(_ waiter: Int) {
    let continuation = state.withLock { state -> Continuation? in
      if let continuation = state.waiters.removeValue(forKey: waiter) { return continuation }
      // Cancelled before it began to wait.
      state.cancelled.insert(waiter)
      return nil
    }
    continuation?.resume(returning: .failure(.cancelled))
  }
}

extension OneShot where Value == Void {
  /// Waits until it is resolved or the time is up, whichever is first; cancellation is ignored.
  func outcome(within limit: Duration, orElse late: KafkaError) async throws(KafkaError) {
    let timer = Task {
      try await Task.sleep(for: limit)
      resolve(.failure(late))
    }
    defer { timer.cancel() }
    try await outcome()
  }
}
