import PostgresClient
import Testing

@Suite struct TransactionTests {
  struct Refused: Error {}

  @Test func bodiesErrorPassesThroughAndNothingIsStored() async throws {
    let pool = try TestDatabase.pool()
    try await TestDatabase.withTable("n int8", pool) { table in
      await #expect(throws: Refused.self) {
        try await pool.withTransaction { transaction in
          #expect(try await transaction.execute("INSERT INTO \(table) VALUES (1), (2)") == 2)
          throw Refused()
        }
      }
      let count = try await pool.withTransaction { transaction in
        try await transaction.query("SELECT count(*) FROM \(table)")[0].int64(0)
      }
      #expect(count == 0)
    }
  }

  @Test func swallowedFailureIsNotACommit() async throws {
    let pool = try TestDatabase.pool()
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { transaction in
        _ = try? await transaction.query("SELECT 1 / 0")
      }
    }
    #expect(error.sqlState?.rawValue == "22012")
  }

  @Test func settingsAndRoleEndWithTheTransaction() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let role = "client \"test\" \(UInt64.random(in: 0...UInt64.max))"
    let identifier =
      "\""
      + role.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
    let read = "SELECT current_setting('sv0.tenant', true) AS tenant, current_user::text AS role"
    try await pool.withTransaction { try await $0.executeScript("CREATE ROLE \(identifier)") }
    let inside = try await pool.withTransaction(
      TransactionOptions(settings: ["sv0.tenant": "acme'; --"], role: role)
    ) { try await $0.query(read)[0] }
    #expect(try inside.string("tenant") == "acme'; --")
    #expect(try inside.string("role") == role)
    let outside = try await pool.withTransaction { try await $0.query(read)[0] }
    #expect(try outside.stringOrNil("tenant")?.isEmpty != false)
    #expect(try outside.string("role") != role)
    try await pool.withTransaction { try await $0.executeScript("DROP ROLE \(identifier)") }
  }

  @Test func isolationAndAccessAreAsAsked() async throws {
    let pool = try TestDatabase.pool()
    try await pool.withTransaction(
      TransactionOptions(isolation: .repeatableRead, readOnly: true)
    ) { transaction in
      let level = try await transaction.query("SHOW transaction_isolation")[0].string(0)
      #expect(level == "repeatable read")
      let access = try await transaction.query("SHOW transaction_read_only")[0].string(0)
      #expect(access == "on")
    }
  }

  @Test func serializationFailureIsRepeatedToSuccess() async throws {
    let pool = try TestDatabase.pool()
    try await TestDatabase.withTable("n int8", pool) { table in
      try await pool.withTransaction { _ = try await $0.execute("INSERT INTO \(table) VALUES (0)") }
      let barrier = Barrier(2)
      let runs = Counter()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<2 {
          group.addTask {
            let tries = Counter()
            try await pool.withTransaction(
              TransactionOptions(isolation: .repeatableRead)
            ) { transaction in
              runs.increment()
              let n = try await transaction.query("SELECT n FROM \(table)")[0].int64("n")
              if tries.increment() == 1 { await barrier.arrive() }
              try await transaction.execute("UPDATE \(table) SET n = $1", [.int8(n + 1)])
            }
          }
        }
        try await group.waitForAll()
      }
      let n = try await pool.withTransaction {
        try await $0.query("SELECT n FROM \(table)")[0].int64(0)
      }
      #expect(n == 2)
      #expect(runs.count == 3)
    }
  }

  @Test func deadlockIsRepeatedToSuccess() async throws {
    let pool = try TestDatabase.pool()
    try await TestDatabase.withTable("id int8, n int8", pool) { table in
      try await pool.withTransaction {
        _ = try await $0.execute("INSERT INTO \(table) VALUES (1, 0), (2, 0)")
      }
      let barrier = Barrier(2)
      let update = "UPDATE \(table) SET n = n + 1 WHERE id = $1"
      try await withThrowingTaskGroup(of: Void.self) { group in
        for order in [[1, 2], [2, 1]] as [[Int64]] {
          group.addTask {
            let tries = Counter()
            try await pool.withTransaction { transaction in
              try await transaction.execute(update, [.int8(order[0])])
              if tries.increment() == 1 { await barrier.arrive() }
              try await transaction.execute(update, [.int8(order[1])])
            }
          }
        }
        try await group.waitForAll()
      }
      let rows = try await pool.withTransaction { try await $0.query("SELECT n FROM \(table)") }
      #expect(try rows.map { row in try row.int64("n") } == [2, 2])
    }
  }

  @Test func conflictsAreThrownWhenRetriesEnd() async throws {
    let pool = try TestDatabase.pool()
    let runs = Counter()
    let error = try await TestDatabase.failure {
      try await pool.withTransaction(retries: 2) { transaction in
        runs.increment()
        try await transaction.executeScript(
          "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$")
      }
    }
    #expect(error.sqlState == .serializationFailure)
    #expect(error.isRetriable)
    #expect(runs.count == 3)
  }

  @Test func pipelineAnswersInOrder() async throws {
    let pool = try TestDatabase.pool()
    try await TestDatabase.withTable("n int8", pool) { table in
      let results = try await pool.withTransaction { transaction in
        try await transaction.pipeline(
          (0..<500).map { PostgresStatement("INSERT INTO \(table) VALUES ($1)", [.int8($0)]) }
            + [PostgresStatement("SELECT n FROM \(table) ORDER BY n DESC LIMIT 2")])
      }
      #expect(results.count == 501)
      #expect(results.dropLast().allSatisfy { $0.affectedRows == 1 })
      #expect(try results.last?.rows.map { row in try row.int64("n") } == [499, 498])
    }
  }

  @Test func pipelineNamesTheFailedStatement() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { transaction in
        _ = try await transaction.pipeline([
          PostgresStatement("SELECT 1"), PostgresStatement("SELECT $1", [.int8(2)]),
          PostgresStatement("SELECT 1 / 0"), PostgresStatement("SELECT 4"),
        ])
      }
    }
    #expect(error.statementIndex == 2)
    #expect(error.sqlState?.rawValue == "22012")
    try await pool.ping()
  }

  @Test func pipelineLargerThanTheSocketsDoesNotStall() async throws {
    let pool = try TestDatabase.pool()
    let bytes = [UInt8](repeating: 7, count: 200_000)
    let sizes = try await pool.withTransaction { transaction in
      try await transaction.pipeline(
        (0..<100).map { _ in PostgresStatement("SELECT $1", [.bytea(bytes)]) })
    }.map { result in try result.rows[0].bytes(0).count }
    #expect(sizes == [Int](repeating: 200_000, count: 100))
  }

  @Test func scriptRunsStatementsInTheTransaction() async throws {
    let pool = try TestDatabase.pool()
    await #expect(throws: Refused.self) {
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          "CREATE TABLE client_test_script (n int); INSERT INTO client_test_script VALUES (1), (2)")
        let count = try await transaction.query("SELECT count(*) FROM client_test_script")[0].int64(
          0)
        #expect(count == 2)
        throw Refused()
      }
    }
    let rows = try await pool.withTransaction {
      try await $0.query("SELECT to_regclass('client_test_script') IS NULL AS gone")
    }
    #expect(try rows[0].bool("gone"))
  }

  @Test func overlappingAndLateCallsAreRefused() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let escaped = try await pool.withTransaction { transaction in
      try await transaction.copyOut("SELECT 1") { _ in
        let overlapping = try await TestDatabase.failure {
          _ = try await transaction.query("SELECT 1")
        }
        #expect(overlapping.kind == .misuse)
      }
      return transaction
    }
    let late = try await TestDatabase.failure { _ = try await escaped.query("SELECT 1") }
    #expect(late.kind == .misuse)
    try await pool.ping()
  }
}
