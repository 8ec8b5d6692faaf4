internal import Logging
internal import Model
internal import Pipeline

/// Tells the scheduler how an attempt goes.
struct ProgressReporter: Sendable {
  let dispatch: Dispatch
  let producer: any MessageProducer
  let context: AttemptContext

  /// Sends a heartbeat, and goes on sending until cancelled. One that fails is followed by another.
  func heartbeats(every interval: Duration) async {
    while !Task.isCancelled {
      do {
        try await producer.produce(message(.heartbeat))
      } catch {
        context.log.warning("no heartbeat was sent", metadata: ["error": "\(error)"])
      }
      do { try await context.surroundings.sleep(interval) } catch { return }
    }
  }

  /// Sends the last word of an attempt also when its task is cancelled; gives up at the deadline.
  func sendLast(_ phase: Progress.Phase, deadline: Duration) async {
    let message = message(phase)
    let sending = Task {
      try await context.repeating("progress") { try await producer.produce(message) }
    }
    let limit = Task {
      try await Task.sleep(for: deadline)
      sending.cancel()
    }
    let result = await sending.result
    limit.cancel()
    if case .failure(let error) = result {
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
