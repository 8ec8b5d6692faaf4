internal import Evaluation
internal import Extraction
internal import HTTPTypes
internal import Loading
internal import Logging
internal import Model
internal import Pipeline
internal import Scheduling
internal import ServiceLifecycle
internal import Transformation

/// The workers as the executable composes them, over the simulated broker, database and platform.
///
/// Limits are shorter than in production, so that a schedule of seconds reaches all of them.
struct Installation: Sendable {
  static func limits(_ inFlight: Int) -> SchedulingLimits {
    SchedulingLimits(
      lease: .seconds(20), attempts: 3, inFlight: inFlight, apply: .seconds(150))
  }
  static let activityAge = Duration.seconds(40 * 24 * 3600)
  static let knownCollections = SimulatedCollection.allCases.map {
    OfferedCollection($0.rawValue)
  }

  let kernel: Kernel
  let world: World
  let broker: Broker
  let database: SimulatedDatabase
  let platform: SimulatedPlatform
  let defect: Defect?

  private let log = Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() })

  init(_ schedule: Schedule, kernel: Kernel, defect: Defect?) {
    self.kernel = kernel
    self.defect = defect
    world = schedule.world
    let count = Int32(schedule.world.partitions)
    broker = Broker(
      kernel,
      topics: [
        Topic.scanRequest: count, Names.dispatch: count, Topic.scanProgress: count,
        Topic.scanStatus: count, Names.raw: count, Topic.graph: count, Topic.snapshot: 1,
        Topic.findings: count, Topic.deadLetter: 1,
      ])
    database = SimulatedDatabase()
    platform = SimulatedPlatform()
  }

  /// Starts every process.
  func start() {
    for process in world.processes {
      let role = process.prefix { $0 != "-" }
      kernel.add(process) { [self] context in
        try await Services(services(of: String(role), context)).run()
      }
    }
  }

  private func services(of role: String, _ context: ProcessContext) -> [any Service] {
    switch role {
    case "scheduler": scheduler(context)
    case "extractor": extractor(context)
    case "transformer": transformer(context)
    case "loader": loader(context)
    default: evaluator(context)
    }
  }

  // MARK: What the workers share

  func producer(
    _ context: ProcessContext, timeout: Duration = .seconds(300)
  ) -> any MessageProducer {
    let producer = context.producer(broker, timeout: timeout)
    return defect?.producer(producer, context) ?? producer
  }

  private func relayProducer(_ context: ProcessContext) -> any MessageProducer {
    producer(context, timeout: OutboxRelay.messageTimeout)
  }

  private func deadLetters(_ stage: Stage, _ context: ProcessContext) -> DeadLetters {
    DeadLetters(stage: stage, producer: producer(context), now: context.now)
  }

  private func loop(
    _ name: String, _ group: String, _ topic: String, _ handler: any BatchHandler,
    _ stage: Stage, _ context: ProcessContext, from reset: OffsetReset = .earliest,
    batch: Int = 12
  ) -> any Service {
    let handler = defect?.handler(handler, database) ?? handler
    return ConsumerLoop(
      name: name, handler: handler, deadLetters: deadLetters(stage, context),
      health: Health(now: context.now), log: log, sleep: context.sleep
    ) { [broker, defect] in
      let consumer = context.consumer(
        broker, group: group, topics: [topic], from: reset, batch: batch)
      return defect?.consumer(consumer, context) ?? consumer
    }
  }

  private func periodic(
    _ name: String, _ interval: Duration, _ context: ProcessContext,
    _ turn: @escaping @Sendable () async throws -> Bool
  ) -> any Service {
    PeriodicLoop(
      name: name, interval: interval, health: Health(now: context.now), log: log,
      sleep: context.sleep, body: turn)
  }

  private func gate(_ context: ProcessContext) -> any TransactionGate {
    defect?.gate(context, database) ?? context
  }

  func queue(_ context: ProcessContext) -> any QueueStore {
    SimulatedQueueStore(database: database, gate: gate(context))
  }

  func replays(_ context: ProcessContext) -> ScopeReplay {
    ScopeReplay(
      store: queue(context), rawPartitions: Int32(world.partitions),
      limits: Self.limits(world.inFlight), makeID: makeID(context), now: context.now)
  }

  private func makeID(_ context: ProcessContext) -> @Sendable (Timestamp) throws -> ULID {
    { [kernel] at in
      let random = (0..<10).map { _ in
        UInt8(kernel.roll(256, for: .id, of: context.life.description))
      }
      return ULID(at: at, random: random)
    }
  }

  func loading(_ context: ProcessContext) -> any LoadingStore {
    SimulatedLoadingStore(database: database, gate: gate(context))
  }

  func evaluation(_ context: ProcessContext) -> any EvaluationStore {
    let store = SimulatedEvaluationStore(database: database, gate: gate(context))
    return defect?.evaluation(store, database, context) ?? store
  }

  // MARK: The workers

  private func scheduler(_ context: ProcessContext) -> [any Service] {
    let store = queue(context)
    let limits = Self.limits(defect?.inFlight ?? world.inFlight)
    let known: [Platform: [OfferedCollection]] = [.aws: Self.knownCollections]
    let requests = RequestHandler(
      store: store, knownCollections: known, makeID: makeID(context), now: context.now)
    let progress = ProgressHandler(store: store, limits: limits, now: context.now)
    let expiry = LeaseExpiry(store: store, limits: limits, now: context.now)
    let status = StatusRelay(
      store: store, producer: relayProducer(context), holder: context.instance, now: context.now,
      sleep: context.sleep)
    let outbox = OutboxRelay(
      store: store, producer: relayProducer(context), topics: [Names.dispatch],
      holder: context.instance, stage: .scheduler, now: context.now, sleep: context.sleep)
    let dispatcher = Dispatcher(
      store: store,
      Dispatching(
        platform: .aws, rawPartitions: Int32(world.partitions),
        knownCollections: Self.knownCollections, limits: limits),
      now: context.now)
    return [
      loop("requests", Names.requests, Topic.scanRequest, requests, .scheduler, context),
      loop("progress", Names.progress, Topic.scanProgress, progress, .scheduler, context),
      periodic("leases", .seconds(3), context, expiry.turn),
      periodic("dispatch-relay", .seconds(2), context, outbox.turn),
      periodic("status-relay", .seconds(4), context, status.turn),
      periodic("dispatch", .seconds(2), context, dispatcher.turn),
    ]
  }

  private func extractor(_ context: ProcessContext) -> [any Service] {
    let worker = ExtractionWorker(
      connector: SimulatedConnector(simulated: platform, process: context),
      transport: NoTransport(), producer: producer(context),
      limits: ExtractionLimits(
        attemptsAtOnce: 2, unitsAtOnce: 3, unit: .seconds(3600), heartbeat: .seconds(5)),
      now: context.now, sleep: context.sleep,
      random: { [kernel] in
        Double(kernel.roll(1 << 30, for: .random, of: context.life.description)) / Double(1 << 30)
      },
      log: log)
    return [
      worker,
      loop(
        "extractor", Names.extractor, Names.dispatch, worker, .extractor, context, batch: 1),
    ]
  }

  private func transformer(_ context: ProcessContext) -> [any Service] {
    let handler = TransformationHandler(
      transformer: Transformer(platform: .aws, normalizer: SimulatedNormalizer()),
      producer: producer(context), deadLetters: deadLetters(.transformer, context), log: log)
    return [
      loop("transformer", Names.transformer, Names.raw, handler, .transformer, context)
    ]
  }

  private var loadingLimits: LoadingLimits {
    let staging = world.staging == 0 || defect?.stagesAll == true ? .max : Int64(world.staging)
    return LoadingLimits(
      stagedBytes: staging, silence: .seconds(100), activityAge: Self.activityAge)
  }

  private func loader(_ context: ProcessContext) -> [any Service] {
    let handler = Loader(
      store: loading(context), producer: producer(context),
      deadLetters: deadLetters(.loader, context), limits: loadingLimits,
      kept: { [broker] partition in broker.kept(partition) }, log: log, now: context.now)
    return [
      loop(
        "loader", Names.loader, Topic.graph, handler, .loader, context, from: .error),
      periodic("sweep", .seconds(20), context, handler.sweep),
    ]
  }

  private func evaluator(_ context: ProcessContext) -> [any Service] {
    let service = EvaluationService(
      store: evaluation(context),
      settings: EvaluationService.Settings(quiet: .seconds(2), maximumDelay: .seconds(6)),
      now: context.now, log: log)
    let outbox = OutboxRelay(
      store: queue(context), producer: relayProducer(context), topics: [Topic.findings],
      holder: context.instance, stage: .evaluator, now: context.now, sleep: context.sleep)
    return [
      periodic("evaluator", .seconds(2), context, service.turn),
      periodic("findings-relay", .seconds(3), context, outbox.turn),
    ]
  }
}

/// The simulated connector makes no HTTP requests.
private struct NoTransport: Transport {
  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    throw TransportError(.refused, "simulated: there is no network")
  }
}
