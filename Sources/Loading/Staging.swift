internal import Cryptography
internal import Model
internal import Pipeline
internal import PostgresClient
internal import Schema

/// Messages of one partition that are staged in one transaction.
struct StagingBatch {
  private(set) var messages: [StagedMessage] = []
  /// The first message of each attempt in the batch.
  private(set) var firsts: [Attempt: Mark] = [:]
  /// Where attempts begin: whatever was staged of them before is of an execution that was repeated,
  /// because its worker died before it could commit the dispatch.
  private(set) var beginnings: [Attempt: Int64] = [:]

  mutating func add(_ staged: StagedMessage, _ message: Message) {
    if firsts[staged.attempt] == nil { firsts[staged.attempt] = Mark(message) }
    if case .started = staged.content {
      messages.removeAll { $0.attempt == staged.attempt }
      beginnings[staged.attempt] = staged.offset
    } else {
      messages.append(staged)
    }
  }

  /// What an earlier transaction, whose outcome was not known, has not staged.
  func from(_ offset: Int64) -> StagingBatch {
    var rest = self
    rest.messages.removeAll { $0.offset < offset }
    rest.beginnings = beginnings.filter { $0.value >= offset }
    let attempts = Set(rest.messages.map(\.attempt)).union(rest.beginnings.keys)
    rest.firsts = firsts.filter { attempts.contains($0.key) }
    return rest
  }

  /// Bytes of the values that are staged of each attempt.
  var bytes: [Attempt: Int64] {
    messages.reduce(into: [:]) { $0[$1.attempt, default: 0] += $1.bytes }
  }
}

extension Loader {
  /// Copies the batch into staging and moves the position to `offset`.
  ///
  /// - Parameter mark: the last message below the offset.
  func stage(
    _ batch: StagingBatch, upTo offset: Int64, _ mark: Mark?, of partition: TopicPartition,
    _ generation: Int64
  ) async throws {
    let overload: Overload?
    do {
      overload = try await pool.withTransaction(.staging) { transaction -> Overload? in
        let next = try await Position.hold(partition, generation, in: transaction)
        guard offset > next else { return nil }
        let rest = batch.from(next)
        let again = rest.beginnings.keys.flatMap { $0.dropStaged + [$0.emptied] }
        if !again.isEmpty { _ = try await transaction.pipeline(again) }
        try await copy(rest.messages, in: transaction)
        _ = try await transaction.pipeline(
          opening(rest, of: partition) + [
            Position.move(partition, to: offset, mark), Position.lower(partition),
          ])
        return rest.messages.isEmpty ? nil : try await self.overload(in: transaction)
      }
    } catch let error as PostgresError where error.isAboutData {
      throw BadMessage("unstorable", "the database refuses its content: \(error)")
    }
    if let overload { try await relieve(overload, reading: partition) }
  }

  /// The attempts of the batch are open, and hold that much more.
  private func opening(_ batch: StagingBatch, of partition: TopicPartition) -> [PostgresStatement] {
    let bytes = batch.bytes
    return batch.firsts.sorted { $0.value.offset < $1.value.offset }.map { attempt, first in
      PostgresStatement(
        """
        INSERT INTO sv0.open_attempts AS o (topic, partition, run, attempt, tenant, scope,
          first_offset, first_id, bytes, staged_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (run, attempt) DO UPDATE SET bytes = o.bytes + excluded.bytes,
          staged_at = excluded.staged_at
        """,
        partition.values + [
          .text(attempt.run), .int4(Int32(attempt.number)), .text(attempt.scope.tenant),
          .text(attempt.scope.description), .int8(first.offset), .bytea(first.id),
          .int8(bytes[attempt] ?? 0), .timestamp(now()),
        ])
    }
  }

  private func copy(
    _ messages: [StagedMessage], in transaction: PostgresTransaction
  ) async throws {
    var fragments: [StagedFragment] = []
    var ends: [(Attempt, CollectionEnded)] = []
    for message in messages {
      switch message.content {
      case .fragment(let fragment, let collection, let sequence, let call):
        fragments.append(
          StagedFragment(message.attempt, collection, sequence, call, fragment))
      case .collectionEnded(let ended): ends.append((message.attempt, ended))
      case .started: break  // `StagingBatch` has taken it in.
      }
    }
    if !fragments.isEmpty { try await copy(fragments, in: transaction) }
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

  private func copy(
    _ fragments: [StagedFragment], in transaction: PostgresTransaction
  ) async throws {
    let common = ["run", "attempt", "collection", "sequence"]
    _ = try await transaction.copyIn("sv0.staged_objects", columns: common + ["object", "tainted"])
    { writer in
      for staged in fragments {
        try await staged.begin(&writer)
        writer.text(staged.fragment.object)
        writer.bool(staged.fragment.taint != nil)
      }
    }
    let receipt = ["receipt_sha256", "receipt_partition", "receipt_offset", "receipt_call"]
    _ = try await transaction.copyIn(
      "sv0.staged_nodes",
      columns: common + ["object", "id", "kind", "type", "name", "defines", "state", "observed"]
        + ["hash"] + receipt
    ) { writer in
      for staged in fragments {
        for node in staged.fragment.nodes { try await staged.write(node, to: &writer) }
      }
    }
    _ = try await transaction.copyIn(
      "sv0.staged_edges",
      columns: common + ["object", "kind", "from_id", "to_id", "discriminator", "basis", "state"]
        + ["hash"] + receipt
    ) { writer in
      for staged in fragments {
        for edge in staged.fragment.edges { try await staged.write(edge, to: &writer) }
      }
    }
    _ = try await transaction.copyIn("sv0.staged_documents", columns: common + ["digest", "body"]) {
      writer in
      for staged in fragments {
        for document in staged.fragment.documents {
          try await staged.begin(&writer)
          writer.text(document.digest)
          writer.text(utf8: document.body.bytes)
        }
      }
    }
  }
}

/// A fragment with its place in its attempt.
private struct StagedFragment {
  let attempt: Attempt
  let collection: String
  let sequence: Int64
  let call: Int
  let fragment: Fragment

  init(
    _ attempt: Attempt, _ collection: String, _ sequence: Int64, _ call: Int, _ fragment: Fragment
  ) {
    self.attempt = attempt
    self.collection = collection
    self.sequence = sequence
    self.call = call
    self.fragment = fragment
  }

  nonisolated(nonsending) func begin(_ writer: inout PostgresCopyWriter) async throws {
    try await writer.beginRow()
    writer.text(attempt.run)
    writer.int4(Int32(attempt.number))
    writer.text(collection)
    writer.int8(sequence)
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

  private func writeReceipt(to writer: inout PostgresCopyWriter) {
    writer.text(fragment.receipt.sha256)
    writer.int4(fragment.receipt.partition)
    writer.int8(fragment.receipt.offset)
    writer.int4(Int32(clamping: call))
  }
}

extension Node {
  /// What decides whether a version differs: everything but the key, `observed` and the receipt.
  var hash: [UInt8] {
    let content: JSON = [
      .string(kind.rawValue), .string(type), .string(name), .strings(defines), .object(state),
    ]
    return SHA256.hash(content.bytes)
  }
}

extension Edge {
  var hash: [UInt8] {
    let content: JSON = [.string(basis.rawValue), .object(state)]
    return SHA256.hash(content.bytes)
  }
}
