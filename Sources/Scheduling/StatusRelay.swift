public import Model
public import Pipeline
public import PostgresClient

/// Publishes every run that changed since it was last published, as it is now.
///
/// Invariants:
/// 1. What is sent is a row as one moment saw it; versions in between may be left out.
/// 2. `published_version` is set only to a version that was acknowledged, and only grows: a run that
///    changed meanwhile is published again.
/// 3. One process at a time publishes, in the order of change: the last message of a scope is true.
/// 4. A process that was stopped while it sent, and finds that another has published since, makes a
///    new version of what it sent: the other publishes it again, last.
public struct StatusRelay: Sendable {
  private let store: any QueueStore
  private let producer: any MessageProducer
  private let sending: LeasedSending
  private let now: @Sendable () -> Timestamp
  private static let batch = 200

  /// - Parameters:
  ///   - producer: gives a message up after `OutboxRelay.messageTimeout`.
  ///   - holder: names this process; one that it keeps over restarts lets it go on at once.
  public init(
    pool: PostgresPool, producer: any MessageProducer, holder: String,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresQueueStore(pool: pool), producer: producer, holder: holder, now: now,
      sleep: { try await Task.sleep(for: $0) })
  }

  package init(
    store: any QueueStore, producer: any MessageProducer, holder: String,
    now: @escaping @Sendable () -> Timestamp,
    sleep: @escaping Sleep
  ) {
    self.store = store
    self.producer = producer
    self.now = now
    sending = LeasedSending(
      store: store, lease: RelayLease(name: "status", holder: holder), now: now, sleep: sleep)
  }

  /// One turn; returns whether there may be more to publish right now.
  public func turn() async throws -> Bool {
    let taken = now()
    let found = try await store.unpublishedRuns(
      limit: Self.batch, under: sending.lease, at: taken)
    guard let changed = found, !changed.isEmpty else { return false }
    let messages = changed.map(Self.message)
    try await sending.send(takenAt: taken) { try await producer.produce(messages) }
    let published = changed.map { PublishedRun(run: $0.run.key, version: $0.version) }
    let isKept = try await store.markPublished(published, under: sending.lease, at: now())
    tally("sv0_statuses_published_total", by: changed.count)
    return isKept && changed.count == Self.batch
  }

  private static func message(_ status: RunStatus) -> OutgoingMessage {
    let run = status.run
    let event = CloudEvent(
      id: "\(run.run).\(status.version)", source: "sv0://\(run.tenant)/scheduler",
      type: CloudEventType.runChanged, time: status.changedAt)
    let value = JSON.members([
      "scan": .string(run.scan), "run": .string(run.run), "tenant": .string(run.tenant),
      "scope": .string(run.scope), "epoch": .integer(run.epoch),
      "attempt": .integer(Int64(run.machine.attempt)),
      "state": .string(run.machine.state.rawValue), "version": .integer(status.version),
      "priority": .string(status.priority.rawValue),
      "reason": run.machine.reason.map { .string($0) },
      "records": .integer(run.machine.records), "calls": .integer(run.machine.calls),
      "collections": .array(status.collections.map(\.json)),
      "requestedAt": .string(status.requestedAt.description),
      "changedAt": .string(status.changedAt.description),
    ])
    return OutgoingMessage(
      topic: Topic.scanStatus, key: Array(run.scope.utf8), value: value.bytes,
      headers: event.headers)
  }
}

extension CollectionReport {
  fileprivate var json: JSON {
    .members([
      "name": .string(collection), "outcome": .string(outcome.rawValue),
      "records": .integer(records), "missing": missing.isEmpty ? nil : .strings(missing),
      "message": message.map { .string($0) },
    ])
  }
}
