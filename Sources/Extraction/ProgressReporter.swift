internal import Logging
internal import Model
internal import Pipeline

/// Tells the scheduler how an attempt goes.
struct ProgressReporter: Sendable {
  let dispatch: Dispatch
  let producer: any MessageProducer
  let context: AttemptContext

  /// Sends a heartbeat, and goes on sending until cancelled. One that fails is followed by another.
  ///
  /// - Parameter first: finished when the first was sent, or failed.
  func heartbeats(
    every interval: Duration, first: AsyncStream<Never>.Continuation
  ) async {
    defer { first.finish() }
    while !Task.isCancelled {
      do {
        try await producer.produce(message(.heartbeat))
      } catch {
        context.log.warning("no heartbeat was sent", metadata: ["error": "\(error)"])
      }
      first.finish()
      do { try await context.surroundings.sleep(interval) } catch { return }
    }
  }

  /// Sends the last word of an attempt; gives up at the deadline.
  ///
  /// In a cancelled task the message is handed to the producer all the same, once.
  func sendLast(_ phase: Progress.Phase, deadline: Duration) async {
    let message = message(phase)
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await context.repeating("progress") { try await producer.produce(message) }
        }
        group.addTask { try? await context.surroundings.sleep(deadline) }
        // Whichever ends first ends the other.
        defer { group.cancelAll() }
        try await group.next()
        group.cancelAll()
        try await group.waitForAll()
      }
    } catch {
      context.log.warning(
        "the end of the attempt was not reported; its lease will run out",
        metadata: ["error": "\(error)"])
    }
  }

  func message(_ phase: Progress.Phase) -> OutgoingMessage {
    let counts = context.statistics.counts
    let progress = Progress(
      run: dispatch.run, attempt: dispatch.attempt, phase: phase, records: counts.records,
      calls: counts.calls, at: context.surroundings.now())
    return OutgoingMessage(
      topic: Topic.scanProgress, key: Array(dispatch.scope.description.utf8),
      value: progress.json.bytes)
  }
}
