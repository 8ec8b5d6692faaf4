internal import ArgumentParser
internal import Cryptography
internal import KafkaClient
internal import Model
internal import Pipeline
internal import PostgresClient
internal import Scheduling

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Reads an account's records again out of the raw topic, not from the platform.",
    discussion: """
      For a transformer that has learnt something: every collection is emitted again from the \
      attempt that it was last applied from, as a run and an epoch of its own. It is as complete \
      and as old as it was then. What the raw topic no longer keeps makes its collection partial, \
      and nothing is removed; then scan the account.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var person: PersonOption
  @OptionGroup var output: OutputOption

  @Flag(help: "Return when the run is evaluated; exit 1 if something was not complete.")
  var wait = false

  @Option(help: "How long to wait, such as 10m; then exit 75.")
  var timeout = "30m"

  @Argument(help: "The scope key: tenant/connection/platform/account.")
  var scope: ScopeArgument

  func run() async throws {
    let context = try common.context()
    guard let limit = Duration(parsing: timeout) else {
      throw Failure(.usage, "--timeout: expected a duration such as 250ms, 10s, 5m or 24h")
    }
    let pool = try context.pool()
    defer { pool.close() }
    let producer = try KafkaProducer(context.kafka(["compression.type": "zstd"]))
    let scope = scope.scope
    let replays = ScopeReplay(
      pool: pool, rawPartitions: try TopicFile.rawPartitions(scope.platform),
      limits: context.schedulingLimits,
      makeID: { ULID(at: $0, random: try SecureRandom.bytes(10)) }, now: Context.now)
    let replay = try await replays.begin(scope, by: person.name())
    do {
      let emission = ScopeEmission(
        context: context, pool: pool, producer: KafkaMessageProducer(producer: producer),
        replays: replays, replay: replay)
      let records = try await emission.run()
      guard try await replays.extracted(replay, records: records) else {
        throw Failure(.tryAgain, "run \(replay.run) was cancelled: the replay is not applied")
      }
      Terminal.complain("emitted \(records) records as run \(replay.run), epoch \(replay.epoch)")
    } catch {
      // What came out so far is dropped with the run. Where even that fails, its lease runs out.
      _ = try? await replays.abandon(
        replay, because: Failure(error)?.description ?? "\(error)")
      throw error
    }
    try await producer.close(deadline: .seconds(5))
    guard wait else { return Terminal.print("replayed \(replay.run)") }
    let request = CloudEvent(
      id: replay.scan, source: "sv0://\(scope.tenant)/replay", type: CloudEventType.scanRequested,
      time: Context.now())
    try await ScanWatch(pool: pool, tenant: scope.tenant, output: output.output)
      .follow(request, for: limit)
  }
}
