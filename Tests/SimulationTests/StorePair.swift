import Evaluation
import Loading
import Model
import PostgresClient
import Scheduling
import Simulation
import Synchronization

/// The stores of one implementation.
struct Stores: Sendable {
  let loading: any LoadingStore
  let queue: any QueueStore
  let evaluation: any EvaluationStore
  /// The server crashes, and comes back.
  let crash: @Sendable () async throws -> Void
  /// What is in the outbox, in order.
  let outboxIDs: @Sendable () async throws -> [Int64]
  let dump: @Sendable () async throws -> [String: [String]]
}

extension Stores {
  static func memory(_ database: SimulatedDatabase) -> Stores {
    let gate = OpenGate()
    // Reading changes nothing, and rows are much text.
    let known = Mutex<[String: [String]]?>(nil)
    database.observe { _, _ in known.withLock { $0 = nil } }
    return Stores(
      loading: SimulatedLoadingStore(database: database, gate: gate),
      queue: SimulatedQueueStore(database: database, gate: gate),
      evaluation: SimulatedEvaluationStore(database: database, gate: gate),
      crash: { database.crash() }, outboxIDs: { database.state.outboxIDs },
      dump: {
        if let dump = known.withLock({ $0 }) { return dump }
        let dump = database.state.dump
        known.withLock { $0 = dump }
        return dump
      })
  }

  /// - Parameter pool: connects as the owner.
  static func postgres(_ pool: PostgresPool, _ tables: StoreTables) -> Stores {
    Stores(
      loading: PostgresLoadingStore(pool: pool), queue: PostgresQueueStore(pool: pool),
      evaluation: PostgresEvaluationStore(pool),
      crash: { try await tables.truncate(tables.unlogged) },
      outboxIDs: {
        try await pool.withTransaction { transaction in
          try await transaction.query("SELECT id FROM sv0.outbox ORDER BY id").map {
            try $0.int64("id")
          }
        }
      },
      dump: { try await tables.dump() })
  }
}

/// Ids in the order in which they are asked for, the same for every implementation.
final class CountedIDs: Sendable {
  private let count = Mutex<UInt64>(0)
  private let base: UInt64

  init(base: UInt64) { self.base = base }

  func next(at time: Timestamp) -> ULID {
    let number = count.withLock { count in
      count += 1
      return base << 16 | count
    }
    return ULID(
      at: time, random: [0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) })
  }
}
