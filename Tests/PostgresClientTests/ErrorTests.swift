import PostgresClient
import Testing

@Suite struct ErrorTests {
  @Test func uniqueViolationNamesTheConstraintAndHidesTheValue() async throws {
    let pool = try TestDatabase.pool()
    try await TestDatabase.withTable("key text PRIMARY KEY", pool) { table in
      let error = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          for _ in 0..<2 {
            try await transaction.execute(
              "INSERT INTO \(table) VALUES ($1)", [.text("AKIAHUNTER2")])
          }
        }
      }
      #expect(error.sqlState == .uniqueViolation)
      #expect(error.constraint == "\(table)_pkey")
      #expect(error.table == table)
      #expect(!error.isRetriable)
      #expect(!"\(error) \(String(reflecting: error))".contains("HUNTER2"))
    }
  }

  @Test(arguments: [
    "SELECT $1::text::int8", "SELECT ($1::text || '\" : HUNTER2')::int8",
    "SELECT $1::text::timestamptz", "SELECT $1::text::uuid", "SELECT $1::text::json",
    "SELECT ('{' || $1::text)::text[]", "SELECT $1::text::bool",
  ])
  func dataExceptionsHideTheValue(sql: String) async throws {
    let pool = try TestDatabase.pool()
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { _ = try await $0.query(sql, [.text("AKIA \"HUNTER2\"")]) }
    }
    #expect(error.sqlState?.errorClass == "22")
    #expect(!"\(error)".contains("HUNTER2"))
    #expect(!"\(error)".contains("AKIA"))
    #expect(!error.isRetriable)
  }

  @Test func mistakesInSQLSayWhere() async throws {
    let pool = try TestDatabase.pool()
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { _ = try await $0.query("SELECT name FROM no_such_table") }
    }
    #expect(error.sqlState == .undefinedTable)
    #expect(error.position == 18)
    #expect("\(error)".contains("run the migrations"))
  }

  @Test func unreachableServerIsRetriableAndNamed() async throws {
    var configuration = try PostgresConfiguration(
      "postgresql://sv0:hunter2@127.0.0.1:1/sv0?sslmode=disable")
    configuration.connectTimeout = .seconds(5)
    let pool = PostgresPool(configuration)
    for _ in 0..<3 {
      let error = try await TestDatabase.failure { try await pool.ping() }
      #expect(error.kind == .connect)
      #expect(error.sqlState == .unableToConnect)
      #expect(error.isRetriable)
      #expect("\(error)".contains("127.0.0.1:1"))
      #expect("\(error)".contains("Connection refused"))
      #expect(!"\(error)".contains("hunter2"))
    }
  }

  @Test func unknownHostAndDatabaseAreToldApart() async throws {
    let unknownHost = PostgresPool(try PostgresConfiguration("postgresql://u:pw@no.such.invalid/x"))
    let first = try await TestDatabase.failure { try await unknownHost.ping() }
    #expect(first.isRetriable)
    #expect("\(first)".contains("no.such.invalid:5432"))
    let url = try TestDatabase.url()
    let server = url[..<(url.lastIndex(of: "/") ?? url.endIndex)]
    let unknownDatabase = PostgresPool(try PostgresConfiguration("\(server)/no_such_database"))
    let second = try await TestDatabase.failure { try await unknownDatabase.ping() }
    #expect(second.sqlState == .unknownDatabase)
    #expect(!second.isRetriable)
    #expect("\(second)".contains("database \"no_such_database\" does not exist"))
    #expect(!"\(second)".contains("LOCATION"))
  }

  @Test(arguments: [
    "postgresql://u:hun%zzter2@h/d", "postgresql://u:pw@hunter2@h/d",
    "postgresql://u:hunter2/x@h/d",
    "postgresql://u:12/hunter2@h/d", "host=h password=hunter2 hunter2",
  ])
  func unreadableConnectionStringsAreRefusedUnseen(text: String) {
    let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(text) }
    #expect(error?.kind == .configuration)
    #expect(error.map { !"\($0)".contains("hunter2") } == true)
  }

  @Test func configurationPrintsNoPassword() throws {
    let configuration = try PostgresConfiguration("postgresql://sv0:hunter2@db:6432/graph")
    #expect("\(configuration)" == "db:6432/graph")
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!"\(dumped) \(String(reflecting: configuration))".contains("hunter2"))
  }

  @Test func statementTimeoutEndsTheStatement() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let options = TransactionOptions(statementTimeout: .milliseconds(50))
    let error = try await TestDatabase.failure {
      try await pool.withTransaction(options) { _ = try await $0.query("SELECT pg_sleep(60)") }
    }
    #expect(error.sqlState == .queryCanceled)
    #expect(error.isRetriable)
    try await pool.withTransaction { transaction in
      let timeout = try await transaction.query("SHOW statement_timeout")[0].string(0)
      #expect(timeout == "1min")
    }
  }
}
