/// What a caller of the pool may do: use that connection, or open one in its place.
enum PoolGrant<Lent> {
  case use(Lent)
  case open
}

extension PoolGrant: Sendable where Lent: Sendable {}

/// Who has which connection: a pure state machine that `PostgresPool` performs.
///
/// Invariants:
/// 1. `leased + idle.count <= limit`, where leased counts connections being opened too.
/// 2. Somebody waits only while nothing is idle and all of the limit is leased.
/// 3. Waiters are served in the order they came, and nobody overtakes them.
/// 4. Once closed, nothing is idle, nobody waits, and what comes back is closed.
struct PoolState<Lent, Waiter> {
  typealias Grant = PoolGrant<Lent>

  enum Acquired {
    case granted(Grant)
    case wait
    case refused(PostgresError)
  }

  enum Released {
    case resume(Waiter, Grant)
    case kept
    case close
  }

  private let limit: Int
  private let waiterLimit: Int
  private var leased = 0
  private var idle: [Lent] = []
  private var waiters: [(id: UInt64, waiter: Waiter)] = []
  private var isClosed = false

  init(limit: Int, waiterLimit: Int) {
    self.limit = max(1, limit)
    self.waiterLimit = waiterLimit
  }

  /// `waiter` is kept only when the answer is `wait`.
  mutating func acquire(_ id: UInt64, _ waiter: @autoclosure () -> Waiter) -> Acquired {
    guard !isClosed else { return .refused(PostgresError(.pool, nil, "the pool is closed")) }
    // The latest used is the likeliest to be alive.
    if let connection = idle.popLast() {
      leased += 1
      return .granted(.use(connection))
    }
    if leased < limit {
      leased += 1
      return .granted(.open)
    }
    guard waiters.count < waiterLimit else {
      return .refused(
        PostgresError(
          .pool, nil,
          "all \(limit) connections are in use and \(waiterLimit) transactions wait already; "
            + "raise the maximum or run less at once",
          isRetriable: true))
    }
    waiters.append((id, waiter()))
    return .wait
  }

  /// Gives back a connection, or `nil` for one that was discarded or could not be opened.
  mutating func release(_ connection: Lent?) -> Released {
    guard !isClosed else {
      leased -= 1
      return .close
    }
    if !waiters.isEmpty {
      let next = waiters.removeFirst().waiter
      return .resume(next, connection.map(Grant.use) ?? .open)
    }
    leased -= 1
    if let connection { idle.append(connection) }
    return .kept
  }

  /// Takes a waiter out of the line; `nil` if it was served already.
  mutating func cancel(_ id: UInt64) -> Waiter? {
    guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
    return waiters.remove(at: index).waiter
  }

  /// Whom to refuse, and which connections to close.
  mutating func close() -> (waiters: [Waiter], idle: [Lent]) {
    isClosed = true
    defer { (waiters, idle) = ([], []) }
    return (waiters.map(\.waiter), idle)
  }
}
