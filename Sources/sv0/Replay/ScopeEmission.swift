internal import Extraction
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
    let counts = try await emit()
    var outcomes: [Outcome] = []
    for collection in replay.collections {
      let sent = counts[collection.collection] ?? 0
      let ended = try await ending(of: collection, sent: sent)
      try await send(.collectionEnded(collection: collection.collection), ended.json)
      outcomes.append(ended.outcome)
      Terminal.complain(
        "  \(collection.collection)  \(ended.outcome.rawValue)  \(sent) records"
          + (ended.message.map { "  \($0)" } ?? ""))
    }
    let records = counts.values.reduce(0, +)
    try await send(
      .scanEnded,
      ScanEnded(
        outcome: .combined(outcomes), records: records, calls: 0, retries: 0, throttledMilliseconds: 0,
        at: Context.now()
      ).json)
    return records
  }

  /// Reads the raw topic once per attempt that collections were applied from.
  ///
  /// - Returns: how many records of each collection were emitted.
  private func emit() async throws -> [String: Int64] {
    var sequences: [String: Set<Int64>] = [:]
    var renewed = ContinuousClock.now
    func keepLease() async throws {
      guard ContinuousClock.now - renewed > Self.renewal else { return }
      try await renew(records: Int64(sequences.values.reduce(0) { $0 + $1.count }))
      renewed = ContinuousClock.now
    }
    for source in sources {
      // A range begins with a record of the execution that was applied; another may lie in between.
      var executions: [String: String] = [:]
      var batch: [OutgoingMessage] = []
      var bytes = 0
      let reader = TopicReader(context, topic: Topic.raw(replay.scope.platform))
      try await reader.read(source.partition, source.offsets) { message in
        try await keepLease()
        guard message.key == Array(replay.scope.description.utf8), let value = message.value,
          let header = message.header(RecordHeader.name).flatMap(RecordHeader.init),
          header.run == source.run, header.attempt == source.attempt,
          case .record(let collection, let sequence, _, _) = header.content,
          let range = source.ranges[collection], range.contains(message.offset)
        else { return }
        if message.offset == range.lowerBound { executions[collection] = header.execution }
        guard header.execution == executions[collection],
          sequences[collection, default: []].insert(sequence).inserted
        else { return }
        batch.append(self.message(header.content, value))
        bytes += value.count
        guard batch.count >= Self.batchMessages || bytes >= Self.batchBytes else { return }
        try await producer.produce(batch)
        (batch, bytes) = ([], 0)
      }
      try await producer.produce(batch)
    }
    return sequences.mapValues { Int64($0.count) }
  }

  /// An attempt, and where the records are that collections were applied from.
  private struct Source {
    var run: String
    var attempt: Int
    var partition: Int32
    var ranges: [String: ClosedRange<Int64>]

    var offsets: ClosedRange<Int64> {
      let first = ranges.values.map(\.lowerBound).min() ?? 0
      return first...(ranges.values.map(\.upperBound).max() ?? first)
    }
  }

  private var sources: [Source] {
    replay.collections.reduce(into: []) { sources, collection in
      guard let raw = collection.raw else { return }
      let known = sources.firstIndex {
        $0.run == collection.run && $0.attempt == collection.attempt
          && $0.partition == raw.partition
      }
      if let known {
        sources[known].ranges[collection.collection] = raw.offsets
      } else {
        sources.append(
          Source(
            run: collection.run, attempt: collection.attempt, partition: raw.partition,
            ranges: [collection.collection: raw.offsets]))
      }
    }
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

  private func message(_ content: RecordHeader.Content, _ value: [UInt8]) -> OutgoingMessage {
    // One process replays a run, once.
    let header = RecordHeader(
      run: replay.run, attempt: replay.attempt, execution: "replay", content)
    return OutgoingMessage(
      topic: Topic.raw(replay.scope.platform), partition: replay.rawPartition,
      key: Array(replay.scope.description.utf8), value: value,
      headers: [header.header])
  }
}
