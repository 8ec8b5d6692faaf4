import Glibc
import PostgresClient
import Synchronization
import Testing

/// The PostgreSQL server that the tests run against.
enum TestDatabase {
  static func url() throws -> String {
    let value = getenv("SV0_POSTGRES_OWNER").map { String(cString: $0) }
    return try #require(
      value, "SV0_POSTGRES_OWNER is not set: `make services` starts PostgreSQL and prints it")
  }

  static func configuration(
    connections: Int = 4, application: String = "sv0-test"
  ) throws -> PostgresConfiguration {
    var configuration = try PostgresConfiguration(url())
    configuration.maximumConnections = connections
    configuration.applicationName = application
    return configuration
  }

  static func pool(connections: Int = 4, application: String = "sv0-test") throws -> PostgresPool {
    try PostgresPool(configuration(connections: connections, application: application))
  }

  /// Creates a table of a fresh name, runs the body and drops the table.
  static func withTable(
    _ columns: String, _ pool: PostgresPool, _ body: (String) async throws -> Void
  ) async throws {
    let table = "client_test_\(UInt64.random(in: 0...UInt64.max))"
    try await pool.withTransaction {
      try await $0.executeScript("CREATE TABLE \(table) (\(columns))")
    }
    let outcome: Result<Void, any Error>
    do {
      try await body(table)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    try await pool.withTransaction { try await $0.executeScript("DROP TABLE \(table)") }
    try outcome.get()
  }

  /// Waits until a condition on the server holds; fails after 20 seconds.
  static func wait(
    _ pool: PostgresPool, until sql: String, _ values: [PostgresValue] = []
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      let holds = try await pool.withTransaction { transaction in
        try await transaction.query(sql, values).first?.bool(0) ?? false
      }
      if holds { return }
      await Task.yield()
    }
    Issue.record("still not true after 20 s: \(sql)")
  }

  /// The `PostgresError` that the body must throw.
  static func failure(_ body: () async throws -> Void) async throws -> PostgresError {
    do {
      try await body()
    } catch let error as PostgresError {
      return error
    }
    throw ExpectedFailure()
  }
}

struct ExpectedFailure: Error {}

/// Lets several tasks meet: everybody waits until `count` have arrived.
actor Barrier {
  private let count: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) {
    self.count = count
  }

  func arrive() async {
    await withCheckedContinuation { continuation in
      waiting.append(continuation)
      guard waiting.count >= count else { return }
      for continuation in waiting { continuation.resume() }
      waiting = []
    }
  }
}

/// Counts across tasks.
final class Counter: Sendable {
  private let value = Atomic(0)

  var count: Int { value.load(ordering: .relaxed) }

  @discardableResult
  func increment() -> Int {
    value.wrappingAdd(1, ordering: .relaxed).newValue
  }
}
