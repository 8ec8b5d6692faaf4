internal import ServiceLifecycle

/// Waits as long as it is told to; throws `CancellationError` when the task is cancelled. Loops
/// take it as an input, so that a test's clock can drive them.
public typealias Sleep = @Sendable (Duration) async throws -> Void

/// Returns once the process drains, or the task is cancelled.
///
/// Made of nothing but a stream and synchronous handlers: `gracefulShutdown()` begins a task that is
/// nobody's child, which runs where it likes and may outlive who began it.
public func untilDraining() async {
  let (drained, drain) = AsyncStream.makeStream(of: Never.self)
  await withGracefulShutdownHandler {
    for await _ in drained {}
  } onGracefulShutdown: {
    drain.finish()
  }
}

/// Runs the operation, which is cancelled when the process drains.
///
/// Like ServiceLifecycle's `cancelWhenGracefulShutdown`, but all its tasks are children of the
/// caller's: they keep its executor, and none is left when it returns.
public func cancelledByDraining<Value: Sendable>(
  _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      await untilDraining()
      return nil
    }
    defer { group.cancelAll() }
    while let finished = try await group.next() {
      if let finished { return finished }
      group.cancelAll()
    }
    throw CancellationError()
  }
}
