internal import Foundation
internal import HTTPTransport
internal import KafkaClient
internal import Logging
internal import Model
internal import Observability
internal import Pipeline
internal import PostgresClient
internal import ServiceLifecycle
internal import UnixSignals

/// One process of workers: what they share, and how they start and drain together.
///
/// SIGTERM and SIGINT drain: consumers finish and commit what is in hand, then clients close; after
/// `drainDeadline` whatever still runs is cancelled, which loses nothing. With the producer's last
/// five seconds that stays below the 30 seconds that orchestrators usually grant.
struct WorkerProcess: Sendable {
  static let drainDeadline = Duration.seconds(20)

  let context: Context
  let health = Health(now: Context.now)
  let log: Logger
  /// Names this process where one of several holds something.
  let holder: String
  private let metrics = PrometheusRegistry()

  init(_ context: Context) throws {
    self.context = context
    let settings = context.settings
    Observability.start(
      level: settings.logLevel, format: settings.logFormat, metrics: metrics, now: Context.now)
    log = Logger(label: "sv0")
    holder = try settings.instance ?? Context.ulid()
  }

  /// Runs the workers until they are told to drain.
  func run(_ workers: [Worker]) async throws {
    let server = HealthServer(
      host: context.settings.httpListen.host, port: context.settings.httpListen.port,
      health: health, metrics: metrics, log: log)
    let services = try brokerCheck() + workers.flatMap { try $0.services(in: self) }
    var configuration = ServiceGroupConfiguration(
      services: [server] + services, gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
    configuration.maximumGracefulShutdownDuration = Self.drainDeadline
    log.notice("started", metadata: ["workers": "\(workers.map(\.name).joined(separator: ", "))"])
    try await ServiceGroup(configuration: configuration).run()
    log.notice("drained")
  }

  /// Asks the broker again and again: a worker that has nothing to read or write right now is not
  /// ready either while it could not.
  private func brokerCheck() throws -> [any Service] {
    let administration = try KafkaAdministration(context.kafka(), timeout: .seconds(5))
    let check = periodic("broker", every: .seconds(2)) {
      try await administration.ping()
      return false
    }
    return [ClosingService { await administration.close(deadline: .seconds(5)) }, check]
  }

  /// A producer, and the service that closes it after its users: services stop in reverse order.
  ///
  /// - Parameter timeout: how long a message is tried; by default as long as librdkafka does.
  func producer(timeout: Duration? = nil) throws -> (any MessageProducer, any Service) {
    var properties = ["compression.type": "zstd"]
    if let timeout { properties["message.timeout.ms"] = "\(Int64(timeout / .milliseconds(1)))" }
    let producer = try KafkaProducer(context.kafka(properties, log: log))
    let closing = ClosingService {
      do {
        try await producer.close(deadline: .seconds(5))
      } catch {
        log.warning("producer did not close cleanly", metadata: ["error": "\(error)"])
      }
    }
    return (KafkaMessageProducer(producer: producer), closing)
  }

  func administration() throws -> (KafkaAdministration, any Service) {
    let administration = try KafkaAdministration(context.kafka(log: log))
    return (administration, ClosingService { await administration.close(deadline: .seconds(5)) })
  }

  func pool(connections: Int = 4) throws -> (PostgresPool, any Service) {
    let pool = try context.pool(connections: connections)
    return (pool, ClosingService { pool.close() })
  }

  /// Plain HTTP is possible to loopback only, and only where a connection or sink names it.
  func transport(perHost: Int = 16) throws -> (HTTPClientTransport, any Service) {
    let configuration = HTTPConfiguration(
      allowPlainHTTPToLoopback: true, maximumTransfers: 4 * perHost,
      maximumTransfersPerHost: perHost)
    let client = try HTTPClient(configuration)
    return (HTTPClientTransport(client: client), ClosingService { await client.close() })
  }

  /// A loop over topics in a consumer group.
  func loop(
    _ name: String, group: String, topics: [String], handler: any BatchHandler,
    deadLetters: DeadLetters, from start: String = "earliest", batch: Int = 1000
  ) throws -> ConsumerLoop {
    var options = KafkaConsumer.Options(
      group: group, topics: topics, instance: context.settings.instance)
    options.batchCount = batch
    // The loader halts on a lost offset (librdkafka's `error`); the others have nothing to lose by
    // starting where the topic begins.
    let kafka = try context.kafka(["auto.offset.reset": start], log: log)
    return ConsumerLoop(
      name: name, handler: handler, deadLetters: deadLetters, health: health, log: log
    ) { [options] in
      KafkaMessageConsumer(consumer: try KafkaConsumer(kafka, options))
    }
  }

  func deadLetters(
    _ stage: Stage, sink: String? = nil, _ producer: any MessageProducer
  ) -> DeadLetters {
    DeadLetters(stage: stage, sink: sink, producer: producer, now: Context.now)
  }

  func periodic(
    _ name: String, every interval: Duration, _ turn: @escaping @Sendable () async throws -> Bool
  ) -> PeriodicLoop {
    PeriodicLoop(name: name, interval: interval, health: health, log: log, body: turn)
  }
}

/// Closes a client once everything that was started after it has stopped.
struct ClosingService: Service {
  let close: @Sendable () async -> Void

  init(_ close: @escaping @Sendable () async -> Void) {
    self.close = close
  }

  func run() async throws {
    try? await gracefulShutdown()
    await close()
  }
}
