internal import Cryptography
internal import Model
internal import Pipeline
internal import PostgresClient
internal import Schema

/// Where a partition is read from, and who may say so.
///
/// Two positions: `staged_positions.next_offset` is unlogged and moves with staging;
/// `positions.low` is logged and is the first offset of the oldest open attempt. A crash of the
/// server empties staging and the first together, and reading begins again at the second.
///
/// Invariants:
/// 1. While a partition is owned, its row in `staged_positions` exists: `claim` makes it. If it is
///    gone, the server has crashed, and nothing is staged before the partition is claimed again.
/// 2. Each position is stored with a message that was read there, its mark: the last one before
///    the position, or the first one of the oldest open attempt.
/// 3. Reading resumes at the mark, and nothing is staged unless that message is still the same.
///    Only when the topic keeps nothing below the position is there nothing to compare.
/// 4. The row in `positions` is the lock of the partition: whoever changes what is staged of it, or
///    its positions, holds it.
struct Position: Equatable {
  var generation: Int64
  /// The first offset that is not staged.
  var next: Int64
  var mark: Mark?

  /// Takes over the partition: every earlier owner is fenced from here on.
  static func claim(
    _ partition: TopicPartition, in transaction: PostgresTransaction
  ) async throws -> Position {
    let claimed = try await transaction.query(
      """
      INSERT INTO sv0.positions AS p (topic, partition, generation) VALUES ($1, $2, 1)
      ON CONFLICT (topic, partition) DO UPDATE SET generation = p.generation + 1
      RETURNING generation
      """, partition.values)
    let made = try await transaction.execute(
      """
      INSERT INTO sv0.staged_positions (topic, partition, next_offset, mark_offset, mark_id)
      SELECT topic, partition, coalesce(low, 0), mark_offset, mark_id FROM sv0.positions
      WHERE topic = $1 AND partition = $2
      ON CONFLICT DO NOTHING
      """, partition.values)
    if made > 0 {
      try await transaction.execute(
        "UPDATE sv0.open_attempts SET bytes = 0 WHERE topic = $1 AND partition = $2",
        partition.values)
    }
    let staged = try await transaction.query(
      """
      SELECT next_offset, mark_offset, mark_id FROM sv0.staged_positions
      WHERE topic = $1 AND partition = $2
      """, partition.values)
    return Position(
      generation: try claimed[0].int64("generation"), next: try staged[0].int64("next_offset"),
      mark: try Mark(staged[0]))
  }

  /// Where reading begins, given the offsets that the topic keeps, if they are known.
  ///
  /// - Throws: `LoadingError.recreated` or `.gone` when what the position means is not there.
  func start(
    of partition: TopicPartition, keeping kept: Range<Int64>?
  ) throws(LoadingError) -> StartOffset {
    if let kept, next > kept.upperBound {
      throw LoadingError.recreated(partition, offset: next)
    }
    // Nothing was ever staged: whatever the topic still keeps is the beginning.
    guard next > 0 || mark != nil else { return .beginning }
    if let kept, next < kept.lowerBound {
      throw LoadingError.gone(partition, next..<kept.lowerBound)
    }
    guard let mark, kept.map({ mark.offset >= $0.lowerBound }) ?? true else {
      return .offset(next)
    }
    return .offset(min(mark.offset, next))
  }

  /// Fails unless the caller still owns the partition, and keeps it so until the transaction ends.
  ///
  /// - Returns: the first offset that is not staged.
  static func hold(
    _ partition: TopicPartition, _ generation: Int64, in transaction: PostgresTransaction
  ) async throws -> Int64 {
    let rows = try await transaction.query(
      """
      SELECT s.next_offset FROM sv0.positions p
      LEFT JOIN sv0.staged_positions s ON s.topic = p.topic AND s.partition = p.partition
      WHERE p.topic = $1 AND p.partition = $2 AND p.generation = $3 FOR UPDATE OF p
      """, partition.values + [.int8(generation)])
    guard let row = rows.first else { throw LoadingError.fenced(partition) }
    guard let next = try row.int64OrNil("next_offset") else {
      throw LoadingError.stagingLost(partition)
    }
    return next
  }

  /// Everything below `offset` is staged, applied or refused.
  ///
  /// - Parameter mark: the last message below it, as far as it is known.
  static func move(
    _ partition: TopicPartition, to offset: Int64, _ mark: Mark?
  ) -> PostgresStatement {
    PostgresStatement(
      """
      UPDATE sv0.staged_positions SET next_offset = $3, mark_offset = $4, mark_id = $5
      WHERE topic = $1 AND partition = $2
      """,
      partition.values + [.int8(offset), .int8(mark?.offset), .bytea(mark?.id)])
  }

  /// Reading after a crash begins at the oldest open attempt, or where staging had arrived.
  static func lower(_ partition: TopicPartition) -> PostgresStatement {
    PostgresStatement(
      """
      UPDATE sv0.positions p SET (low, mark_offset, mark_id) = (
        SELECT low, mark_offset, mark_id FROM (
          (SELECT 0 AS place, first_offset AS low, first_offset AS mark_offset,
            first_id AS mark_id
          FROM sv0.open_attempts WHERE topic = $1 AND partition = $2
          ORDER BY first_offset LIMIT 1)
          UNION ALL SELECT 1, next_offset, mark_offset, mark_id FROM sv0.staged_positions
          WHERE topic = $1 AND partition = $2
          UNION ALL SELECT 2, p.low, p.mark_offset, p.mark_id) known
        ORDER BY place LIMIT 1)
      WHERE topic = $1 AND partition = $2
      """, partition.values)
  }
}

/// A message of a partition that was read, so that it can be recognised.
struct Mark: Hashable, Sendable {
  var offset: Int64
  /// SHA-256 over key, headers and value; not over the time, which a mirror may set anew.
  var id: [UInt8]

  init(_ message: Message) {
    offset = message.offset
    var bytes: [UInt8] = []
    func add(_ part: [UInt8]?) {
      bytes += Array("\(part?.count ?? -1):".utf8) + (part ?? [])
    }
    add(message.key)
    for header in message.headers {
      add(Array(header.name.utf8))
      add(header.value)
    }
    add(message.value)
    id = SHA256.hash(bytes)
  }

  init?(_ row: PostgresRow) throws {
    guard let offset = try row.int64OrNil("mark_offset"), let id = try row.bytesOrNil("mark_id")
    else { return nil }
    self.offset = offset
    self.id = id
  }
}

extension TopicPartition {
  var values: [PostgresValue] { [.text(topic), .int4(partition)] }
}

extension TransactionOptions {
  /// A transaction that needs staging and no tenant's rows.
  static let staging = TransactionOptions(role: "sv0_loader")
}
