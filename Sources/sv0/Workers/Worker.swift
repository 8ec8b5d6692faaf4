internal import Cryptography
internal import Evaluation
internal import Extraction
internal import KafkaClient
internal import Loading
internal import Logging
internal import Model
internal import Pipeline
internal import Scheduling
internal import ServiceLifecycle
internal import Transformation

/// The workers, in the order in which a record passes them.
enum Worker {
  case scheduler
  case extractor(Platform)
  case transformer(Platform)
  case loader, evaluator, notifier

  static let all: [Worker] =
    [.scheduler] + Platform.allCases.map { .extractor($0) }
    + Platform.allCases.map { .transformer($0) } + [.loader, .evaluator, .notifier]

  var name: String {
    switch self {
    case .scheduler: "scheduler"
    case .extractor(let platform): "extractor of \(platform.rawValue)"
    case .transformer(let platform): "transformer of \(platform.rawValue)"
    case .loader: "loader"
    case .evaluator: "evaluator"
    case .notifier: "notifier"
    }
  }

  /// The services of this worker: clients first, so that they close last.
  func services(in process: WorkerProcess) throws -> [any Service] {
    switch self {
    case .scheduler: try scheduler(process)
    case .extractor(let platform): try extractor(platform, process)
    case .transformer(let platform): try transformer(platform, process)
    case .loader: try loader(process)
    case .evaluator: try evaluator(process)
    case .notifier: try notifier(process)
    }
  }

  private func scheduler(_ process: WorkerProcess) throws -> [any Service] {
    let (producer, producerClosing) = try process.producer()
    let (relaying, relayingClosing) = try process.producer(timeout: OutboxRelay.messageTimeout)
    let (pool, poolClosing) = try process.pool()
    let (transport, transportClosing) = try process.transport()
    let limits = process.context.schedulingLimits
    let accounts = Connectors.accountSources(transport, process.log)
    let makeID: @Sendable (Timestamp) throws -> ULID = {
      ULID(at: $0, random: try SecureRandom.bytes(10))
    }
    let requests = RequestHandler(
      pool: pool, knownCollections: Connectors.collections, accounts: accounts, makeID: makeID,
      now: Context.now)
    let schedules = ScheduledScans(
      pool: pool, knownCollections: Connectors.collections, accounts: accounts, makeID: makeID,
      now: Context.now)
    let progress = ProgressHandler(pool: pool, limits: limits, now: Context.now)
    let expiry = LeaseExpiry(pool: pool, limits: limits, now: Context.now)
    let status = StatusRelay(
      pool: pool, producer: relaying, holder: process.holder, now: Context.now)
    let outbox = OutboxRelay(
      pool: pool, producer: relaying, topics: Platform.allCases.map(Topic.scanDispatch),
      holder: process.holder, now: Context.now)
    let dispatchers = try Platform.allCases.map { platform in
      let dispatcher = Dispatcher(
        pool: pool, platform: platform, rawPartitions: try TopicFile.rawPartitions(platform),
        knownCollections: Connectors.collections[platform] ?? [], limits: limits,
        now: Context.now)
      return process.periodic(
        "dispatch-\(platform.rawValue)", every: .milliseconds(500), dispatcher.turn)
    }
    return [
      producerClosing, relayingClosing, poolClosing, transportClosing,
      try process.loop(
        "requests", group: "sv0.scheduler.requests", topics: [Topic.scanRequest],
        handler: requests, deadLetters: process.deadLetters(.scheduler, producer)),
      try process.loop(
        "progress", group: "sv0.scheduler.progress", topics: [Topic.scanProgress],
        handler: progress, deadLetters: process.deadLetters(.scheduler, producer)),
      process.periodic("leases", every: .seconds(1), expiry.turn),
      process.periodic("schedules", every: .seconds(1), schedules.turn),
      process.periodic("dispatch-relay", every: .milliseconds(200), outbox.turn),
      process.periodic("status-relay", every: .milliseconds(200), status.turn),
    ] + dispatchers
  }

  private func extractor(
    _ platform: Platform, _ process: WorkerProcess
  ) throws -> [any Service] {
    let limits = ExtractionLimits(attemptsAtOnce: process.context.settings.extractorRuns)
    let (producer, producerClosing) = try process.producer()
    let (transport, transportClosing) = try process.transport(perHost: limits.callsPerHost)
    let worker = ExtractionWorker(
      connector: try Connectors.of(platform), transport: transport, producer: producer,
      limits: limits, now: Context.now, log: process.log)
    // One dispatch at a time: a message is committed as soon as its attempt has begun.
    let loop = try process.loop(
      "extractor-\(platform.rawValue)", group: "sv0.extractor.\(platform.rawValue)",
      topics: [Topic.scanDispatch(platform)], handler: worker,
      deadLetters: process.deadLetters(.extractor, producer), batch: 1)
    return [producerClosing, transportClosing, worker, loop]
  }

  private func transformer(
    _ platform: Platform, _ process: WorkerProcess
  ) throws -> [any Service] {
    let (producer, closing) = try process.producer()
    let deadLetters = process.deadLetters(.transformer, producer)
    let handler = TransformationHandler(
      transformer: Transformer(
        platform: platform, normalizer: try Connectors.of(platform).normalizer),
      producer: producer, deadLetters: deadLetters, log: process.log)
    let loop = try process.loop(
      "transformer-\(platform.rawValue)", group: "sv0.transformer.\(platform.rawValue)",
      topics: [Topic.raw(platform)], handler: handler, deadLetters: deadLetters)
    return [closing, loop]
  }

  private func loader(_ process: WorkerProcess) throws -> [any Service] {
    let (producer, producerClosing) = try process.producer()
    let (pool, poolClosing) = try process.pool()
    let (administration, administrationClosing) = try process.administration()
    let deadLetters = process.deadLetters(.loader, producer)
    let handler = Loader(
      pool: pool, producer: producer, deadLetters: deadLetters,
      limits: LoadingLimits(stagedBytes: Int64(process.context.settings.loaderStagedBytes)),
      kept: { partition in
        let (low, high) = try await administration.watermarks(partition)
        return low..<high
      }, log: process.log, now: Context.now)
    let loop = try process.loop(
      "loader", group: "sv0.loader", topics: [Topic.graph], handler: handler,
      deadLetters: deadLetters, from: "error")
    return [
      producerClosing, poolClosing, administrationClosing, loop,
      process.periodic("sweep", every: .seconds(60), handler.sweep),
    ]
  }

  private func evaluator(_ process: WorkerProcess) throws -> [any Service] {
    let (relaying, relayingClosing) = try process.producer(timeout: OutboxRelay.messageTimeout)
    let (pool, poolClosing) = try process.pool()
    let settings = process.context.settings
    let service = EvaluationService(
      pool: pool,
      settings: EvaluationService.Settings(
        quiet: settings.evaluatorQuiet, maximumDelay: settings.evaluatorMaximumDelay,
        thresholds: settings.thresholds),
      now: Context.now, log: process.log)
    let outbox = OutboxRelay(
      pool: pool, producer: relaying, topics: [Topic.findings], holder: process.holder,
      stage: .evaluator, now: Context.now)
    return [
      relayingClosing, poolClosing,
      process.periodic("evaluator", every: .milliseconds(500), service.turn),
      process.periodic("findings-relay", every: .milliseconds(200), outbox.turn),
    ]
  }

  private func notifier(_ process: WorkerProcess) throws -> [any Service] {
    let (producer, producerClosing) = try process.producer()
    let (pool, poolClosing) = try process.pool()
    let (transport, transportClosing) = try process.transport()
    return [
      producerClosing, poolClosing, transportClosing,
      SinkSupervisor(process: process, pool: pool, producer: producer, transport: transport),
    ]
  }
}
