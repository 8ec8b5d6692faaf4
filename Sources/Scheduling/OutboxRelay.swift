internal import JSONReader
public import Model
public import Pipeline
public import PostgresClient
internal import Schema

/// Sends the messages that transactions promised, and deletes what the broker has acknowledged.
///
/// Invariants:
/// 1. A row is deleted only after its message was acknowledged; a crash in between sends it again.
/// 2. Messages of a topic are sent in the order of their ids, by one process at a time.
/// 3. Nothing is sent inside of a transaction.
///
/// Rows of other topics are left to the process that relays those: dispatches are the scheduler's,
/// findings the evaluator's.
public struct OutboxRelay: Sendable {
  private let store: Store
  private let producer: any MessageProducer
  private let topics: [String]
  private let sending: LeasedSending
  private let now: @Sendable () -> Timestamp
  private static let batch = 500
  private static let batchBytes = 16 << 20

  /// - Parameters:
  ///   - topics: the same set in every process that relays one of them.
  ///   - holder: names this process; a name that it keeps over restarts lets it go on at once.
  public init(
    pool: PostgresPool, producer: any MessageProducer, topics: [String], holder: String,
    now: @escaping @Sendable () -> Timestamp
  ) {
    store = Store(pool: pool)
    self.producer = producer
    self.topics = topics
    self.now = now
    let name = "outbox " + topics.sorted { $0.precedes($1) }.joined(separator: " ")
    sending = LeasedSending(store: store, lease: RelayLease(name: name, holder: holder), now: now)
  }

  private struct Entry: Sendable {
    var id: Int64
    var message: OutgoingMessage
  }

  /// One turn; returns whether there may be more to send right now.
  public func turn() async throws -> Bool {
    let entries = try await oldest()
    guard !entries.isEmpty else { return false }
    let messages = entries.map(\.message)
    try await sending.send { try await producer.produce(messages) }
    try await store.transaction(.queue) { transaction in
      _ = try await transaction.execute(
        "DELETE FROM sv0.outbox WHERE id = ANY($1)", [.int8s(entries.map(\.id))])
    }
    for (topic, sent) in Dictionary(grouping: messages, by: \.topic) {
      tally("sv0_outbox_sent_total", by: sent.count, ("topic", topic))
    }
    return true
  }

  /// As many as one turn sends; none while another process has the lease.
  private func oldest() async throws -> [Entry] {
    try await store.transaction(.queue) { transaction in
      guard try await sending.lease.take(at: now(), in: transaction) else { return [] }
      let rows = try await transaction.query(
        """
        SELECT id, topic, key, headers, value FROM (
          SELECT *, sum(octet_length(coalesce(value, ''))) OVER (ORDER BY id) AS bytes FROM (
            SELECT * FROM sv0.outbox WHERE topic = ANY($1) ORDER BY id LIMIT $2) AS oldest
        ) AS summed
        WHERE bytes <= $3 OR id = (SELECT min(id) FROM sv0.outbox WHERE topic = ANY($1))
        ORDER BY id
        """, [.texts(topics), .int8(Int64(Self.batch)), .int8(Int64(Self.batchBytes))])
      return try rows.map { row in
        Entry(
          id: try row.int64("id"),
          message: OutgoingMessage(
            topic: try row.string("topic"), key: try row.bytes("key"),
            value: try row.bytesOrNil("value"),
            headers: try headers(row.string("headers"))))
      }
    }
  }

  private func headers(_ text: String) throws -> [MessageHeader] {
    try JSONDocument(parsing: Array(text.utf8)).root.object().map { member in
      MessageHeader(member.key, try member.value.string())
    }
  }
}
