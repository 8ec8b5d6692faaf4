internal import Model
internal import PostgresClient
internal import Schema

extension PostgresLoadingStore {
  package func stage(
    _ turn: StagingTurn, within limit: StagingLimit
  ) async throws -> Overload? {
    let partition = turn.claim.partition
    // The server waits for rows of a COPY without any limit of time, so a process that is stopped
    // meanwhile must not hold what its successor needs: no lock before the last row.
    if !turn.batch.restarted.isEmpty { try await restart(turn) }
    return try await storing(.staging) { transaction -> Overload? in
      let next = try await Position.next(turn.claim, in: transaction)
      guard turn.upTo > next else { return nil }
      let rest = turn.batch.from(next)
      try await copy(rest.messages, in: transaction)
      guard try await Position.hold(turn.claim, in: transaction) == next else {
        throw LoadingError.fenced(partition)
      }
      _ = try await transaction.pipeline(
        opening(rest, of: partition, at: turn.at) + [
          Position.move(partition, to: turn.upTo, turn.mark), Position.lower(partition),
        ])
      return rest.messages.isEmpty ? nil : try await overload(of: limit, in: transaction)
    }
  }

  /// Drops what an earlier execution of an attempt has staged; doing it again drops nothing more.
  private func restart(_ turn: StagingTurn) async throws {
    try await storing(.staging) { transaction in
      let next = try await Position.hold(turn.claim, in: transaction)
      let again = turn.batch.from(next).restarted.flatMap { $0.dropStaged + [$0.emptied] }
      if !again.isEmpty { _ = try await transaction.pipeline(again) }
    }
  }

  package func executions(of attempt: Attempt) async throws -> [String] {
    try await transaction(.staging) { transaction in
      try await transaction.query(
        "SELECT executions FROM sv0.open_attempts WHERE run = $1 AND attempt = $2",
        [.text(attempt.run), .int4(Int32(attempt.number))]
      ).first?.strings("executions") ?? []
    }
  }

  package func overload(of limit: StagingLimit) async throws -> Overload? {
    try await transaction(.staging) { try await overload(of: limit, in: $0) }
  }

  private func overload(
    of limit: StagingLimit, in transaction: PostgresTransaction
  ) async throws -> Overload? {
    let rows = try await transaction.query(
      """
      SELECT run, attempt, scope, topic, partition, bytes, (sum(bytes) OVER ())::bigint AS held
      FROM sv0.open_attempts
      WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int8[]))
      ORDER BY bytes DESC, run COLLATE "C", attempt LIMIT 1
      """,
      [
        .texts(limit.partitions.map(\.topic)),
        .int8s(limit.partitions.map { Int64($0.partition) }),
      ])
    guard let row = rows.first, try row.int64("held") > limit.bytes else { return nil }
    return try Attempt(row).map { attempt in
      Overload(
        attempt: attempt, partition: try TopicPartition(row), bytes: try row.int64("bytes"))
    }
  }

  /// The attempts of the batch are open, and hold that much more.
  private func opening(
    _ batch: StagingBatch, of partition: TopicPartition, at now: Timestamp
  ) -> [PostgresStatement] {
    let bytes = batch.bytes
    return batch.opened.map { attempt, first in
      PostgresStatement(
        """
        INSERT INTO sv0.open_attempts AS o (topic, partition, run, attempt, tenant, scope,
          first_offset, first_id, bytes, staged_at, executions)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (run, attempt) DO UPDATE SET bytes = o.bytes + excluded.bytes,
          staged_at = excluded.staged_at, executions = excluded.executions
        """,
        partition.values + [
          .text(attempt.run), .int4(Int32(attempt.number)), .text(attempt.scope.tenant),
          .text(attempt.scope.description), .int8(first.offset), .bytea(first.id),
          .int8(bytes[attempt] ?? 0), .timestamp(now),
          .texts(batch.executions[attempt] ?? []),
        ])
    }
  }

  private func copy(
    _ messages: [StagedMessage], in transaction: PostgresTransaction
  ) async throws {
    var records: [PlacedRecord] = []
    var ends: [(Attempt, CollectionEnded)] = []
    for message in messages {
      switch message.content {
      case .record(let record): records.append(PlacedRecord(message.attempt, record))
      case .collectionEnded(let ended): ends.append((message.attempt, ended))
      }
    }
    if !records.isEmpty { try await copy(records, in: transaction) }
    if !ends.isEmpty {
      _ = try await transaction.copyIn(
        "sv0.staged_ends", columns: ["run", "attempt", "collection", "body"]
      ) { writer in
        for (attempt, ended) in ends {
          try await writer.beginRow()
          writer.text(attempt.run)
          writer.int4(Int32(attempt.number))
          writer.text(ended.collection)
          writer.text(utf8: ended.json.bytes)
        }
      }
    }
  }

  func copy(
    _ records: [PlacedRecord], in transaction: PostgresTransaction
  ) async throws {
    let common = ["run", "attempt", "collection", "sequence"]
    _ = try await transaction.copyIn(
      "sv0.staged_objects",
      columns: common + ["object", "tainted", "removed", "receipt_partition", "receipt_offset"]
    ) { writer in
      for placed in records {
        try await placed.begin(&writer)
        writer.text(placed.fragment.object)
        writer.bool(placed.record.isTainted)
        writer.bool(placed.record.isRemoval)
        writer.int4(placed.fragment.receipt.partition)
        writer.int8(placed.fragment.receipt.offset)
      }
    }
    let receipt = ["receipt_sha256", "receipt_partition", "receipt_offset", "receipt_call"]
    _ = try await transaction.copyIn(
      "sv0.staged_nodes",
      columns: common + ["object", "id", "kind", "type", "name", "defines", "state", "observed"]
        + ["hash"] + receipt
    ) { writer in
      for placed in records {
        for node in placed.fragment.nodes { try await placed.write(node, to: &writer) }
      }
    }
    _ = try await transaction.copyIn(
      "sv0.staged_edges",
      columns: common + ["object", "kind", "from_id", "to_id", "discriminator", "basis", "state"]
        + ["hash"] + receipt
    ) { writer in
      for placed in records {
        for edge in placed.fragment.edges { try await placed.write(edge, to: &writer) }
      }
    }
    _ = try await transaction.copyIn("sv0.staged_documents", columns: common + ["digest", "body"]) {
      writer in
      for placed in records {
        for document in placed.fragment.documents {
          try await placed.begin(&writer)
          writer.text(document.digest)
          writer.text(utf8: document.body.bytes)
        }
      }
    }
    _ = try await transaction.copyIn(
      "sv0.staged_activity",
      columns: common + ["subject", "action", "target", "at"] + receipt
    ) { writer in
      for placed in records {
        for activity in placed.fragment.activity {
          try await placed.write(activity, to: &writer)
        }
      }
    }
  }
}

/// A record of an attempt, as rows.
struct PlacedRecord {
  let attempt: Attempt
  let record: StagedRecord
  var fragment: Fragment { record.fragment }

  init(_ attempt: Attempt, _ record: StagedRecord) {
    self.attempt = attempt
    self.record = record
  }

  nonisolated(nonsending) func begin(_ writer: inout PostgresCopyWriter) async throws {
    try await writer.beginRow()
    writer.text(attempt.run)
    writer.int4(Int32(attempt.number))
    writer.text(record.collection)
    writer.int8(record.sequence)
  }

  nonisolated(nonsending) func write(_ node: Node, to writer: inout PostgresCopyWriter) async throws
  {
    try await begin(&writer)
    writer.text(fragment.object)
    writer.text(node.id)
    writer.text(node.kind.rawValue)
    writer.text(node.type)
    writer.text(node.name)
    writer.value(.texts(node.defines))
    writer.text(utf8: JSON.object(node.state).bytes)
    writer.text(utf8: JSON.object(node.observed.mapValues { .string($0) }).bytes)
    writer.bytea(node.hash)
    writeReceipt(to: &writer)
  }

  nonisolated(nonsending) func write(_ edge: Edge, to writer: inout PostgresCopyWriter) async throws
  {
    try await begin(&writer)
    writer.text(fragment.object)
    writer.text(edge.key.kind.rawValue)
    writer.text(edge.key.from)
    writer.text(edge.key.to)
    writer.text(edge.key.discriminator)
    writer.text(edge.basis.rawValue)
    writer.text(utf8: JSON.object(edge.state).bytes)
    writer.bytea(edge.hash)
    writeReceipt(to: &writer)
  }

  nonisolated(nonsending) func write(
    _ activity: Activity, to writer: inout PostgresCopyWriter
  ) async throws {
    try await begin(&writer)
    writer.text(activity.subject)
    writer.text(activity.action)
    writer.text(activity.target)
    writer.timestamp(activity.at)
    writeReceipt(to: &writer)
  }

  private func writeReceipt(to writer: inout PostgresCopyWriter) {
    writer.text(fragment.receipt.sha256)
    writer.int4(fragment.receipt.partition)
    writer.int8(fragment.receipt.offset)
    writer.int4(Int32(clamping: record.call))
  }
}
