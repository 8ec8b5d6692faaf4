/// The database of the simulator: one value, changed by one transaction after the other.
///
/// `DatabaseState` holds the tables and the bodies of the transactions. A handle of a store
/// (`SimulatedLoadingStore`, `SimulatedQueueStore`, `SimulatedEvaluationStore`) belongs to one
/// process: each of its methods goes through the process's gate, which decides when the
/// transaction runs, whether it does, and whether its answer arrives.
///
/// ```swift
/// let database = SimulatedDatabase()
/// kernel.add("loader-1") { process in
///   let store = SimulatedLoadingStore(database: database, gate: process)
///   …
/// }
/// database.crash()
/// ```
internal import Synchronization

package final class SimulatedDatabase: Sendable {
  private let content: Mutex<DatabaseState>
  private let observer = Mutex<Observer?>(nil)

  /// In a value: a function that is read through a generic comes back wrapped, each time once more.
  private struct Observer {
    var tell: @Sendable (String, DatabaseState) -> Void
  }

  package init(_ state: DatabaseState = DatabaseState()) {
    content = Mutex(state)
  }

  /// A copy of everything.
  package var state: DatabaseState { content.withLock { $0 } }

  /// Is told after each transaction that may write what it was, and what it left.
  package func observe(_ observer: @escaping @Sendable (String, DatabaseState) -> Void) {
    self.observer.withLock { $0 = Observer(tell: observer) }
  }

  /// One transaction: all of it happens, or nothing.
  package func transaction<Value>(
    _ name: String, _ body: (inout DatabaseState) throws -> Value
  ) rethrows -> Value {
    let (value, after) = try content.withLock { state in
      var copy = state
      let value = try body(&copy)
      state = copy
      return (value, copy)
    }
    observer.withLock { $0 }?.tell(name, after)
    return value
  }

  /// A transaction that only reads.
  package func reading<Value>(_ body: (DatabaseState) throws -> Value) rethrows -> Value {
    try content.withLock { try body($0) }
  }

  /// The server crashes, and is there again.
  package func crash() {
    transaction("crash") { $0.loseUnlogged() }
  }
}

/// Where a transaction of a process waits for its turn.
package protocol TransactionGate: Sendable {
  /// Runs the body once, or not at all; may lose its answer.
  func transaction<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value
}

extension ProcessContext: TransactionGate {}

/// Lets everything through at once.
package struct OpenGate: TransactionGate {
  package init() {}

  package func transaction<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try body()
  }
}
