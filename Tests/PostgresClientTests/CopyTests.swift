import Model
import PostgresClient
import Testing

@Suite struct CopyTests {
  private static let count: Int64 = 200_000

  @Test func rowsComeOutAsTheyWentIn() async throws {
    let pool = try TestDatabase.pool()
    let columns = "id int8, name text, at timestamptz, flag bool, small int4, data bytea, "
    try await TestDatabase.withTable(columns + "document jsonb, tags text[]", pool) { table in
      let stored = try await pool.withTransaction { transaction in
        try await transaction.copyIn(
          table, columns: ["id", "name", "at", "flag", "small", "data", "document", "tags"]
        ) { writer in
          for id in 0..<Self.count {
            try await writer.beginRow()
            writer.int8(id)
            writer.text(id % 5 == 0 ? nil : "ž\(id)")
            writer.timestamp(Timestamp(milliseconds: id * 1_000_003 - 1_000_000_000_000))
            writer.bool(id % 2 == 0)
            writer.int4(Int32(-id))
            writer.bytea(id % 7 == 0 ? [] : [UInt8(truncatingIfNeeded: id), 0])
            writer.jsonb(Array(#"{"id": \#(id)}"#.utf8))
            writer.value(.texts(["\(id)", nil]))
          }
        }
      }
      #expect(stored == Int(Self.count))
      var expected: Int64 = 0
      try await pool.withTransaction { transaction in
        try await transaction.copyOut(
          """
          SELECT id, name, at, flag, small, data, document, tags[1:1] AS tags
          FROM \(table) ORDER BY id
          """
        ) { rows in
          for row in rows {
            let id = expected
            let isEqual =
              try row.int64("id") == id
              && row.stringOrNil("name") == (id % 5 == 0 ? nil : "ž\(id)")
              && row.timestamp("at").milliseconds == id * 1_000_003 - 1_000_000_000_000
              && row.bool("flag") == (id % 2 == 0) && row.int64("small") == -id
              && row.bytes("data") == (id % 7 == 0 ? [] : [UInt8(truncatingIfNeeded: id), 0])
              && row.string("document") == #"{"id": \#(id)}"# && row.strings("tags") == ["\(id)"]
            if !isEqual { Issue.record("row \(id) differs") }
            expected += 1
          }
        }
      }
      #expect(expected == Self.count)
    }
  }

  @Test func nothingIsCopiedOutOfAnEmptyResult() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await pool.withTransaction { transaction in
      try await transaction.copyOut("SELECT 1 AS n WHERE false") { _ in Issue.record("no rows") }
    }
  }

  @Test func bodyThatThrowsStoresNothing() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await TestDatabase.withTable("id int8", pool) { table in
      let pid = "SELECT pg_backend_pid() AS n"
      let before = try await pool.withTransaction { try await $0.query(pid)[0].int64(0) }
      await #expect(throws: ExpectedFailure.self) {
        try await pool.withTransaction { transaction in
          _ = try await transaction.copyIn(table, columns: ["id"]) { writer in
            for id in 0..<100_000 as Range<Int64> {
              try await writer.beginRow()
              writer.int8(id)
            }
            throw ExpectedFailure()
          }
        }
      }
      let count = try await pool.withTransaction { transaction in
        try await transaction.query("SELECT count(*) FROM \(table)")[0].int64(0)
      }
      #expect(count == 0)
      let after = try await pool.withTransaction { try await $0.query(pid)[0].int64(0) }
      #expect(after == before)
    }
  }

  @Test func cancellationEndsACopyThatNeverWould() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await TestDatabase.withTable("id int8", pool) { table in
      let begun = Barrier(2)
      let endless = Task {
        try await pool.withTransaction { transaction in
          _ = try await transaction.copyIn(table, columns: ["id"]) { writer in
            await begun.arrive()
            while true {
              try await writer.beginRow()
              writer.int8(1)
            }
          }
        }
      }
      await begun.arrive()
      endless.cancel()
      await #expect(throws: CancellationError.self) { try await endless.value }
      let count = try await pool.withTransaction { transaction in
        try await transaction.query("SELECT count(*) FROM \(table)")[0].int64(0)
      }
      #expect(count == 0)
    }
  }

  @Test func readerThatThrowsLeavesTheConnectionUsable() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    await #expect(throws: ExpectedFailure.self) {
      try await pool.withTransaction { transaction in
        try await transaction.copyOut("SELECT generate_series(1, 100000000) AS n") { _ in
          throw ExpectedFailure()
        }
      }
    }
    try await pool.ping()
  }

  @Test func badRowIsAnErrorWithoutItsValue() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await TestDatabase.withTable("name text CHECK (name <> 'AKIAHUNTER2')", pool) { table in
      let error = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          _ = try await transaction.copyIn(table, columns: ["name"]) { writer in
            for _ in 0..<100_000 {
              try await writer.beginRow()
              writer.text("AKIAHUNTER2")
            }
          }
        }
      }
      #expect(error.sqlState == .checkViolation)
      #expect(error.constraint == "\(table)_name_check")
      #expect(!"\(error) \(String(reflecting: error))".contains("HUNTER2"))
      let malformed = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          _ = try await transaction.copyIn(table, columns: ["name"]) { writer in
            try await writer.beginRow()
            writer.text("HUNTER2\u{0}")
          }
        }
      }
      #expect(malformed.sqlState?.errorClass == "22")
      #expect(!"\(malformed)".contains("HUNTER2"))
    }
  }

  @Test func rowOfTheWrongWidthIsRefused() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    try await TestDatabase.withTable("a int8, b int8", pool) { table in
      let error = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          _ = try await transaction.copyIn(table, columns: ["a", "b"]) { writer in
            try await writer.beginRow()
            writer.int8(1)
          }
        }
      }
      #expect(error.kind == .misuse)
      #expect("\(error)".contains("1 values instead of 2"))
    }
  }

  @Test func unknownTableIsAnErrorBeforeTheBodyRuns() async throws {
    let pool = try TestDatabase.pool(connections: 1)
    let error = try await TestDatabase.failure {
      try await pool.withTransaction { transaction in
        _ = try await transaction.copyIn("no_such_schema.no \"table\"", columns: ["a"]) { _ in
          Issue.record("the body ran")
        }
      }
    }
    #expect(error.sqlState?.rawValue == "3F000" || error.sqlState == .undefinedTable)
    try await pool.ping()
  }
}
