internal import JSONReader
internal import KafkaClient
internal import Model
internal import Pipeline
internal import PostgresClient
internal import Scheduling
internal import Schema

/// Emits the records of a scope again: the raw topic's bytes, as a new attempt that the transformer
/// and the loader take for any other.
///
/// Invariants:
/// 1. A collection ends as it did when it was last applied, and never better: with a record less
///    than it had it ends `partial`, so that nothing is removed.
/// 2. It is as old as it was: what is emitted again was not read again.
/// 3. A record goes out once, under the sequence that it had.
struct ScopeEmission {
  private static let batchMessages = 500
  private static let batchBytes = 4 << 20
  private static let renewal = Duration.seconds(10)

  let context: Context
  let pool: PostgresPool
  let producer: any MessageProducer
  let replays: ScopeReplay
  let replay: Replay

  /// - Returns: how many records were emitted.
  /// - Throws: `Failure` 75 when the run was ended meanwhile.
  func run() async throws -> Int64 {
    try await send(
      .scanStarted,
      ScanStarted(
        scan: replay.scan, epoch: replay.epoch, scope: replay.scope, connector: "replay",
        collections: replay.collections.map(\.collection), at: Context.now()
      ).json)
    var records: Int64 = 0
    for collection in replay.collections {
      let sent = try await emit(collection, after: records)
      records += sent
      let ended = try await ending(of: collection, sent: sent)
      try await send(.collectionEnded(collection: collection.collection), ended.json)
      Terminal.complain(
        "  \(collection.collection)  \(ended.outcome.rawValue)  \(sent) records"
          + (ended.message.map { "  \($0)" } ?? ""))
    }
    try await send(
      .scanEnded,
      ScanEnded(
        outcome: .complete, records: records, calls: 0, retries: 0, throttledMilliseconds: 0,
        at: Context.now()
      ).json)
    return records
  }

  private func emit(_ collection: AppliedCollection, after before: Int64) async throws -> Int64 {
    guard let raw = collection.raw else { return 0 }
    var batch: [OutgoingMessage] = []
    var bytes = 0
    var sequences: Set<Int64> = []
    // The range begins with a record of the execution that was applied; another may lie in between.
    var execution: String?
    var renewed = ContinuousClock.now
    let reader = TopicReader(context, topic: Topic.raw(replay.scope.platform))
    try await reader.read(raw.partition, raw.offsets) { message in
      guard let header = header(message, of: collection), let value = message.value else { return }
      if message.offset == raw.offsets.lowerBound { execution = header.execution }
      guard header.execution == execution, case .record(_, let sequence, _, _) = header.content,
        sequences.insert(sequence).inserted
      else { return }
      batch.append(self.message(header.content, value))
      bytes += value.count
      guard batch.count >= Self.batchMessages || bytes >= Self.batchBytes else { return }
      try await producer.produce(batch)
      (batch, bytes) = ([], 0)
      if ContinuousClock.now - renewed > Self.renewal {
        try await renew(records: before + Int64(sequences.count))
        renewed = ContinuousClock.now
      }
    }
    try await producer.produce(batch)
    let sent = Int64(sequences.count)
    try await renew(records: before + sent)
    return sent
  }

  /// What the header says, if the message is a record of the attempt that was applied.
  private func header(
    _ message: Message, of collection: AppliedCollection
  ) -> RecordHeader? {
    guard message.key == Array(replay.scope.description.utf8),
      let header = message.header(RecordHeader.name).flatMap(RecordHeader.init),
      header.run == collection.run, header.attempt == collection.attempt,
      case .record(collection.collection, _, _, _) = header.content
    else { return nil }
    return header
  }

  private func renew(records: Int64) async throws {
    guard try await replays.renew(replay, records: records) else {
      throw Failure(
        .tryAgain,
        "run \(replay.run) was cancelled, or its lease ran out: nothing of the replay is applied")
    }
  }

  private func ending(
    of collection: AppliedCollection, sent: Int64
  ) async throws -> CollectionEnded {
    let tenant = replay.scope.tenant
    let row = try await pool.withTransaction(.tenant(tenant, readOnly: true)) {
      try await $0.query(
        """
        SELECT coalesce(c.completed_at, c.outcome_at) AS known_at, k.calls
        FROM sv0.collections c LEFT JOIN sv0.calls k ON k.tenant = c.tenant
          AND k.run = $3 AND k.collection = c.collection AND k.attempt = $4
        WHERE c.tenant = $1 AND c.scope = $2 AND c.collection = $5
        """,
        [
          .text(tenant), .text(replay.scope.description), .text(collection.run),
          .int4(Int32(collection.attempt)), .text(collection.collection),
        ]
      ).first
    }
    guard let row else {
      throw Failure(.tryAgain, "\(collection.collection) of \(replay.scope) was retired meanwhile")
    }
    let calls =
      try row.bytesOrNil("calls").map { JSON(try JSONDocument(parsing: $0).root) } ?? []
    // By way of its message: that is the one form in which calls are read.
    let shape: JSON = [
      "collection": .string(collection.collection),
      "outcome": .string(collection.outcome.rawValue), "records": .integer(sent), "calls": calls,
    ]
    var ended = try CollectionEnded(reading: shape.bytes)
    ended.kind = collection.kind
    // A delta is applied onto the token that the collection is at; none is moved.
    ended.from = collection.kind == .delta ? collection.token : nil
    ended.asOf = try row.timestamp("known_at")
    if sent != collection.records {
      if collection.outcome == .complete { ended.outcome = .partial }
      ended.message =
        "\(sent) of \(collection.records) records are still in the raw topic: scan the account "
        + "instead"
    }
    return ended
  }

  private func send(_ content: RecordHeader.Content, _ value: JSON) async throws {
    try await producer.produce(message(content, value.bytes))
  }

  private func header(_ content: RecordHeader.Content) -> RecordHeader {
    // One process replays a run, once.
    RecordHeader(run: replay.run, attempt: replay.attempt, execution: "replay", content)
  }

  private func message(_ content: RecordHeader.Content, _ value: [UInt8]) -> OutgoingMessage {
    OutgoingMessage(
      topic: Topic.raw(replay.scope.platform), partition: replay.rawPartition,
      key: Array(replay.scope.description.utf8), value: value,
      headers: [header(content).header])
  }
}
