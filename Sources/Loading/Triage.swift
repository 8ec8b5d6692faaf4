internal import Model
internal import Pipeline
internal import PostgresClient
internal import Schema

/// What becomes of one message of the graph topic.
enum Verdict {
  case stage(StagedMessage)
  /// The attempt is over: apply it.
  case end(Attempt)
  /// It belongs to an attempt that is finished or was superseded.
  case ignore(String)
  case refuse(BadMessage)
}

/// A message that is to be staged.
struct StagedMessage {
  var attempt: Attempt
  var offset: Int64
  /// Of the message's value.
  var bytes: Int64
  var content: Content

  enum Content {
    case fragment(Fragment, collection: String, sequence: Int64, call: Int)
    case started
    case collectionEnded(CollectionEnded)
  }
}

extension Loader {
  func triage(_ message: Message, of partition: TopicPartition) async throws -> Verdict {
    do {
      guard let header = message.header(RecordHeader.name).flatMap(RecordHeader.init) else {
        throw BadMessage("malformed", "the header sv0 is missing or not well formed")
      }
      guard let key = message.key.flatMap({ String(validating: $0, as: UTF8.self) }),
        let scope = Scope(key)
      else {
        throw BadMessage("malformed", "the key is no scope key tenant/connection/platform/account")
      }
      let attempt = Attempt(scope: scope, run: header.run, number: header.attempt)
      if let why = try await obstacle(to: attempt, of: partition) { return .ignore(why) }
      return try verdict(header, attempt, message)
    } catch let bad as BadMessage {
      return .refuse(bad)
    }
  }

  private func verdict(
    _ header: RecordHeader, _ attempt: Attempt, _ message: Message
  ) throws(BadMessage) -> Verdict {
    func staged(_ content: StagedMessage.Content) -> Verdict {
      .stage(
        StagedMessage(
          attempt: attempt, offset: message.offset, bytes: Int64(message.value?.count ?? 0),
          content: content))
    }
    switch header.content {
    case .record(let collection, let sequence, _, let call):
      let fragment = try Fragment(reading: message.value)
      return staged(.fragment(fragment, collection: collection, sequence: sequence, call: call))
    case .scanStarted:
      guard try ScanStarted(reading: message.value).scope == attempt.scope else {
        throw BadMessage("tenant", "scan.started names another scope than the message's key")
      }
      return staged(.started)
    case .collectionEnded(let collection):
      let ended = try CollectionEnded(reading: message.value)
      guard ended.collection == collection else {
        throw BadMessage("schema", "collection.ended names another collection than its header")
      }
      return staged(.collectionEnded(ended))
    case .scanEnded:
      _ = try ScanEnded(reading: message.value)
      return .end(attempt)
    }
  }

  /// Why the attempt is not to be staged; `nil` if it is open. Asked once per attempt.
  private func obstacle(to attempt: Attempt, of partition: TopicPartition) async throws -> String? {
    if partitions.isOpen(attempt, of: partition) { return nil }
    let options = TransactionOptions.tenant(attempt.scope.tenant, readOnly: true)
    let row = try await pool.withTransaction(options) { transaction in
      try await transaction.query(
        "SELECT scope, state, attempt FROM sv0.runs WHERE tenant = $1 AND run = $2",
        [.text(attempt.scope.tenant), .text(attempt.run)]
      ).first
    }
    // A run of another tenant is as unknown as one that never was: that is what row security is for.
    guard let row else {
      throw BadMessage(
        "unknown-run",
        "run \(attempt.run) is not in the run table of tenant \(attempt.scope.tenant)")
    }
    guard try row.string("scope") == attempt.scope.description else {
      throw BadMessage("tenant", "run \(attempt.run) belongs to another scope than the key's")
    }
    if try row.int64("attempt") != Int64(attempt.number) { return "superseded" }
    guard let state = RunState(rawValue: try row.string("state")), state.takesRecords else {
      return "finished"
    }
    partitions.remember(attempt, of: partition)
    return nil
  }
}

extension RunState {
  /// Whether an attempt of the run may still be staged and applied. `queued` too: the lease was
  /// lost, but while nobody else was dispatched the late worker may go on.
  var takesRecords: Bool {
    switch self {
    case .queued, .dispatched, .leased, .extracted: true
    case .applied, .evaluated, .failed, .skipped, .cancelled: false
    }
  }
}
