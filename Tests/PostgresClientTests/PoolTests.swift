import PostgresClient
import Testing

@Suite struct PoolTests {
  private static let processID = "SELECT pg_backend_pid() AS pid"

  @Test func connectionsAreReused() async throws {
    let pool = try TestDatabase.pool(connections: 3)
    var seen: Set<Int64> = []
    for _ in 0..<5 {
      seen.insert(
        try await pool.withTransaction { try await $0.query(Self.processID)[0].int64("pid") })
    }
    #expect(seen.count == 1)
  }

  @Test func noMoreThanTheLimitAreOpen() async throws {
    let application = "sv0-limit-\(UInt32.random(in: 0...UInt32.max))"
    let pool = try TestDatabase.pool(connections: 3, application: application)
    let counts = try await withThrowingTaskGroup(of: Int64.self) { group in
      for _ in 0..<30 {
        group.addTask {
          try await pool.withTransaction { transaction in
            try await transaction.query(
              "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
              [.text(application)])[0].int64(0)
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts.count == 30)
    #expect(counts.allSatisfy { (1...3).contains($0) })
  }

  @Test func tooManyWaitersAreRefusedAndCancelledOnesLeave() async throws {
    var configuration = try TestDatabase.configuration(connections: 1)
    configuration.maximumWaiters = 1
    let pool = PostgresPool(configuration)
    let (taken, finish) = (Barrier(2), Barrier(2))
    let holder = Task {
      try await pool.withTransaction { _ in
        await taken.arrive()
        await finish.arrive()
      }
    }
    await taken.arrive()
    // Two want the one place in the line: whoever comes second is refused, and the other waits.
    let errors = await withTaskGroup(of: (any Error)?.self) { group in
      for _ in 0..<2 {
        group.addTask {
          do {
            try await pool.ping()
            return nil
          } catch { return error }
        }
      }
      var errors: [(any Error)?] = []
      for await error in group {
        errors.append(error)
        group.cancelAll()
      }
      return errors
    }
    let refused = try #require(errors[0] as? PostgresError)
    #expect(refused.kind == .pool)
    #expect(refused.isRetriable)
    #expect(errors[1] is CancellationError)
    await finish.arrive()
    try await holder.value
    try await pool.ping()
  }

  @Test func terminatedBackendIsRetriableAndThePoolRecovers() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let other = try TestDatabase.pool(connections: 1)
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { transaction in
        let pid = try await transaction.query(Self.processID)[0].int64("pid")
        try await terminate(pid, other)
        _ = try await transaction.query("SELECT 1")
      }
    }
    #expect(error.kind == .connectionLost)
    #expect(error.isRetriable)
    try await pool.ping()
  }

  @Test func connectionThatDiedIdleIsReplacedUnnoticed() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let other = try TestDatabase.pool(connections: 1)
    let pid = try await pool.withTransaction { try await $0.query(Self.processID)[0].int64("pid") }
    try await terminate(pid, other)
    let next = try await pool.withTransaction { try await $0.query(Self.processID)[0].int64("pid") }
    #expect(next != pid)
  }

  @Test func connectionLostInCommitIsItsOwnError() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await TestDatabase.withTable("n int8", pool) { table in
      // A deferred trigger runs inside COMMIT and ends its own backend there.
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          """
          CREATE FUNCTION \(table)_end() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
          CREATE CONSTRAINT TRIGGER t AFTER INSERT ON \(table) DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION \(table)_end();
          """)
      }
      let runs = Counter()
      let error = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          runs.increment()
          try await transaction.execute("INSERT INTO \(table) VALUES (1)")
        }
      }
      #expect(error.kind == .commitOutcomeUnknown)
      #expect(!error.isRetriable)
      #expect(runs.count == 1)
      try await pool.withTransaction {
        try await $0.executeScript("DROP FUNCTION \(table)_end() CASCADE")
      }
    }
  }

  @Test func cancellationStopsTheStatementAndFreesTheConnection() async throws {
    let application = "sv0-cancel-\(UInt32.random(in: 0...UInt32.max))"
    let pool = try TestDatabase.pool(connections: 1, application: application)
    let other = try TestDatabase.pool(connections: 1)
    let sleeper = Task {
      try await pool.withTransaction { _ = try await $0.query("SELECT pg_sleep(600)") }
    }
    let running = """
      SELECT count(*) > 0 FROM pg_stat_activity
      WHERE application_name = $1 AND state = 'active' AND query LIKE '%pg_sleep%'
      """
    try await TestDatabase.wait(other, until: running, [.text(application)])
    sleeper.cancel()
    await #expect(throws: CancellationError.self) { try await sleeper.value }
    try await pool.ping()
    try await TestDatabase.wait(other, until: "SELECT NOT (\(running))", [.text(application)])
  }

  /// An actor's own state can be used inside of a body.
  private actor Worker {
    private var seen: [Int64] = []

    func read(_ pool: PostgresPool) async throws -> [Int64] {
      try await pool.withTransaction { transaction in
        try await transaction.copyOut("SELECT generate_series(1, 3)::int8 AS n") { rows in
          for row in rows { seen.append(try row.int64("n")) }
        }
      }
      return seen
    }
  }

  @Test func bodyRunsWhereItsCallerDoes() async throws {
    #expect(try await Worker().read(TestDatabase.pool()) == [1, 2, 3])
  }

  @Test func closedPoolRefuses() async throws {
    let pool = try TestDatabase.pool()
    try await pool.ping()
    pool.close()
    let error = try await TestDatabase.failure { try await pool.ping() }
    #expect(error.kind == .pool)
    #expect(!error.isRetriable)
  }

  /// Ends a backend and waits until it is gone.
  private func terminate(_ pid: Int64, _ pool: PostgresPool) async throws {
    try await pool.withTransaction {
      _ = try await $0.query("SELECT pg_terminate_backend($1)", [.int4(Int32(pid))])
    }
    try await TestDatabase.wait(
      pool, until: "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1", [.int4(Int32(pid))])
  }
}
