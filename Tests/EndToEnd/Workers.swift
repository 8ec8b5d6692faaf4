import Foundation
import HTTPTransport
import HTTPTypes
import Model
import Synchronization
import Testing

/// The workers of a deployment, each a process, reaching the servers through cables that a test can
/// pull. A process has a name: that of its kind, or the kind and a letter (`loader`, `loader-b`).
final class Workers: Sendable {
  @TaskLocal static var shared: Workers?

  static var current: Workers {
    get throws { try #require(shared, "the suite has no .separateWorkers trait") }
  }

  static let commands = [
    "scheduler": ["scheduler"], "extractor": ["extractor", "--platform", "aws"],
    "transformer": ["transformer", "--platform", "aws"], "loader": ["loader"],
    "evaluator": ["evaluator"], "notifier": ["notifier"],
  ]
  static let names = commands.keys.sorted()
  static func kind(of name: String) -> String { String(name.prefix { $0 != "-" }) }

  let stack: Stack
  let broker: Cable
  let database: Cable
  private let http: HTTPClient
  private let running = Mutex<[String: Child]>([:])
  private let started = Mutex<[Child]>([])

  init(_ stack: Stack) async throws {
    self.stack = stack
    let address = try #require(
      stack.environment["SV0_POSTGRES"].flatMap(URLComponents.init)?.port)
    broker = try await Cable("broker", to: stack.kafka, isKafka: true, in: stack.folder)
    database = try await Cable("database", to: "127.0.0.1:\(address)", in: stack.folder)
    http = try HTTPClient(HTTPConfiguration(allowPlainHTTPToLoopback: true))
  }

  /// Starts a worker, or the next process of it, as a static member of its consumer groups.
  ///
  /// Static, because the local broker waits for a dead member for minutes, unless another comes
  /// under its name. Attempts are without limit, because tests lose many of them on purpose.
  @discardableResult
  func start(_ name: String, _ more: [String: String] = [:]) throws -> Child {
    var url = try #require(stack.environment["SV0_POSTGRES"].flatMap(URLComponents.init))
    url.port = Int(database.port)
    // What `pg_stat_activity` calls the worker's sessions.
    url.queryItems = [URLQueryItem(name: "application_name", value: name)]
    let settings = [
      "SV0_INSTANCE": name, "SV0_SCHEDULER_LEASE": "8s", "SV0_SCHEDULER_ATTEMPTS": "100",
      "SV0_KAFKA": "127.0.0.1:\(broker.port)", "SV0_POSTGRES": url.string ?? "",
      "SV0_KAFKA_RECONNECT_BACKOFF_MAX_MS": "500",
    ]
    return try started.withLock { started in
      // A log of its own for each process: it says where the process listens.
      let child = try stack.start(
        "\(name)-\(started.count + 1)", Self.commands[Self.kind(of: name)] ?? [],
        settings.merging(more) { $1 })
      started.append(child)
      running.withLock { $0[name] = child }
      return child
    }
  }

  subscript(_ name: String) -> Child {
    get throws { try #require(running.withLock { $0[name] }, "\(name) was not started") }
  }

  /// Kills the process and starts the next.
  func killAndRestart(_ name: String) async throws {
    try await kill(name)
    try start(name)
  }

  func kill(_ name: String) async throws {
    let child = try self[name]
    child.signal(SIGKILL)
    let status = try await child.ended()
    guard status == 128 + SIGKILL else {
      throw Unmet("\(name) had exited \(status) before it was killed")
    }
  }

  /// Whatever was stopped or frozen goes on.
  func goOn() {
    for child in started.withLock({ $0 }) { child.signal(SIGCONT) }
    broker.thaw()
    database.thaw()
  }

  /// Drains the workers and takes the cables away, each whatever becomes of the others.
  func stop() async throws {
    let workers = running.withLock { $0.values.map(\.self) }
    try await finally({
      // Those that were replaced.
      for child in started.withLock({ $0 }) { child.signal(SIGKILL) }
      await http.close()
      try await finally(broker.stop, database.stop)
    }) {
      var failures: [String] = []
      for worker in workers {
        do { try await worker.drain() } catch {
          worker.signal(SIGKILL)
          failures.append("\(error)")
        }
      }
      guard failures.isEmpty else { throw Unmet(failures.joined(separator: "\n")) }
    }
  }

  /// The ends of the logs: of what runs, and of what has ended by itself.
  var tails: String {
    "Logs are in \(stack.folder).\n"
      + started.withLock { $0 }.suffix(20).filter { $0.status != 128 + SIGKILL }.map { child in
        let tail = child.logged.split(separator: "\n").suffix(6).map { $0.prefix(400) }
        let end = child.status.map { " (exited \($0))" } ?? ""
        return "--- \(child.name)\(end)\n" + tail.joined(separator: "\n")
      }.joined(separator: "\n")
  }
}

// MARK: Health

extension Workers {
  /// Asks a worker's own server, at the address that its log names.
  func ask(_ name: String, _ path: String) async throws -> (status: Int, body: String) {
    let child = try self[name]
    let prefix = "Server started and listening on "
    let authority = try await wait(for: "\(name)'s address") {
      try Self.lines(of: child.logged).compactMap { $0["message"]?.string }
        .first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
    }
    let request = HTTPRequest(
      method: .get, scheme: "http", authority: String(authority), path: path)
    let (response, body) = try await http.execute(request, body: [], limits: HTTPLimits())
    return (response.status.code, String(decoding: body, as: UTF8.self))
  }

  /// Waits until the workers have what they need.
  func areReady(_ names: [String] = names) async throws {
    for name in names {
      var last = ""
      do {
        try await wait(until: "\(name) to be ready") {
          let answer = try await ask(name, "/readyz")
          last = answer.body
          return answer.status == 200
        }
      } catch { throw Unmet("\(error); it says: \(last)") }
    }
  }

  /// The log's lines, each of which must be a JSON object; a last one that is being written is not
  /// looked at, nor is what the command says when it ends with an error.
  static func lines(of log: String) throws -> [JSON] {
    let whole = log.prefix(upTo: log.lastIndex(of: "\n") ?? log.startIndex)
    return try whole.split(separator: "\n").filter { !$0.hasPrefix("sv0: ") }.map {
      try Outcome(status: 0, output: String($0), errors: "").json[0]
    }
  }
}

extension Trait where Self == StackScope {
  /// A stack whose workers are processes behind cables, and come to rest before it is audited.
  static func separateWorkers(_ name: String, _ names: [String] = Workers.names) -> Self {
    StackScope(name: name) { stack, body in
      let workers = try await Workers(stack)
      try await finally({ try await workers.stop() }) {
        for name in names { try workers.start(name) }
        try await workers.areReady(names)
        try await Workers.$shared.withValue(workers) {
          _ = try await Stack.$shared.withValue(stack) { try await Scanning.undisturbed() }
          try await body()
        }
      }
      try await AtRest(stack).check()
    }
  }
}
