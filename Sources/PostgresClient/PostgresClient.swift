internal import CPostgres
internal import Synchronization

/// A small asynchronous PostgreSQL client for batch workers, over libpq 15: this pool is its door.
///
/// Everything happens in a transaction, because that is what works behind a transaction-mode
/// pooler: settings and roles are local to it, statements are unnamed, nothing listens. Parameters
/// and results are binary. A task waits for the server by suspending, one thread polls all sockets.
/// Errors hold names and codes, never values, parameters or the password.
///
///     var configuration = try PostgresConfiguration("postgresql://sv0@db:5432/sv0")
///     configuration.maximumConnections = 8
///     let pool = PostgresPool(configuration)
///     let options = TransactionOptions(settings: ["sv0.tenant": "acme"], role: "sv0_loader")
///     let names = try await pool.withTransaction(options) { transaction in
///       try await transaction.copyIn("staging", columns: ["id", "name"]) { writer in
///         try await writer.beginRow()
///         writer.int8(1)
///         writer.text("deploy")
///       }
///       return try await transaction.query("SELECT name FROM staging WHERE id = $1", [.int8(1)])
///         .map { row in try row.string("name") }
///     }
///
/// Threading: safe to use from any task. At most `maximumConnections` are open; further
/// transactions wait in the order they came. A broken connection is discarded, never lent again.
///
/// Inside: `Connection` owns a libpq handle and makes its calls asynchronous, `SocketPoller` waits
/// on sockets, `PoolState` decides who has which connection.
public final class PostgresPool: Sendable {
  private typealias Waiter = CheckedContinuation<PoolGrant<Connection>, any Error>

  public let configuration: PostgresConfiguration
  private let state: Mutex<PoolState<Connection, Waiter>>
  private let nextWaiter = Atomic<UInt64>(0)

  /// Opens nothing yet.
  public init(_ configuration: PostgresConfiguration) {
    self.configuration = configuration
    state = Mutex(
      PoolState(limit: configuration.maximumConnections, waiterLimit: configuration.maximumWaiters))
  }

  /// Runs the body in a transaction: COMMIT when it returns, ROLLBACK when it throws.
  ///
  /// The whole body is repeated, after a pause that grows and varies, when the server reports a
  /// serialization failure or a deadlock; so it must not have effects outside of the transaction.
  /// - Parameter retries: How many times it is repeated before that error is thrown.
  /// - Throws: What the body throws, as it is; `PostgresError`; `CancellationError`. Kind
  ///   `commitOutcomeUnknown` means that the connection broke during COMMIT.
  public nonisolated(nonsending) func withTransaction<Value>(
    _ options: TransactionOptions = TransactionOptions(), retries: Int = 5,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    var attempt = 0
    while true {
      do {
        return try await runOnce(options, body)
      } catch let error as PostgresError where error.isTransactionConflict && attempt < retries {
        attempt += 1
        // 10, 20, 40 … 640 ms, at random between half and all of it, so that rivals part.
        let longest = 10.0 * Double(1 << min(attempt - 1, 6))
        try await Task.sleep(for: .milliseconds(Double.random(in: longest / 2...longest)))
      }
    }
  }

  /// Asks the server for an answer; waits for a connection like any transaction.
  ///
  /// - Throws: `PostgresError` that says why there is none.
  public nonisolated(nonsending) func ping() async throws {
    try await withTransaction(TransactionOptions(readOnly: true)) { transaction in
      _ = try await transaction.query("SELECT 1")
    }
  }

  /// Closes idle connections and refuses waiters; transactions under way finish first.
  public func close() {
    let (waiters, _) = state.withLock { $0.close() }
    for waiter in waiters {
      waiter.resume(throwing: PostgresError(.pool, nil, "the pool was closed while waiting"))
    }
  }

  private nonisolated(nonsending) func runOnce<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    let connection = try await acquire()
    let transaction = PostgresTransaction(connection)
    do {
      try await transaction.begin(options, configuration)
      let value = try await body(transaction)
      try await transaction.commit(readOnly: options.readOnly)
      release(connection)
      return value
    } catch {
      await transaction.rollback()
      release(connection)
      throw error
    }
  }

  private nonisolated(nonsending) func acquire() async throws -> Connection {
    switch try await grant() {
    case .use(let connection) where connection.isUsableWhenIdle(): return connection
    // Nothing was sent on the dead one yet, so a new one simply takes its place.
    case .use, .open: break
    }
    do {
      return try await Connection.open(configuration)
    } catch {
      release(nil)
      throw error
    }
  }

  private nonisolated(nonsending) func grant() async throws -> PoolGrant<Connection> {
    let id = nextWaiter.wrappingAdd(1, ordering: .relaxed).newValue
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let acquired = state.withLock { state in
          Task.isCancelled ? nil : state.acquire(id, continuation)
        }
        switch acquired {
        case .granted(let grant): continuation.resume(returning: grant)
        case .refused(let error): continuation.resume(throwing: error)
        case .wait: break
        case nil: continuation.resume(throwing: CancellationError())
        }
      }
    } onCancel: {
      state.withLock { $0.cancel(id) }?.resume(throwing: CancellationError())
    }
  }

  private func release(_ connection: Connection?) {
    let isIntact = connection.map { !$0.isBroken && $0.transactionStatus == PQTRANS_IDLE } ?? false
    let released = state.withLock { $0.release(isIntact ? connection : nil) }
    if case .resume(let waiter, let grant) = released { waiter.resume(returning: grant) }
  }
}
