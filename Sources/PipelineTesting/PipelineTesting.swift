/// # PipelineTesting
///
/// What stands in for the outside in tests: a platform (`ScriptedTransport`), the broker
/// (`RecordingProducer`, `ScriptedConsumer`), time (`ManualClock`). And `ConnectorConformance`,
/// which every connector must pass.
///
/// Nothing here waits in real time, and nothing asserts: results are values for the test to check.
///
/// ```swift
/// let transport = ScriptedTransport { call in .json(#"{"Functions": []}"#) }
/// let attempt = await TestAttempt(connector: AWSConnector(), transport: transport).run()
/// #expect(attempt.outcome(of: "aws.lambda.function@eu-west-1") == .complete)
/// ```
public import Model
internal import Synchronization

/// A clock that moves only when somebody waits on it, or a test says so.
public final class ManualClock: Sendable {
  private let time: Mutex<Timestamp>

  public init(_ start: Timestamp = Timestamp(milliseconds: 1_795_255_200_000)) {
    time = Mutex(start)
  }

  public var now: Timestamp { time.withLock { $0 } }

  public func advance(by duration: Duration) {
    time.withLock { $0 = $0 + duration }
  }

  /// Returns at once, with the clock moved on.
  public func sleep(_ duration: Duration) async throws {
    try Task.checkCancellation()
    advance(by: duration)
    await Task.yield()
  }
}

/// Waits until a condition holds; `false` when the task is cancelled, or after a limit that only a
/// broken test reaches: a minute, or more for what takes a while on a busy machine.
public func eventually(
  upTo limit: Duration = .seconds(60), _ condition: () async -> Bool
) async -> Bool {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline, !Task.isCancelled {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return await condition()
}
