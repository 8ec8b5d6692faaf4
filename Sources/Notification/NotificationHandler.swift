internal import Metrics
public import Model
public import Pipeline
internal import Synchronization

/// Delivers a tenant's findings to one sink, in the order of the topic.
///
/// Invariants:
/// 1. A finding of another tenant never reaches the sink, whatever the event itself says.
/// 2. Of a finding, no version is sent after a higher one was, and none twice, as long as this
///    process keeps the partition. A delivery that is repeated has the same id.
/// 3. Nothing of a partition is sent before what precedes it was delivered, refused or left out.
/// 4. The body is the event's bytes as published.
///
/// Metrics, by `tenant` and `sink`: `sv0_notifications_total` with `result`,
/// `sv0_notification_seconds` (one delivery) and `sv0_notification_delay_seconds` (from the change
/// of the finding to its delivery).
public final class NotificationHandler: BatchHandler {
  private let document: SinkDocument
  private let sink: WebhookSink
  private let now: @Sendable () -> Timestamp
  private let sleep: Sleep
  private let state = Mutex(State())
  /// Findings that are remembered per partition; beyond it, all are forgotten, and a version that
  /// comes again may be sent again.
  private static let maximumRemembered = 100_000

  private struct State {
    var delivered: [TopicPartition: [String: Int64]] = [:]
    /// The receiver asked to be left alone until then.
    var notBefore: Timestamp?
  }

  public init(
    _ document: SinkDocument, sink: WebhookSink, now: @escaping @Sendable () -> Timestamp,
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) }
  ) {
    self.document = document
    self.sink = sink
    self.now = now
    self.sleep = sleep
  }

  public func handle(_ messages: [Message]) async throws {
    for message in messages {
      let result = try await handle(message)
      Counter(
        label: "sv0_notifications_total", dimensions: dimensions + [("result", result.rawValue)]
      ).increment()
    }
  }

  public func revoked(_ partitions: [TopicPartition]) async {
    state.withLock { state in
      for partition in partitions { state.delivered[partition] = nil }
    }
  }

  private enum Result: String {
    case delivered, filtered, repeated, tombstone
    case otherTenant = "other-tenant"
    /// Delivered again for another sink, which had refused it.
    case otherSink = "other-sink"
  }

  private var dimensions: [(String, String)] {
    [("tenant", document.tenant), ("sink", document.name)]
  }

  private func handle(_ message: Message) async throws -> Result {
    guard let value = message.value else { return .tombstone }
    let envelope = try FindingEnvelope(message)
    guard envelope.tenant == document.tenant else { return .otherTenant }
    if let sink = message.header(MessageHeader.replay), sink != document.key { return .otherSink }
    let event = try FindingEvent(reading: value, in: envelope)
    guard document.filter.includes(event) else { return .filtered }
    let partition = TopicPartition(topic: message.topic, partition: message.partition)
    let sent = state.withLock { $0.delivered[partition]?[envelope.uid] }
    guard sent ?? 0 < envelope.version else { return .repeated }
    try await deliver(value, envelope)
    state.withLock { state in
      if state.delivered[partition, default: [:]].count >= Self.maximumRemembered {
        state.delivered[partition] = [:]
      }
      state.delivered[partition, default: [:]][envelope.uid] = envelope.version
    }
    return .delivered
  }

  private func deliver(_ value: [UInt8], _ envelope: FindingEnvelope) async throws {
    if let pause = state.withLock({ $0.notBefore }).map({ $0 - now() }), pause > .zero {
      try await cancelledByDraining { try await self.sleep(pause) }
    }
    let began = now()
    do {
      try await sink.deliver(id: envelope.id, body: value)
    } catch let error as NotificationError {
      if let retryAfter = error.retryAfter {
        let time = now() + retryAfter
        state.withLock { $0.notBefore = time }
      }
      guard case .refused = error.kind else { throw error }
      throw BadMessage("refused", error.message)
    }
    let ended = now()
    record("sv0_notification_seconds", ended - began)
    if let changed = envelope.time { record("sv0_notification_delay_seconds", ended - changed) }
  }

  private func record(_ label: String, _ duration: Duration) {
    let (seconds, attoseconds) = max(.zero, duration).components
    Timer(label: label, dimensions: dimensions)
      .recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
