internal import Model
internal import Pipeline

/// What becomes of one message of the graph topic.
enum Verdict {
  /// An execution of the attempt begins.
  case begin(Attempt, execution: String)
  case stage(StagedMessage, execution: String)
  /// An execution of the attempt is over: apply it, if it is the one that counts.
  case end(Attempt, execution: String)
  /// A record of a finished attempt that a person had delivered again.
  case upsert(ReplayedRecord)
  /// It belongs to an attempt that is finished or was superseded.
  case ignore(String)
  case refuse(BadMessage)
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
      let standing = try await standing(attempt, of: partition)
      guard standing == .open else { return try leftover(header, attempt, message, standing) }
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
          content: content), execution: header.execution)
    }
    switch header.content {
    case .record(let collection, let sequence, _, let call):
      let fragment = try Fragment(reading: message.value)
      return staged(
        .record(StagedRecord(fragment, collection: collection, sequence: sequence, call: call)))
    case .scanStarted:
      guard try ScanStarted(reading: message.value).scope == attempt.scope else {
        throw BadMessage("tenant", "scan.started names another scope than the message's key")
      }
      return .begin(attempt, execution: header.execution)
    case .collectionEnded(let collection):
      let ended = try CollectionEnded(reading: message.value)
      guard ended.collection == collection else {
        throw BadMessage("schema", "collection.ended names another collection than its header")
      }
      return staged(.collectionEnded(ended))
    case .scanEnded:
      _ = try ScanEnded(reading: message.value)
      return .end(attempt, execution: header.execution)
    }
  }

  /// What becomes of a message whose attempt is not open.
  private func leftover(
    _ header: RecordHeader, _ attempt: Attempt, _ message: Message, _ standing: Standing
  ) throws(BadMessage) -> Verdict {
    guard message.header(MessageHeader.replay) != nil,
      case .record(let collection, let sequence, _, let call) = header.content
    else { return .ignore(standing.rawValue) }
    var fragment = try Fragment(reading: message.value)
    let oldest = oldestActivity
    fragment.activity.removeAll { $0.at < oldest }
    return .upsert(
      ReplayedRecord(
        attempt: attempt,
        record: StagedRecord(fragment, collection: collection, sequence: sequence, call: call),
        at: now()))
  }

  /// Asks the database once per attempt that is open.
  private func standing(_ attempt: Attempt, of partition: TopicPartition) async throws -> Standing {
    if partitions.isOpen(attempt, of: partition) { return .open }
    let standing = try attempt.standing(
      try await store.run(attempt.run, of: attempt.scope.tenant))
    if standing == .open {
      partitions.remember(attempt, try await store.executions(of: attempt), of: partition)
    }
    return standing
  }
}
