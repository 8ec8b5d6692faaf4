import Foundation
import HTTPTransport
import HTTPTypes
import Model
import Synchronization
import Testing

/// The six workers of a deployment, each a process, reaching the servers through cables that a test
/// can pull.
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

  let stack: Stack
  let broker: Cable
  let database: Cable
  private let http: HTTPClient
  private let running = Mutex<[String: Child]>([:])
  private let started = Mutex(0)

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
  /// Static, because the local broker keeps a dead dynamic member's partitions for minutes.
  @discardableResult
  func start(_ name: String) throws -> Child {
    var url = try #require(stack.environment["SV0_POSTGRES"].flatMap(URLComponents.init))
    url.port = Int(database.port)
    let settings = [
      "SV0_INSTANCE": name, "SV0_SCHEDULER_LEASE": "8s", "SV0_KAFKA": "127.0.0.1:\(broker.port)",
      "SV0_POSTGRES": url.string ?? "", "SV0_KAFKA_RECONNECT_BACKOFF_MAX_MS": "500",
    ]
    // A log of its own for each process: it says where the process listens.
    let number = started.withLock {
      $0 += 1
      return $0
    }
    let child = try stack.start("\(name)-\(number)", Self.commands[name] ?? [], settings)
    running.withLock { $0[name] = child }
    return child
  }

  subscript(_ name: String) -> Child {
    get throws { try #require(running.withLock { $0[name] }, "\(name) was not started") }
  }

  /// Kills the process and starts the next.
  func killAndRestart(_ name: String) async throws {
    let child = try self[name]
    child.signal(SIGKILL)
    #expect(try await child.ended() == 128 + SIGKILL)
    try start(name)
  }

  func stop() async throws {
    for child in running.withLock({ $0.values.map(\.self) }) { try await child.drain() }
    await http.close()
    try await broker.stop()
    try await database.stop()
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

  /// Waits until every worker has what it needs.
  func areReady() async throws {
    for name in Self.names {
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
  /// looked at.
  static func lines(of log: String) throws -> [JSON] {
    let whole = log.prefix(upTo: log.lastIndex(of: "\n") ?? log.startIndex)
    return try Outcome(status: 0, output: String(whole), errors: "").json
  }
}

extension Trait where Self == StackScope {
  /// A stack whose workers are six processes behind cables.
  static func separateWorkers(_ name: String) -> Self {
    StackScope(name: name) { stack, body in
      let workers = try await Workers(stack)
      try await finally({ try await workers.stop() }) {
        for name in Workers.names { try workers.start(name) }
        try await workers.areReady()
        try await Workers.$shared.withValue(workers) { try await body() }
      }
    }
  }
}
