import Model
import PostgresClient
import Testing

@Suite struct ValueTests {
  @Test func everyTypeComesBackAsItWentIn() async throws {
    let pool = try TestDatabase.pool()
    let texts = ["", "plain", "žluťoučký 🐎 \"q\" '\\", String(repeating: "x", count: 100_000)]
    let integers: [Int64] = [.min, -1, 0, 1, .max]
    let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let times = [
      "1969-12-31T23:59:59.999Z", "1999-12-31T23:59:59.001Z", "2000-01-01T00:00:00Z",
      "2026-11-21T10:00:00.250Z", "0044-03-15T12:00:00Z",
    ].compactMap { Timestamp($0) }
    try await pool.withTransaction { transaction in
      for text in texts {
        let row = try await transaction.query("SELECT $1 AS v", [.text(text)])[0]
        #expect(try row.string("v") == text)
      }
      for integer in integers {
        let row = try await transaction.query("SELECT $1 AS v, $1::text", [.int8(integer)])[0]
        #expect(try row.int64("v") == integer)
        #expect(try row.string(1) == "\(integer)")
      }
      for bytes in [[], [0, 255, 0], large] {
        let row = try await transaction.query("SELECT $1, octet_length($1)", [.bytea(bytes)])[0]
        #expect(try row.bytes(0) == bytes)
        #expect(try row.int64(1) == Int64(bytes.count))
      }
      for time in times {
        let row = try await transaction.query(
          "SELECT $1, $1 = $2::text::timestamptz", [.timestamp(time), .text("\(time)")])[0]
        #expect(try row.timestamp(0) == time)
        #expect(try row.bool(1))
      }
      let row = try await transaction.query(
        "SELECT $1 AS yes, $2 AS no, $3 AS four, 7::int2 AS two, $4::jsonb AS document, $4 AS json",
        [.bool(true), .bool(false), .int4(.min), .json(#"{"a": "ž"}"#)])[0]
      #expect(try row.bool("yes") && !row.bool("no"))
      #expect(try row.int64("four") == Int64(Int32.min))
      #expect(try row.int64("two") == 7)
      #expect(try row.string("document") == #"{"a": "ž"}"#)
      #expect(try row.bytes("json") == Array(#"{"a": "ž"}"#.utf8))
    }
  }

  @Test func arraysComeBackAsTheyWentIn() async throws {
    let pool = try TestDatabase.pool()
    try await pool.withTransaction { transaction in
      let row = try await transaction.query(
        "SELECT $1, $2, $3, $4, array_length($5, 1) AS n, $5[2] IS NULL AS hole",
        [
          .texts(["", "a,b", "{\"}"]), .int8s([.min, 0, .max]), .byteas([[], [0, 1]]), .texts([]),
          .texts(["x", nil]),
        ])[0]
      #expect(try row.strings(0) == ["", "a,b", "{\"}"])
      #expect(try row.int64s(1) == [.min, 0, .max])
      #expect(try row.byteArrays(2) == [[], [0, 1]])
      #expect(try row.strings(3) == [])
      #expect(try row.int64("n") == 2)
      #expect(try row.bool("hole"))
    }
  }

  @Test func nullsOfEveryTypeAreNull() async throws {
    let pool = try TestDatabase.pool()
    let values: [PostgresValue] = [
      .text(nil), .int8(nil), .int4(nil), .bool(nil), .bytea(nil), .timestamp(nil), .texts(nil),
      .int8s(nil), .byteas(nil), .json(nil as String?),
    ]
    try await pool.withTransaction { transaction in
      let list = values.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
      let row = try await transaction.query("SELECT \(list), $11::text", values + [.null])[0]
      for index in row.columnNames.indices { #expect(try row.isNull(index)) }
      #expect(try row.stringOrNil(0) == nil)
      #expect(try row.int64OrNil(1) == nil)
      #expect(try row.boolOrNil(3) == nil)
      #expect(try row.bytesOrNil(4) == nil)
      #expect(try row.timestampOrNil(5) == nil)
    }
  }

  @Test func wrongReadsNameTheColumnAndNotTheValue() async throws {
    let pool = try TestDatabase.pool()
    let row = try await pool.withTransaction { transaction in
      try await transaction.query(
        "SELECT 'hunter2' AS password, NULL::int8 AS size, 'infinity'::timestamptz AS until")[0]
    }
    let wrongType = #expect(throws: PostgresError.self) { try row.int64("password") }
    #expect(wrongType?.description.contains("column password") == true)
    #expect(wrongType?.description.contains("an integer") == true)
    #expect(wrongType?.description.contains("hunter2") == false)
    let null = #expect(throws: PostgresError.self) { try row.int64("size") }
    #expect(null?.description.contains("column size is null") == true)
    #expect(throws: PostgresError.self) { try row.timestamp("until") }
    let missing = #expect(throws: PostgresError.self) { try row.string("name") }
    #expect(missing?.description.contains("it has password, size, until") == true)
    #expect(throws: PostgresError.self) { try row.string(3) }
  }

  @Test func timesThatTheServerCannotHoldAreRefused() async throws {
    let pool = try TestDatabase.pool()
    for milliseconds in [Int64.min, .max] {
      let error = try await TestDatabase.failure {
        try await pool.withTransaction { transaction in
          _ = try await transaction.query(
            "SELECT $1", [.timestamp(Timestamp(milliseconds: milliseconds))])
        }
      }
      #expect(error.sqlState?.rawValue == "22008")
    }
  }
}
