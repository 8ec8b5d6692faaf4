internal import ArgumentParser
internal import KafkaClient
internal import Model
internal import PostgresClient
internal import Scheduling
internal import Schema

struct ScanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Asks for scans and follows them.",
    subcommands: [Start.self, Show.self, Cancel.self])

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Puts a scan request on the topic, as any producer may.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Option(help: "The connection to scan.")
    var connection: String

    @Option(name: .customLong("account"), help: "Only this account; may be repeated.")
    var accounts: [String] = []

    @Option(
      name: .customLong("collection"),
      help: "Only this collection, or a prefix that ends in *; may be repeated.")
    var collections: [String] = []

    @Option(help: "urgent, normal or background.")
    var priority = Priority.urgent

    @Option(help: "Why, for the record.")
    var reason = "asked for on the command line"

    @Flag(help: "Return when every run is evaluated; exit 1 if something was not complete.")
    var wait = false

    @Option(help: "How long to wait, such as 10m; then exit 75.")
    var timeout = "30m"

    func run() async throws {
      let context = try common.context()
      guard let limit = Duration(parsing: timeout) else {
        throw Failure(.usage, "--timeout: expected a duration such as 250ms, 10s, 5m or 24h")
      }
      let request = try await send(context)
      guard wait else { return Terminal.print("requested \(request.id)") }
      let pool = try context.pool()
      defer { pool.close() }
      let watch = ScanWatch(pool: pool, tenant: try tenant.name(), output: output.output)
      try await watch.follow(request, for: limit)
    }

    private func send(_ context: Context) async throws -> CloudEvent {
      let tenant = try tenant.name()
      let event = CloudEvent(
        id: try Context.ulid(), source: "sv0://\(tenant)/cli", type: CloudEventType.scanRequested,
        time: Context.now())
      let request = ScanRequest(
        tenant: tenant, connection: connection, scopes: accounts, collections: collections,
        reason: reason, priority: priority, requestedBy: "sv0 scan start")
      let producer = try KafkaProducer(context.kafka())
      let sent = try await producer.send(
        OutgoingMessage(
          topic: Topic.scanRequest, key: Array("\(tenant)/\(connection)".utf8),
          value: request.json.bytes, headers: event.headers))
      _ = try await sent.value()
      try await producer.close(deadline: .seconds(5))
      return event
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The newest runs of a tenant.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
        try await $0.query(
          """
          SELECT scan, run, scope, epoch, state, attempt, records, coalesce(reason, '') AS reason,
            changed_at
          FROM sv0.runs ORDER BY requested_at DESC, scope COLLATE "C" LIMIT 100
          """)
      }
      switch output.output {
      case .json:
        for row in rows {
          Terminal.print(
            JSON.object([
              "scan": .string(try row.string("scan")), "run": .string(try row.string("run")),
              "scope": .string(try row.string("scope")),
              "epoch": .integer(try row.int64("epoch")),
              "state": .string(try row.string("state")),
              "attempt": .integer(try row.int64("attempt")),
              "records": .integer(try row.int64("records")),
              "reason": .string(try row.string("reason")),
              "changedAt": .string(try row.timestamp("changed_at").description),
            ]).text)
        }
      case .text:
        let table = try rows.map { row in
          [
            try row.timestamp("changed_at").description, try row.string("scan"),
            try row.string("scope"),
            "epoch \(try row.int64("epoch"))", try row.string("state"),
            "\(try row.int64("records")) records", try row.string("reason"),
          ]
        }
        for line in Terminal.table(table) { Terminal.print(line) }
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ends the queued and leased runs of a scan.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption

    @Argument(help: "The scan's id, from `sv0 scan show`.")
    var scan: String

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let cancellation = Cancellation(pool: pool, now: Context.now)
      let runs = try await cancellation.cancel(
        scan: scan, tenant: tenant.name(), by: "sv0 scan cancel")
      guard let runs else {
        throw Failure(.badData, "no scan \(scan); `sv0 scan show` lists them")
      }
      for run in runs { Terminal.print("cancelled \(run)") }
      if runs.isEmpty { Terminal.print("nothing to cancel: its runs are past extraction") }
    }
  }
}
