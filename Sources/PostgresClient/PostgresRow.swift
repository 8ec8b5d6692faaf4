internal import CPostgres
public import Model

/// One row of a result, read column by column.
///
/// A column is named (`row.string("name")`) or numbered from 0 (`row.string(0)`, faster). Getters
/// accept the related types: `int64` reads int2, int4, int8 and oid; `string` reads text, varchar,
/// char, name, json, jsonb and enums; `bytes` reads bytea and every text. Cast the rest in SQL
/// (`sum(n)::int8`, `id::text`). The rows of a result share its memory: keep values, not rows.
public struct PostgresRow: Sendable {
  let rows: RowStorage
  let index: Int

  public var columnNames: [String] { rows.columns.names }

  public func string(_ column: some PostgresColumnReference) throws(PostgresError) -> String {
    try unwrap(column, "text", stringOrNil(column))
  }

  public func stringOrNil(
    _ column: some PostgresColumnReference
  ) throws(PostgresError) -> String? {
    try read(column, "text") { type, bytes in
      guard TypeOID.isText(type) else { return nil }
      return String(validating: bytes.textual(type), as: UTF8.self)
    }
  }

  public func int64(_ column: some PostgresColumnReference) throws(PostgresError) -> Int64 {
    try unwrap(column, "an integer", int64OrNil(column))
  }

  public func int64OrNil(_ column: some PostgresColumnReference) throws(PostgresError) -> Int64? {
    try read(column, "an integer") { type, bytes in
      switch type {
      case TypeOID.int8: bytes.integer(Int64.self)
      case TypeOID.int4: bytes.integer(Int32.self).map { Int64($0) }
      case TypeOID.int2: bytes.integer(Int16.self).map { Int64($0) }
      case TypeOID.oid: bytes.integer(UInt32.self).map { Int64($0) }
      default: nil
      }
    }
  }

  public func bool(_ column: some PostgresColumnReference) throws(PostgresError) -> Bool {
    try unwrap(column, "bool", boolOrNil(column))
  }

  public func boolOrNil(_ column: some PostgresColumnReference) throws(PostgresError) -> Bool? {
    try read(column, "bool") { type, bytes in
      type == TypeOID.bool ? bytes.first.map { $0 != 0 } : nil
    }
  }

  public func bytes(_ column: some PostgresColumnReference) throws(PostgresError) -> [UInt8] {
    try unwrap(column, "bytea", bytesOrNil(column))
  }

  public func bytesOrNil(
    _ column: some PostgresColumnReference
  ) throws(PostgresError) -> [UInt8]? {
    try read(column, "bytea") { type, bytes in
      guard type == TypeOID.bytea || TypeOID.isText(type) else { return nil }
      return Array(bytes.textual(type))
    }
  }

  /// Lends what `bytes` copies.
  public func withBytes<Value>(
    _ column: some PostgresColumnReference, _ body: (Span<UInt8>) -> Value
  ) throws(PostgresError) -> Value {
    try unwrap(
      column, "bytea",
      read(column, "bytea") { type, bytes in
        guard type == TypeOID.bytea || TypeOID.isText(type) else { return nil }
        return body(bytes.textual(type).bindMemory(to: UInt8.self).span)
      })
  }

  /// A `timestamptz`, cut to milliseconds towards the past; infinity is an error.
  public func timestamp(
    _ column: some PostgresColumnReference
  ) throws(PostgresError) -> Timestamp {
    try unwrap(column, "a finite timestamptz", timestampOrNil(column))
  }

  public func timestampOrNil(
    _ column: some PostgresColumnReference
  ) throws(PostgresError) -> Timestamp? {
    try read(column, "a finite timestamptz") { type, bytes in
      guard type == TypeOID.timestamptz else { return nil }
      return bytes.integer(Int64.self).flatMap(TimestampWire.timestamp)
    }
  }

  /// A `text[]` without null elements.
  public func strings(_ column: some PostgresColumnReference) throws(PostgresError) -> [String] {
    let expected = "text[] without nulls"
    return try unwrap(
      column, expected,
      read(column, expected) { type, bytes in
        switch type {
        case TypeOID.textArray, TypeOID.varcharArray, TypeOID.nameArray:
          bytes.arrayElements { String(validating: $0, as: UTF8.self) }
        default: nil
        }
      })
  }

  /// An `int8[]` without null elements.
  public func int64s(_ column: some PostgresColumnReference) throws(PostgresError) -> [Int64] {
    let expected = "int8[] without nulls"
    return try unwrap(
      column, expected,
      read(column, expected) { type, bytes in
        type == TypeOID.int8Array ? bytes.arrayElements { $0.integer(Int64.self) } : nil
      })
  }

  /// A `bytea[]` without null elements.
  public func byteArrays(
    _ column: some PostgresColumnReference
  ) throws(PostgresError) -> [[UInt8]] {
    let expected = "bytea[] without nulls"
    return try unwrap(
      column, expected,
      read(column, expected) { type, bytes in
        type == TypeOID.byteaArray ? bytes.arrayElements { Array($0) } : nil
      })
  }

  public func isNull(_ column: some PostgresColumnReference) throws(PostgresError) -> Bool {
    try rows.field(index, position(of: column)).length < 0
  }

  private func read<Value>(
    _ column: some PostgresColumnReference, _ expected: String,
    _ convert: (UInt32, UnsafeRawBufferPointer) -> Value?
  ) throws(PostgresError) -> Value? {
    let position = try position(of: column)
    let field = rows.field(index, position)
    guard field.length >= 0 else { return nil }
    let value = rows.bytes.withUnsafeBytes { bytes in
      bytes.slice(field.offset, Int(field.length)).flatMap {
        convert(rows.columns.types[position], $0)
      }
    }
    if let value { return value }
    throw mismatch(column, expected, "is of another type or form")
  }

  private func unwrap<Value>(
    _ column: some PostgresColumnReference, _ expected: String, _ value: Value?
  ) throws(PostgresError) -> Value {
    if let value { return value }
    throw mismatch(column, expected, "is null")
  }

  private func position(of column: some PostgresColumnReference) throws(PostgresError) -> Int {
    let names = rows.columns
    if let position = column.position(in: names.positions), names.names.indices.contains(position) {
      return position
    }
    throw PostgresError(
      .decoding, nil,
      "column \(column) is not in the result; it has \(names.names.joined(separator: ", "))")
  }

  private func mismatch(
    _ column: some PostgresColumnReference, _ expected: String, _ problem: String
  ) -> PostgresError {
    var error = PostgresError(.decoding, nil, "column \(column) \(problem), expected \(expected)")
    error.column = "\(column)"
    return error
  }
}

/// A column of a result: its name (`String`) or its number from 0 (`Int`).
public protocol PostgresColumnReference: Sendable {
  /// Its number, given the numbers by name; `nil` when there is none of that name.
  func position(in positions: [String: Int]) -> Int?
}

extension String: PostgresColumnReference {
  public func position(in positions: [String: Int]) -> Int? { positions[self] }
}

extension Int: PostgresColumnReference {
  public func position(in positions: [String: Int]) -> Int? { self }
}

/// Names and types of a result's columns; of equal names the first is found by name.
final class ColumnDescriptions: Sendable {
  let names: [String]
  let types: [UInt32]
  let positions: [String: Int]

  init(result: OpaquePointer) {
    let numbers = 0..<PQnfields(result)
    names = numbers.map { number in PQfname(result, number).map { String(cString: $0) } ?? "" }
    types = numbers.map { PQftype(result, $0) }
    positions = Dictionary(zip(names, names.indices)) { first, _ in first }
  }
}

/// The rows of one result or batch: all bytes in one array, and where each field lies.
final class RowStorage: Sendable {
  struct Field {
    var offset: Int
    /// -1 for NULL.
    var length: Int32
  }

  let columns: ColumnDescriptions
  let bytes: [UInt8]
  private let fields: [Field]

  init(columns: ColumnDescriptions, bytes: [UInt8], fields: [Field]) {
    self.columns = columns
    self.bytes = bytes
    self.fields = fields
  }

  /// Copies a result, so that it can be freed and rows need no pointer.
  static func rows(of result: OpaquePointer) -> [PostgresRow] {
    let columns = ColumnDescriptions(result: result)
    let (rowCount, columnCount) = (PQntuples(result), PQnfields(result))
    var bytes: [UInt8] = []
    var fields: [Field] = []
    fields.reserveCapacity(Int(rowCount) * Int(columnCount))
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        if PQgetisnull(result, row, column) == 1 {
          fields.append(Field(offset: 0, length: -1))
          continue
        }
        let length = PQgetlength(result, row, column)
        fields.append(Field(offset: bytes.count, length: length))
        bytes.append(
          contentsOf: UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, column), count: Int(length)))
      }
    }
    return Self(columns: columns, bytes: bytes, fields: fields).rows(Int(rowCount))
  }

  func rows(_ count: Int) -> [PostgresRow] {
    (0..<count).map { PostgresRow(rows: self, index: $0) }
  }

  func field(_ row: Int, _ column: Int) -> Field {
    fields[row * columns.names.count + column]
  }
}

extension UnsafeRawBufferPointer {
  /// The text of a field: jsonb's begins with a version byte.
  fileprivate func textual(_ type: UInt32) -> UnsafeRawBufferPointer {
    type == TypeOID.jsonb ? UnsafeRawBufferPointer(rebasing: dropFirst()) : self
  }
}
