internal import Model
internal import Pipeline
internal import PostgresClient
internal import Schema

/// Where a partition is read from, and who may say so.
///
/// Two positions: `staged_positions.next_offset` is unlogged and moves with staging;
/// `positions.low` is logged and is the first offset of the oldest open attempt. A crash of the
/// server empties staging and the first together, and reading begins again at the second.
struct Position {
  var generation: Int64
  var start: StartOffset

  /// Takes over the partition: every earlier owner is fenced from here on.
  static func claim(_ partition: TopicPartition, in pool: PostgresPool) async throws -> Position {
    try await pool.withTransaction(.staging) { transaction in
      let rows = try await transaction.query(
        """
        INSERT INTO sv0.positions AS p (topic, partition, generation) VALUES ($1, $2, 1)
        ON CONFLICT (topic, partition) DO UPDATE SET generation = p.generation + 1
        RETURNING generation, low,
          (SELECT next_offset FROM sv0.staged_positions WHERE topic = $1 AND partition = $2)
        """, partition.values)
      let row = rows[0]
      let offset = try row.int64OrNil("next_offset") ?? row.int64OrNil("low")
      return Position(
        generation: try row.int64("generation"), start: offset.map { .offset($0) } ?? .beginning)
    }
  }

  /// Fails unless the caller still owns the partition, and keeps it so until the transaction ends.
  ///
  /// - Returns: the first offset that is not staged.
  static func hold(
    _ partition: TopicPartition, _ generation: Int64, in transaction: PostgresTransaction
  ) async throws -> Int64 {
    let rows = try await transaction.query(
      """
      SELECT coalesce(
        (SELECT next_offset FROM sv0.staged_positions WHERE topic = $1 AND partition = $2), low, 0
      ) AS next_offset
      FROM sv0.positions WHERE topic = $1 AND partition = $2 AND generation = $3 FOR UPDATE
      """, partition.values + [.int8(generation)])
    guard let row = rows.first else { throw LoadingError.fenced(partition) }
    return try row.int64("next_offset")
  }

  /// Everything below `offset` is staged, applied or refused.
  static func move(_ partition: TopicPartition, to offset: Int64) -> PostgresStatement {
    PostgresStatement(
      """
      INSERT INTO sv0.staged_positions VALUES ($1, $2, $3)
      ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
      """, partition.values + [.int8(offset)])
  }

  /// Reading after a crash begins at the oldest open attempt, or where staging had arrived.
  static func lower(_ partition: TopicPartition) -> PostgresStatement {
    PostgresStatement(
      """
      UPDATE sv0.positions p SET low = coalesce(
        (SELECT min(first_offset) FROM sv0.open_attempts o
          WHERE o.topic = p.topic AND o.partition = p.partition),
        (SELECT next_offset FROM sv0.staged_positions s
          WHERE s.topic = p.topic AND s.partition = p.partition))
      WHERE topic = $1 AND partition = $2
      """, partition.values)
  }
}

extension TopicPartition {
  var values: [PostgresValue] { [.text(topic), .int4(partition)] }
}

extension TransactionOptions {
  /// A transaction that needs staging and no tenant's rows.
  static let staging = TransactionOptions(role: "sv0_loader")
}
