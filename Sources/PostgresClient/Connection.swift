internal import CPostgres
internal import Glibc

/// A result of libpq with one owner.
struct ResultHandle: ~Copyable {
  let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    PQclear(pointer)
  }

  var status: ExecStatusType { PQresultStatus(pointer) }

  var affectedRows: Int {
    PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0
  }
}

/// An open connection in non-blocking mode, used by one task at a time.
///
/// `@unchecked Sendable`: libpq allows a connection to be used from any thread, by one at a time;
/// the pool lends it to one transaction, which refuses overlapping calls.
final class Connection: @unchecked Sendable {
  let pointer: OpaquePointer
  private let poller: SocketPoller
  /// The longest silence of the server before the connection counts as lost: it answers within the
  /// statement timeout, so this is a little more.
  var patience: Duration = .seconds(30)
  /// Set when the protocol state is not known any more: the connection is closed, not reused.
  private(set) var isAbandoned = false

  init(adopting pointer: OpaquePointer, poller: SocketPoller) {
    self.pointer = pointer
    self.poller = poller
  }

  deinit {
    PQfinish(pointer)
  }

  var isBroken: Bool { isAbandoned || PQstatus(pointer) == CONNECTION_BAD }
  var transactionStatus: PGTransactionStatusType { PQtransactionStatus(pointer) }

  func abandon() {
    isAbandoned = true
  }

  /// Whether an idle connection can be lent: nothing is open on it and the server has not hung up.
  func isUsableWhenIdle() -> Bool {
    guard !isBroken, transactionStatus == PQTRANS_IDLE else { return false }
    // A server that went away left a last message and an end of file to read.
    for _ in 0..<4 {
      var descriptor = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&descriptor, 1, 0) == 1 else { return true }
      guard PQconsumeInput(pointer) == 1, !isBroken else { return false }
    }
    return false
  }

  // MARK: Waiting

  nonisolated(nonsending) func wait(
    for interest: SocketInterest, cancellable: Bool = true
  ) async throws {
    let socket = PQsocket(pointer)
    guard socket >= 0 else { throw lost() }
    let deadline = ContinuousClock.now + patience
    if try await !poller.wait(socket, for: interest, until: deadline, cancellable: cancellable) {
      abandon()
      throw PostgresError.lost("the server did not answer within \(patience)")
    }
  }

  /// Sends what is buffered; reads meanwhile, so that neither side waits for the other for ever.
  nonisolated(nonsending) func flush(cancellable: Bool = true) async throws {
    while true {
      switch PQflush(pointer) {
      case 0: return
      case 1:
        try await wait(for: [.read, .write], cancellable: cancellable)
        if PQconsumeInput(pointer) != 1 { return }
      // A failed send surfaces as the next result, with the server's last words if there are any.
      default: return
      }
    }
  }

  /// The next result, or `nil` at the end of a statement.
  nonisolated(nonsending) func nextResult(
    cancellable: Bool = true
  ) async throws -> ResultHandle? {
    while PQisBusy(pointer) == 1 {
      let isUnsent = PQflush(pointer) == 1
      try await wait(for: isUnsent ? [.read, .write] : .read, cancellable: cancellable)
      if PQconsumeInput(pointer) != 1 { break }
    }
    return PQgetResult(pointer).map { ResultHandle(adopting: $0) }
  }

  /// The error of a failed result.
  func error(of result: borrowing ResultHandle) -> PostgresError {
    PostgresError(result: result.pointer) ?? lost()
  }

  func lost() -> PostgresError {
    if PQstatus(pointer) == CONNECTION_BAD {
      return .lost("the connection to the server broke")
    }
    abandon()
    return .lost("libpq could not continue on this connection")
  }

  // MARK: Statements

  /// Queues an unnamed statement with binary parameters and result.
  func send(_ statement: PostgresStatement) throws(PostgresError) {
    let values = statement.values
    guard values.count <= 65535 else {
      throw PostgresError(
        .misuse, nil, "a statement has \(values.count) parameters; the protocol allows 65535")
    }
    var bytes: [UInt8] = []
    let offsets = values.map { value -> Int? in
      guard let own = value.bytes else { return nil }
      defer { bytes += own }
      return bytes.count
    }
    // Never empty, so that the address of an empty value is not that of a null.
    bytes.append(0)
    let accepted = bytes.withUnsafeBytes { buffer in
      PQsendQueryParams(
        pointer, statement.sql, Int32(values.count), values.map { Oid($0.type) },
        offsets.map { offset in
          offset.flatMap {
            buffer.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self)
          }
        },
        values.map { Int32(clamping: $0.bytes?.count ?? 0) },
        [Int32](repeating: 1, count: values.count), 1)
    }
    if accepted != 1 { throw lost() }
  }

  /// Runs one statement to its end.
  nonisolated(nonsending) func run(
    _ statement: PostgresStatement, cancellable: Bool = true
  ) async throws -> PostgresResult {
    try send(statement)
    return try await finish(cancellable: cancellable)
  }

  /// Runs several statements in one message, in the simple protocol.
  nonisolated(nonsending) func runScript(_ sql: String, cancellable: Bool = true) async throws {
    guard PQsendQuery(pointer, sql) == 1 else { throw lost() }
    _ = try await finish(cancellable: cancellable)
  }

  /// Reads results to the end of the statement; throws the first error.
  nonisolated(nonsending) func finish(cancellable: Bool = true) async throws -> PostgresResult {
    try await flush(cancellable: cancellable)
    var outcome = PostgresResult(rows: [], affectedRows: 0)
    var failure: PostgresError?
    while let result = try await nextResult(cancellable: cancellable) {
      switch result.status {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
        outcome = PostgresResult(result)
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        abandon()
        throw PostgresError(.misuse, nil, "COPY needs copyIn or copyOut")
      default:
        failure = failure ?? error(of: result)
      }
    }
    // After the server's last words (a shutdown, for one) the connection is gone.
    if isBroken && failure?.sqlState != nil {
      failure?.kind = .connectionLost
      failure?.isRetriable = true
    }
    if let failure { throw failure }
    if isBroken { throw lost() }
    return outcome
  }
}

/// What a statement gave back.
public struct PostgresResult: Sendable {
  public var rows: [PostgresRow]
  /// Rows that were inserted, updated, deleted, or selected.
  public var affectedRows: Int

  init(rows: [PostgresRow], affectedRows: Int) {
    self.rows = rows
    self.affectedRows = affectedRows
  }

  init(_ result: borrowing ResultHandle) {
    let hasRows = result.status == PGRES_TUPLES_OK
    self.init(
      rows: hasRows ? RowStorage.rows(of: result.pointer) : [], affectedRows: result.affectedRows)
  }
}
