internal import CPostgres
internal import Synchronization

/// How a transaction begins.
public struct TransactionOptions: Sendable {
  public enum Isolation: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
  }

  public var isolation: Isolation
  public var readOnly: Bool
  /// Settings for this transaction only (`["sv0.tenant": "acme", "lock_timeout": "5s"]`).
  public var settings: [String: String]
  /// The role to act under in this transaction only.
  public var role: String?
  /// Instead of the configuration's; `.zero` is none.
  public var statementTimeout: Duration?

  public init(
    isolation: Isolation = .readCommitted, readOnly: Bool = false, settings: [String: String] = [:],
    role: String? = nil, statementTimeout: Duration? = nil
  ) {
    self.isolation = isolation
    self.readOnly = readOnly
    self.settings = settings
    self.role = role
    self.statementTimeout = statementTimeout
  }
}

/// An open transaction, valid inside the body given to `withTransaction`.
///
/// One call at a time: an overlapping one throws `misuse`. After a failed statement the
/// transaction is over, even if the body catches the error: everything is rolled back.
/// All calls throw `PostgresError`, or `CancellationError` when the task is cancelled; then the
/// statement is cancelled on the server too.
public final class PostgresTransaction: Sendable {
  private enum State {
    case free
    case busy
    case ended
  }

  let connection: Connection
  private let state = Mutex(State.free)
  private let firstFailure = Mutex<PostgresError?>(nil)

  init(_ connection: Connection) {
    self.connection = connection
  }

  /// Runs a statement and returns its rows, all in memory; `copyOut` is for more.
  public nonisolated(nonsending) func query(
    _ sql: String, _ values: [PostgresValue] = []
  ) async throws -> [PostgresRow] {
    try await perform { try await $0.run(PostgresStatement(sql, values)) }.rows
  }

  /// Runs a statement and returns how many rows it affected.
  @discardableResult
  public nonisolated(nonsending) func execute(
    _ sql: String, _ values: [PostgresValue] = []
  ) async throws -> Int {
    try await perform { try await $0.run(PostgresStatement(sql, values)) }.affectedRows
  }

  /// Runs several statements without parameters, as a migration file holds them.
  public nonisolated(nonsending) func executeScript(_ sql: String) async throws {
    try await perform { try await $0.runScript(sql) }
  }

  /// Runs statements in one round trip; the results are in their order.
  ///
  /// - Throws: The first failed statement's error, with its `statementIndex`.
  public nonisolated(nonsending) func pipeline(
    _ statements: [PostgresStatement]
  ) async throws -> [PostgresResult] {
    try await perform { try await $0.runPipeline(statements) }
  }

  /// Runs one call on the connection; remembers its failure and cancels it with its task.
  nonisolated(nonsending) func perform<Value>(
    _ call: nonisolated(nonsending) (Connection) async throws -> Value
  ) async throws -> Value {
    try enter()
    defer { state.withLock { if $0 == .busy { $0 = .free } } }
    do {
      return try await call(connection)
    } catch let error as PostgresError {
      firstFailure.withLock { $0 = $0 ?? error }
      throw error
    } catch {
      await connection.cancelRunning()
      throw error
    }
  }

  private func enter() throws(PostgresError) {
    let previous = state.withLock { state in
      defer { if state == .free { state = .busy } }
      return state
    }
    switch previous {
    case .free: return
    case .busy:
      throw PostgresError(.misuse, nil, "two calls overlap on one transaction; await the first")
    case .ended:
      throw PostgresError(.misuse, nil, "the transaction is used after its body returned")
    }
  }
}

extension PostgresTransaction {
  /// BEGIN, settings and role in one round trip.
  nonisolated(nonsending) func begin(
    _ options: TransactionOptions, _ configuration: PostgresConfiguration
  ) async throws {
    let timeout = options.statementTimeout ?? configuration.statementTimeout
    connection.patience = timeout == .zero ? .seconds(86400) : timeout + .seconds(10)
    var settings = [("statement_timeout", "\(timeout.milliseconds)ms")]
    settings += options.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    // Last, because the role may not be allowed to change the others; as a value, so unquoted.
    if let role = options.role { settings.append(("role", role)) }
    let calls = settings.indices.map { "set_config($\($0 * 2 + 1), $\($0 * 2 + 2), true)" }
    let access = options.readOnly ? "READ ONLY" : "READ WRITE"
    do {
      _ = try await pipeline([
        PostgresStatement("BEGIN ISOLATION LEVEL \(options.isolation.rawValue) \(access)"),
        PostgresStatement(
          "SELECT \(calls.joined(separator: ", "))",
          settings.flatMap { [.text($0.0), .text($0.1)] }),
      ])
    } catch var error as PostgresError {
      error.statementIndex = nil
      throw error
    }
  }

  /// COMMIT, not cancellable: a cancelled task still learns what became of its work.
  nonisolated(nonsending) func commit(readOnly: Bool) async throws {
    let wasBusy = state.withLock { state in
      defer { state = .ended }
      return state == .busy
    }
    guard !wasBusy else {
      connection.abandon()
      throw PostgresError(.misuse, nil, "the body returned while a call was still running")
    }
    switch connection.transactionStatus {
    case PQTRANS_INTRANS: break
    case PQTRANS_INERROR:
      throw firstFailure.withLock { $0 }
        ?? PostgresError(.server, .inFailedTransaction, "the transaction has failed")
    case PQTRANS_IDLE:
      throw PostgresError(.misuse, nil, "the body ended the transaction itself")
    default: throw firstFailure.withLock { $0 } ?? connection.lost()
    }
    do {
      try await connection.runScript("COMMIT", cancellable: false)
    } catch let error as PostgresError {
      guard connection.isBroken, !readOnly else { throw error }
      throw PostgresError(
        .commitOutcomeUnknown, .commitOutcomeUnknown,
        "the connection broke during COMMIT (\(error.message))")
    }
  }

  /// ROLLBACK if there is something to roll back; the connection is abandoned where that fails.
  nonisolated(nonsending) func rollback() async {
    state.withLock { $0 = .ended }
    guard !connection.isBroken else { return }
    switch connection.transactionStatus {
    case PQTRANS_IDLE: return
    case PQTRANS_INTRANS, PQTRANS_INERROR:
      connection.patience = .seconds(5)
      do { try await connection.runScript("ROLLBACK", cancellable: false) } catch {
        connection.abandon()
      }
    default: connection.abandon()
    }
  }
}

extension Duration {
  var milliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
