internal import Model
internal import PostgresClient

extension Position {
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

  /// Fails unless the caller still owns the partition, and keeps it so until the transaction ends.
  ///
  /// - Returns: the first offset that is not staged.
  static func hold(
    _ claim: Claim, in transaction: PostgresTransaction
  ) async throws -> Int64 {
    try await next(claim, "FOR UPDATE OF p", in: transaction)
  }

  /// Fails unless the caller owns the partition now; another may take it over at once.
  ///
  /// - Returns: the first offset that is not staged.
  static func next(
    _ claim: Claim, _ lock: String = "", in transaction: PostgresTransaction
  ) async throws -> Int64 {
    let partition = claim.partition
    let rows = try await transaction.query(
      """
      SELECT s.next_offset FROM sv0.positions p
      LEFT JOIN sv0.staged_positions s ON s.topic = p.topic AND s.partition = p.partition
      WHERE p.topic = $1 AND p.partition = $2 AND p.generation = $3 \(lock)
      """, partition.values + [.int8(claim.generation)])
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

extension Mark {
  init?(_ row: PostgresRow) throws {
    guard let offset = try row.int64OrNil("mark_offset"), let id = try row.bytesOrNil("mark_id")
    else { return nil }
    self.init(offset: offset, id: id)
  }
}

extension TopicPartition {
  var values: [PostgresValue] { [.text(topic), .int4(partition)] }

  init(_ row: PostgresRow) throws {
    self.init(
      topic: try row.string("topic"),
      partition: Int32(truncatingIfNeeded: try row.int64("partition")))
  }
}
