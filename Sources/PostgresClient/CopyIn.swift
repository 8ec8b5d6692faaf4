internal import CPostgres
public import Model

extension PostgresTransaction {
  /// Stores many rows with binary COPY, the fastest way in; returns how many were stored.
  ///
  /// Rows are encoded into one buffer of 128 KiB that is sent when full; `beginRow` suspends while
  /// the server is slower than the body. If the body throws, nothing is stored, the transaction is
  /// over and the error passes through. COPY is refused for tables with row-level security.
  ///
  /// The server applies no timeout while it waits for rows: what a transaction has locked before, a
  /// process that is stopped in here keeps locked until it goes on or its connection ends.
  /// - Parameters:
  ///   - table: A name, or schema and name with a dot; each part is quoted.
  ///   - body: Writes rows, each begun with `beginRow` and filled in the order of `columns`.
  public nonisolated(nonsending) func copyIn(
    _ table: String, columns: [String],
    _ body: nonisolated(nonsending) (inout PostgresCopyWriter) async throws -> Void
  ) async throws -> Int {
    let target = table.split(separator: ".").map { quoted(String($0)) }.joined(separator: ".")
    let names = columns.map(quoted).joined(separator: ", ")
    return try await perform { connection in
      try await connection.beginCopy(
        "COPY \(target) (\(names)) FROM STDIN (FORMAT binary)", expecting: PGRES_COPY_IN)
      var writer = PostgresCopyWriter(connection, columns: columns.count)
      do {
        try await body(&writer)
        try await writer.finish()
      } catch {
        await connection.abortCopyIn()
        throw error
      }
      return try await connection.finish().affectedRows
    }
  }
}

/// Quotes an identifier.
func quoted(_ name: String) -> String {
  var text = "\""
  for character in name.unicodeScalars {
    if character == "\"" { text += "\"" }
    text.unicodeScalars.append(character)
  }
  return text + "\""
}

/// Encodes rows for `copyIn`; the column types of the table decide which call fits.
///
/// A call of another type than the column fails on the server with class 22, or 42 at the start.
public struct PostgresCopyWriter: ~Copyable {
  private static let flushSize = 128 << 10

  private var buffer: ByteBuffer
  private let connection: Connection
  private let columns: Int
  private var missingColumns = 0

  init(_ connection: Connection, columns: Int) {
    self.connection = connection
    self.columns = columns
    buffer = ByteBuffer(capacity: Self.flushSize + (16 << 10))
    // Source: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format".
    let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00]
    signature.withUnsafeBytes { buffer.bytes($0) }
    buffer.integer(Int32(0))
    buffer.integer(Int32(0))
  }

  /// Begins a row; sends the full buffer first, suspending while the server is behind.
  ///
  /// - Throws: `PostgresError` with the server's reason if it stopped reading, `misuse` if the
  ///   row before lacks columns or has too many; `CancellationError`.
  public nonisolated(nonsending) mutating func beginRow() async throws {
    try checkRow()
    if buffer.count >= Self.flushSize { try await send() }
    buffer.integer(Int16(columns))
    missingColumns = columns
  }

  public mutating func null() {
    missingColumns -= 1
    buffer.integer(Int32(-1))
  }

  public mutating func text(_ value: String) {
    var value = value
    value.withUTF8 { field(UnsafeRawBufferPointer($0)) }
  }

  /// Text that is UTF-8 already, also for `json`.
  public mutating func text(utf8 value: [UInt8]) {
    value.withUnsafeBytes { field($0) }
  }

  public mutating func text(_ value: String?) {
    if let value { text(value) } else { null() }
  }

  public mutating func int8(_ value: Int64) {
    integer(value)
  }

  public mutating func int8(_ value: Int64?) {
    if let value { integer(value) } else { null() }
  }

  public mutating func int4(_ value: Int32) {
    integer(value)
  }

  public mutating func int2(_ value: Int16) {
    integer(value)
  }

  public mutating func bool(_ value: Bool) {
    integer(value ? 1 : 0 as UInt8)
  }

  public mutating func bytea(_ value: [UInt8]) {
    value.withUnsafeBytes { field($0) }
  }

  public mutating func timestamp(_ value: Timestamp) {
    integer(TimestampWire.microseconds(value))
  }

  public mutating func timestamp(_ value: Timestamp?) {
    if let value { timestamp(value) } else { null() }
  }

  /// A `jsonb` column's JSON text; for a `json` column use `text`.
  public mutating func jsonb(_ value: [UInt8]) {
    missingColumns -= 1
    buffer.integer(Int32(clamping: value.count + 1))
    buffer.integer(1 as UInt8)
    value.withUnsafeBytes { buffer.bytes($0) }
  }

  /// Any value as a parameter would hold it, arrays too.
  public mutating func value(_ value: PostgresValue) {
    guard let bytes = value.bytes else { return null() }
    bytea(bytes)
  }

  @inline(__always)
  private mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
    missingColumns -= 1
    buffer.integer(Int32(MemoryLayout<Value>.size))
    buffer.integer(value)
  }

  @inline(__always)
  private mutating func field(_ bytes: UnsafeRawBufferPointer) {
    missingColumns -= 1
    buffer.integer(Int32(clamping: bytes.count))
    buffer.bytes(bytes)
  }

  private func checkRow() throws(PostgresError) {
    guard missingColumns == 0 else {
      throw PostgresError(
        .misuse, nil,
        "a COPY row has \(columns - missingColumns) values instead of \(columns)")
    }
  }

  nonisolated(nonsending) mutating func finish() async throws {
    try checkRow()
    buffer.integer(Int16(-1))
    try await send()
    try await connection.endCopyIn()
  }

  private nonisolated(nonsending) mutating func send() async throws {
    // A server that keeps up never makes the body wait: it has to hear of a cancellation, and let
    // other tasks run, here.
    try Task.checkCancellation()
    await Task.yield()
    try await connection.sendCopy(UnsafeRawBufferPointer(start: buffer.start, count: buffer.count))
    buffer.removeAll()
  }
}

extension Connection {
  /// Sends a COPY statement and reads that the server is ready for it.
  nonisolated(nonsending) func beginCopy(_ sql: String, expecting: ExecStatusType) async throws {
    guard PQsendQuery(pointer, sql) == 1 else { throw lost() }
    try await flush()
    guard let result = try await nextResult() else { throw lost() }
    if result.status == expecting { return }
    let failure = error(of: result)
    _ = try await finish()
    throw failure
  }

  /// Sends one piece and waits until the socket took it.
  nonisolated(nonsending) func sendCopy(_ bytes: UnsafeRawBufferPointer) async throws {
    let accepted = PQputCopyData(
      pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
    if accepted == 1 {
      try await flush()
    } else {
      // The server ended the COPY; its reason is the next result.
      _ = try await finish()
      throw lost()
    }
  }

  nonisolated(nonsending) func endCopyIn() async throws {
    if PQputCopyEnd(pointer, nil) == 1 {
      try await flush()
    } else {
      _ = try await finish()
      throw lost()
    }
  }
}
