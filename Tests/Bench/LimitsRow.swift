internal import AWSConnector
internal import Authentication
internal import Extraction
internal import Logging
internal import Model
internal import Pipeline
internal import Simulation
internal import Synchronization

/// P9: an organization of accounts of very different sizes, all read at once under the rates that
/// AWS publishes, by the real connector and worker in virtual time.
enum LimitsRow {
  static func measure() throws -> Measured {
    var details: [String] = []
    var ratio = 0.0
    for accounts in [10, 100, 1000] {
      let (seconds, bound, calls) = try read(accounts)
      ratio = seconds / bound.seconds
      details.append(
        "\(accounts) accounts: \(calls) calls in \(seconds.digits(2)) s; \(bound.bucket) alone "
          + "takes \(bound.seconds.digits(2)) s")
    }
    return Measured(
      value: "\(ratio.digits(3))× the time that the slowest bucket of all accounts takes",
      target: "≤ 1.1×", isMet: ratio <= 1.1, details: details)
  }

  private static func read(
    _ count: Int
  ) throws -> (seconds: Double, bound: (bucket: String, seconds: Double), calls: Int) {
    let kernel = Kernel(seed: 1, start: Timestamp(milliseconds: 1_795_255_200_000), isRough: false)
    let clock = VirtualClock(kernel: kernel)
    let platform = SimulatedAWS(clock: clock)
    let endings = Endings()
    let worker = ExtractionWorker(
      connector: AWSConnector(
        secrets: SecretResolver(variable: { _ in "example" }, file: { _ in nil })),
      transport: platform, producer: endings,
      limits: ExtractionLimits(attemptsAtOnce: count), now: { kernel.now },
      sleep: { try await clock.sleep($0) }, random: { 0.5 },
      log: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }))
    let start = kernel.now
    let messages = (0..<count).map { message(for: $0, at: start) }
    let last = Mutex(start)
    kernel.schedule {
      Task { try await worker.run() }
      Task { try await worker.handle(messages) }
    }
    kernel.run(until: {
      guard endings.count < count else { return true }
      last.withLock { $0 = kernel.now }
      return false
    })
    guard kernel.problems.isEmpty, endings.failures.isEmpty, endings.count == count else {
      throw NotMeasured(
        "\(endings.count) of \(count) ended; \(endings.failures.prefix(3)) \(kernel.problems)")
    }
    let seconds = Double(last.withLock { $0 }.milliseconds - start.milliseconds) / 1000
    return (seconds, platform.bound, platform.callCount)
  }

  private static func message(for number: Int, at now: Timestamp) -> Message {
    let account = SimulatedAWS.account(number)
    let dispatch = Dispatch(
      scan: "01JD0000000000000000000001", run: "01JD\(account)0000000000", epoch: 1, attempt: 1,
      scope: Scope(tenant: "acme", connection: "aws", platform: .aws, account: account),
      settings: ["roleName": "Reader", "regions": ["eu-west-1", "us-east-1"]],
      credentials: [
        "type": "assume_role", "externalId": "env:ID", "base": ["type": "environment"],
      ],
      collections: SimulatedAWS.collections, rawPartition: 0, expires: now + .seconds(86_400))
    return Message(
      topic: Topic.scanDispatch(.aws), partition: 0, offset: Int64(number), timestamp: now,
      key: Array(account.utf8), value: dispatch.json.bytes)
  }
}

/// Takes everything at once, and notes how attempts end.
private final class Endings: MessageProducer {
  private let state = Mutex((count: 0, failures: [String]()))

  var count: Int { state.withLock(\.count) }
  var failures: [String] { state.withLock(\.failures) }

  func produce(_ messages: [OutgoingMessage]) async throws {
    for message in messages {
      if message.topic == Topic.scanProgress {
        let progress = try Progress(reading: message.value)
        if case .ended(let outcome, _) = progress.phase {
          state.withLock { state in
            state.count += 1
            if outcome != .complete { state.failures.append("\(outcome)") }
          }
        }
      }
    }
  }
}

/// Pauses in the kernel's time.
struct VirtualClock: Sendable {
  let kernel: Kernel

  func sleep(_ duration: Duration) async throws {
    let pause = Pause()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard pause.begin(continuation) else { return }
        kernel.schedule(after: duration) { pause.end(nil) }
      }
    } onCancel: {
      pause.end(CancellationError())
    }
  }

  private final class Pause: Sendable {
    private struct State {
      var waiting: CheckedContinuation<Void, any Error>?
      var isCancelled = false
    }
    private let state = Mutex(State())

    func begin(_ continuation: CheckedContinuation<Void, any Error>) -> Bool {
      let isCancelled = state.withLock { state in
        if !state.isCancelled { state.waiting = continuation }
        return state.isCancelled
      }
      if isCancelled { continuation.resume(throwing: CancellationError()) }
      return !isCancelled
    }

    func end(_ error: CancellationError?) {
      let waiting = state.withLock { state in
        if error != nil { state.isCancelled = true }
        defer { state.waiting = nil }
        return state.waiting
      }
      guard let waiting else { return }
      if let error { waiting.resume(throwing: error) } else { waiting.resume() }
    }
  }
}
