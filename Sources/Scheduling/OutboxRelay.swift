public import Model
public import Pipeline
public import PostgresClient

/// Sends the messages that transactions promised, and deletes what the broker has acknowledged.
///
/// Invariants:
/// 1. A row is deleted only after its message was acknowledged; a crash in between sends it again.
/// 2. Messages of a topic are sent in the order of their ids, by one process at a time.
/// 3. Nothing is sent inside of a transaction.
/// 4. A message that is larger than its topic takes does not keep others waiting: it is sent by
///    itself, and where the broker refuses it for good a dead letter takes its place, with the value
///    if that topic takes it. The row goes once that is acknowledged.
/// 5. What was given to the producer and not sent is given up before another process can have the
///    lease, so that it never follows what that one sends: the producer's timeout is
///    `messageTimeout`.
///
/// Rows of other topics are left to the process that relays those: dispatches are the scheduler's,
/// findings the evaluator's.
public struct OutboxRelay: Sendable {
  private let store: any QueueStore
  private let producer: any MessageProducer
  private let deadLetters: DeadLetters
  private let topics: [String]
  private let messageBytes: Int
  private let sending: LeasedSending
  private let now: @Sendable () -> Timestamp
  private static let limit = OutboxLimit(messages: 500, bytes: 16 << 20)
  /// What Kafka takes unless a topic says otherwise, `message.max.bytes`, less what a record has
  /// around its key, value and headers.
  ///
  /// Source: https://kafka.apache.org/documentation/#brokerconfigs_message.max.bytes
  public static let messageBytes = 1_048_588 - 1024

  /// How long a relay's producer may try to send a message: `message.timeout.ms`. Sending begins in
  /// the first half of a lease, and this is less than the other.
  public static let messageTimeout = RelayLease.duration / 2 - .milliseconds(500)

  /// - Parameters:
  ///   - producer: gives a message up after `messageTimeout`.
  ///   - topics: the same set in every process that relays one of them.
  ///   - holder: names this process; a name that it keeps over restarts lets it go on at once.
  ///   - stage: the worker that the messages are of.
  ///   - messageBytes: of key, value and headers together; larger messages are sent one by one.
  public init(
    pool: PostgresPool, producer: any MessageProducer, topics: [String], holder: String,
    stage: Stage = .scheduler, messageBytes: Int = OutboxRelay.messageBytes,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresQueueStore(pool: pool), producer: producer, topics: topics, holder: holder,
      stage: stage, messageBytes: messageBytes, now: now, sleep: { try await Task.sleep(for: $0) })
  }

  package init(
    store: any QueueStore, producer: any MessageProducer, topics: [String], holder: String,
    stage: Stage, messageBytes: Int = OutboxRelay.messageBytes,
    now: @escaping @Sendable () -> Timestamp,
    sleep: @escaping Sleep
  ) {
    self.store = store
    self.producer = producer
    self.topics = topics
    self.messageBytes = messageBytes
    self.now = now
    deadLetters = DeadLetters(stage: stage, producer: producer, now: now)
    let name = "outbox " + topics.sorted { $0.precedes($1) }.joined(separator: " ")
    sending = LeasedSending(
      store: store, lease: RelayLease(name: name, holder: holder), now: now, sleep: sleep)
  }

  /// One turn; returns whether there may be more to send right now.
  public func turn() async throws -> Bool {
    let taken = now()
    let found = try await store.outbox(
      of: topics, upTo: Self.limit, under: sending.lease, at: taken)
    guard let entries = found, !entries.isEmpty else { return false }
    try await sending.send(takenAt: taken) { try await send(entries) }
    try await store.deleteOutbox(entries.map(\.id))
    for topic in topics {
      let sent = entries.count { $0.message.topic == topic }
      if sent > 0 { tally("sv0_outbox_sent_total", by: sent, ("topic", topic)) }
    }
    return true
  }

  private func send(_ entries: [OutboxEntry]) async throws {
    var messages: [OutgoingMessage] = []
    for entry in entries {
      guard entry.message.bytes > messageBytes else {
        messages.append(entry.message)
        continue
      }
      if !messages.isEmpty { try await producer.produce(messages) }
      messages = []
      try await sendLarge(entry)
    }
    if !messages.isEmpty { try await producer.produce(messages) }
  }

  private func sendLarge(_ entry: OutboxEntry) async throws {
    do {
      try await producer.produce(entry.message)
    } catch let error as any ClassifiedError where !error.isRetriable {
      let bad = BadMessage(
        "oversized",
        "the broker refused a message of \(entry.message.bytes) bytes: \(error). Raise "
          + "max.message.bytes of \(entry.message.topic) before it is replayed; the offset named "
          + "here is the row's in the outbox")
      var message = Message(
        topic: entry.message.topic, partition: 0, offset: entry.id, timestamp: now(),
        key: entry.message.key, value: entry.message.value, headers: entry.message.headers)
      do {
        try await deadLetters.add(message, because: bad)
      } catch let error as any ClassifiedError where !error.isRetriable {
        message.value = nil
        try await deadLetters.add(message, because: bad)
      }
      tally("sv0_dead_letters_total", ("loop", "outbox"), ("class", bad.errorClass))
    }
  }
}

extension OutgoingMessage {
  /// Of key, value and headers.
  fileprivate var bytes: Int {
    headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) { sum, header in
      sum + header.name.utf8.count + (header.value?.count ?? 0)
    }
  }
}
