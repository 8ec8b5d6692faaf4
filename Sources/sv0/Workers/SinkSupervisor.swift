internal import Authentication
internal import Extraction
internal import JSONReader
internal import Logging
internal import Model
internal import Notification
internal import Pipeline
internal import PostgresClient
internal import Schema
internal import ServiceLifecycle

/// Keeps one consumer loop running for each sink that is applied, and follows changes of the sinks.
struct SinkSupervisor: Service {
  let process: WorkerProcess
  let pool: PostgresPool
  let producer: any MessageProducer
  let transport: any Transport

  func run() async throws {
    let sinks = RunningSinks()
    try await process.periodic("sinks", every: .seconds(2)) {
      await sinks.follow(try await applied(), make: loop(for:)) { name, error in
        // Under the name of the loop, which takes it back once it runs. Nothing turns until then.
        process.health.turned("sink-\(name)", obstacle: "\(error)")
        process.health.waits("sink-\(name)")
        process.log.error("sink failed", metadata: ["sink": "\(name)", "error": "\(error)"])
      }
      return false
    }.run()
    await sinks.drained()
  }

  private func applied() async throws -> [String: JSON] {
    var options = TransactionOptions.queue
    // A session that ends during the commit leaves no doubt then: the list is read again.
    options.readOnly = true
    let rows = try await pool.withTransaction(options) { transaction in
      try await transaction.query("SELECT tenant, name, document FROM sv0.sinks")
    }
    var documents: [String: JSON] = [:]
    for row in rows {
      let text = try row.string("document")
      documents["\(try row.string("tenant"))/\(try row.string("name"))"] =
        JSON(try JSONDocument(parsing: Array(text.utf8)).root)
    }
    return documents
  }

  private func loop(for json: JSON) throws -> ConsumerLoop {
    let document = try SinkDocument(json)
    let sink = try WebhookSink(
      document, transport: transport, resolver: .process, now: Context.now)
    return try process.loop(
      "sink-\(document.key)", group: document.consumerGroup, topics: [Topic.findings],
      handler: NotificationHandler(document, sink: sink, now: Context.now),
      deadLetters: process.deadLetters(.notifier, sink: document.key, producer),
      from: document.from == .end ? "latest" : "earliest", batch: 100)
  }
}

/// The loops that run, by sink.
private actor RunningSinks {
  private var running: [String: (document: JSON, task: Task<Void, Never>)] = [:]
  /// Sinks that cannot be started as they are: told once, tried again when their file changes.
  private var broken: [String: JSON] = [:]

  /// Starts what is new or has ended, ends what is gone, restarts what has changed.
  func follow(
    _ applied: [String: JSON], make: (JSON) throws -> ConsumerLoop,
    failed: @escaping @Sendable (String, any Error) -> Void
  ) async {
    for (name, sink) in running where applied[name] != sink.document {
      sink.task.cancel()
      await sink.task.value
      running[name] = nil
    }
    for (name, document) in applied where running[name] == nil && broken[name] != document {
      do {
        let loop = try make(document)
        broken[name] = nil
        let task = Task {
          do { try await loop.run() } catch { failed(name, error) }
          ended(name)
        }
        running[name] = (document, task)
      } catch {
        broken[name] = document
        failed(name, error)
      }
    }
  }

  /// The loops see the process drain by themselves; this waits for them.
  func drained() async {
    for sink in Array(running.values) { await sink.task.value }
  }

  private func ended(_ name: String) { running[name] = nil }
}
