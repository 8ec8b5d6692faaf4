public import Extraction
public import Logging
public import Model
internal import Synchronization

/// One attempt, executed by a real `ExtractionWorker` against stand-ins.
public struct TestAttempt: Sendable {
  public var connector: any Connector
  public var transport: any Transport
  public var dispatch: Dispatch
  public var producer: RecordingProducer
  public var clock: ManualClock
  public var limits: ExtractionLimits
  /// Returns when a unit's time is over.
  public var timeLimit: @Sendable () async throws -> Void = {
    try await Task.sleep(for: .seconds(86_400))
  }

  /// - Parameters:
  ///   - settings: by default a role to assume, and one region.
  public init(
    connector: any Connector, transport: any Transport, account: String = "111122223333",
    settings: JSON = ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"]],
    credentials: JSON = ["type": "environment"], collections: [String] = [],
    producer: RecordingProducer = RecordingProducer(), clock: ManualClock = ManualClock(),
    limits: ExtractionLimits = ExtractionLimits()
  ) {
    self.connector = connector
    self.transport = transport
    self.producer = producer
    self.clock = clock
    self.limits = limits
    dispatch = Dispatch(
      scan: "01JD0000000000000000000001", run: "01JD0000000000000000000002", epoch: 17, attempt: 1,
      scope: Scope(
        tenant: "acme", connection: "aws-prod", platform: connector.platform, account: account),
      settings: settings, credentials: credentials, collections: collections, rawPartition: 3,
      expires: clock.now + .seconds(600))
  }

  /// The dispatch as it is consumed.
  public var message: Message {
    Message(
      topic: Topic.scanDispatch(connector.platform), partition: 0, offset: 0,
      timestamp: clock.now, key: Array("\(dispatch.run)/\(dispatch.attempt)".utf8),
      value: dispatch.json.bytes)
  }

  /// A worker for this attempt. Waiting moves the clock at once, except between heartbeats, which
  /// have no end, and for the time limit.
  public func worker(
    log: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
  ) -> ExtractionWorker {
    let (clock, limits, timeLimit) = (clock, limits, timeLimit)
    return ExtractionWorker(
      connector: connector, transport: transport, producer: producer, limits: limits,
      now: { clock.now },
      sleep: { duration in
        switch duration {
        case limits.heartbeat: try await Task.sleep(for: duration)
        case limits.unit: try await timeLimit()
        default: try await clock.sleep(duration)
        }
      }, random: { 0.5 }, log: log)
  }

  /// Executes the attempt to its last word, which is waited for up to a limit.
  public func run(upTo limit: Duration = .seconds(60)) async -> PublishedAttempt {
    let lines = RecordedLog()
    let worker = worker(log: lines.logger)
    let running = Task { try await worker.run() }
    do {
      try await worker.handle([message])
      _ = await eventually(upTo: limit) {
        PublishedAttempt(producer.messages, log: []).ending != nil
      }
    } catch {
      lines.add("\(error)")
    }
    running.cancel()
    _ = await running.result
    return PublishedAttempt(producer.messages, log: lines.all)
  }
}

/// Everything that was logged.
public final class RecordedLog: Sendable {
  private let lines = Mutex<[String]>([])

  public init() {}

  public var all: [String] { lines.withLock { $0 } }
  public func add(_ line: String) { lines.withLock { $0.append(line) } }

  public var logger: Logger {
    var logger = Logger(label: "test", factory: { _ in Handler(log: self) })
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.add("\(event.level) \(event.message) \(metadata) \(event.metadata ?? [:])")
    }
  }
}
