internal import CPostgres

extension PostgresTransaction {
  /// Reads any number of rows with binary COPY, the fastest way out, in batches.
  ///
  /// Nothing is read from the server while the body runs, so memory is bounded by one batch of at
  /// most `batchRows` rows or about 4 MiB. The statement timeout covers the whole call. If the body
  /// throws, the statement is cancelled, the transaction is over and the error passes through.
  /// - Parameters:
  ///   - query: A SELECT without parameters, because COPY takes none;
  ///     `current_setting('sv0.tenant')` reads the transaction's settings.
  ///   - body: Receives the rows in the query's order; they know names and types as always.
  public nonisolated(nonsending) func copyOut(
    _ query: String, batchRows: Int = 4096,
    _ body: nonisolated(nonsending) ([PostgresRow]) async throws -> Void
  ) async throws {
    try await perform { connection in
      let columns = try await connection.describe(query)
      try await connection.beginCopy(
        "COPY (\(query)) TO STDOUT (FORMAT binary)", expecting: PGRES_COPY_OUT)
      var batch = CopyBatch(columns: columns)
      do {
        while try await connection.nextCopyMessage({ try batch.append($0) }) {
          guard batch.rowCount >= batchRows || batch.isLarge else { continue }
          try await body(batch.take())
          // A server that is ahead never makes this loop wait.
          try Task.checkCancellation()
          await Task.yield()
        }
        if batch.rowCount > 0 { try await body(batch.take()) }
      } catch {
        await connection.cancelRunning()
        throw error
      }
      _ = try await connection.finish()
    }
  }
}

/// Rows of a COPY as they arrive, until they are handed over.
struct CopyBatch {
  private static let largeBytes = 4 << 20

  let columns: ColumnDescriptions
  private(set) var rowCount = 0
  private var bytes: [UInt8] = []
  private var fields: [RowStorage.Field] = []
  private var isHeaderRead = false

  init(columns: ColumnDescriptions) {
    self.columns = columns
  }

  var isLarge: Bool { bytes.count >= Self.largeBytes }

  /// Takes one message: the server sends one row in each, the first behind the header.
  ///
  /// Source: https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-COPY and sql-copy.html
  mutating func append(_ message: UnsafeRawBufferPointer) throws(PostgresError) {
    var offset = 0
    if !isHeaderRead {
      guard let extensionLength = message.integer(Int32.self, at: 15) else { throw malformed }
      offset = 19 + Int(extensionLength)
      isHeaderRead = true
    }
    guard offset < message.count else { return }
    guard let count = message.integer(Int16.self, at: offset) else { throw malformed }
    if count == -1 { return }
    guard Int(count) == columns.names.count else { throw malformed }
    // The message is kept whole, lengths included: one copy instead of one per field.
    let base = bytes.count
    offset += 2
    for _ in 0..<count {
      guard let length = message.integer(Int32.self, at: offset),
        offset + 4 + Int(max(0, length)) <= message.count
      else { throw malformed }
      fields.append(RowStorage.Field(offset: base + offset + 4, length: length))
      offset += 4 + Int(max(0, length))
    }
    bytes.append(contentsOf: message)
    rowCount += 1
  }

  mutating func take() -> [PostgresRow] {
    defer {
      let (byteCount, fieldCount) = (bytes.count, fields.count)
      (rowCount, bytes, fields) = (0, [], [])
      bytes.reserveCapacity(byteCount)
      fields.reserveCapacity(fieldCount)
    }
    return RowStorage(columns: columns, bytes: bytes, fields: fields).rows(rowCount)
  }

  private var malformed: PostgresError {
    PostgresError(.decoding, nil, "the server's COPY data is not in the binary format")
  }
}

extension Connection {
  /// Names and types of a query's columns, without running it.
  nonisolated(nonsending) func describe(_ query: String) async throws -> ColumnDescriptions {
    guard PQsendPrepare(pointer, "", query, 0, nil) == 1 else { throw lost() }
    _ = try await finish()
    guard PQsendDescribePrepared(pointer, "") == 1 else { throw lost() }
    try await flush()
    guard let result = try await nextResult() else { throw lost() }
    guard result.status == PGRES_COMMAND_OK else {
      let failure = error(of: result)
      _ = try await finish()
      throw failure
    }
    let columns = ColumnDescriptions(result: result.pointer)
    _ = try await finish()
    return columns
  }

  /// Hands over the next message of a COPY OUT; `false` at its end.
  nonisolated(nonsending) func nextCopyMessage(
    cancellable: Bool = true, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> Bool {
    while true {
      var message: UnsafeMutablePointer<CChar>?
      let length = PQgetCopyData(pointer, &message, 1)
      defer { PQfreemem(message) }
      switch length {
      case 0:
        try await wait(for: .read, cancellable: cancellable)
        if PQconsumeInput(pointer) != 1 { throw lost() }
      case -1: return false
      case 1...:
        try take(UnsafeRawBufferPointer(start: message, count: Int(length)))
        return true
      default: throw lost()
      }
    }
  }
}
