internal import Model

/// What one attempt sends, and in which order: to its raw partition, and about its collections to
/// the scheduler. Pure.
///
/// ```
/// opening ──scan.started──► open ──records, collection.ended──► … ──scan.ended──► closed
/// ```
///
/// Invariants:
/// 1. `scan.started` is sent first and alone; nothing is sent before it is acknowledged.
/// 2. A collection's records have the sequences 0, 1, 2, … in the order in which they were given.
/// 3. One batch is under way at a time. It is repeated as it was, never partly, never reordered.
/// 4. A control message or report is a batch of its own: when `collection.ended` is sent, all
///    records of its collection are acknowledged.
/// 5. A collection ends once, and takes no record after that.
/// 6. `scan.ended` needs every collection to have ended, and is the last message.
/// 7. A record that is too large keeps its sequence as a marker, and its collection ends `partial`
///    at best.
struct AttemptPublication: Sendable {
  /// The largest value of a message: the topic's 8 MiB less room for key, headers and framing.
  static let maximumValueBytes = (8 << 20) - (64 << 10)
  static let maximumBatchMessages = 500
  static let maximumBatchBytes = 4 << 20

  /// Stands for everything given so far: acknowledged once `isAcknowledged` says so.
  struct Ticket: Sendable, Equatable {
    let messages: Int
  }

  private struct Collection {
    var records: Int64 = 0
    var oversized: [String] = []
    var hasEnded = false
  }
  private struct Entry {
    var message: OutgoingMessage
    var isControl: Bool
  }

  private let dispatch: Dispatch
  private let execution: String
  private let topic: String
  /// The key of every message.
  private let key: [UInt8]
  private let maximumValueBytes: Int
  private var collections: [String: Collection]
  private var queue: [Entry] = []
  private var underWay = 0
  private var given = 0
  private var acknowledged = 0
  private var isClosed = false

  /// - Parameter execution: names this execution of the attempt; another one has another name.
  init(
    _ dispatch: Dispatch, execution: String, connector: String, collections: [String],
    at time: Timestamp,
    maximumValueBytes: Int = Self.maximumValueBytes
  ) {
    self.dispatch = dispatch
    self.execution = execution
    topic = Topic.raw(dispatch.scope.platform)
    key = Array(dispatch.scope.description.utf8)
    self.maximumValueBytes = maximumValueBytes
    self.collections = Dictionary(
      uniqueKeysWithValues: collections.map { ($0, Collection()) })
    let started = ScanStarted(
      scan: dispatch.scan, epoch: dispatch.epoch, scope: dispatch.scope, connector: connector,
      collections: collections, at: time)
    add(.scanStarted, started.json.bytes)
  }

  var ticket: Ticket { Ticket(messages: given) }

  func isAcknowledged(_ ticket: Ticket) -> Bool { acknowledged >= ticket.messages }

  /// How many records each collection has, for messages and the total.
  var records: Int64 { collections.values.reduce(0) { $0 + $1.records } }

  /// Takes records in order.
  mutating func publish(
    _ records: [Record], to name: String
  ) throws(ExtractionError) -> Ticket {
    guard var collection = collections[name], !collection.hasEnded, !isClosed else {
      throw ExtractionError(.misuse, "a record of \(name), which is not open")
    }
    for record in records {
      var value = record.bytes
      if value.count > maximumValueBytes {
        collection.oversized.append(record.key)
        value = OversizedRecord.marker(bytes: value.count).bytes
      }
      add(
        .record(
          collection: name, sequence: collection.records, key: record.key, call: record.call),
        value)
      collection.records += 1
    }
    collections[name] = collection
    return ticket
  }

  /// Ends a collection; the result is what was sent about it.
  mutating func end(
    _ name: String, _ result: CollectionResult, calls: CallLog
  ) throws(ExtractionError) -> CollectionEnded {
    guard var collection = collections[name], !collection.hasEnded, !isClosed else {
      throw ExtractionError(.misuse, "the end of \(name), which is not open")
    }
    collection.hasEnded = true
    collections[name] = collection
    var result = result
    var notes = [result.message].compactMap(\.self)
    if let first = collection.oversized.first {
      if result.outcome == .complete || result.outcome == .unchanged { result.outcome = .partial }
      notes.append(
        "\(collection.oversized.count) records are larger than \(maximumValueBytes) bytes and were "
          + "replaced by markers, the first is \(first).")
    }
    if calls.count > CallLog.maximumListed {
      notes.append("Of \(calls.count) calls the first \(CallLog.maximumListed) are listed.")
    }
    let ended = CollectionEnded(
      collection: name, outcome: result.outcome, kind: result.kind, records: collection.records,
      missing: Set(result.missing).sorted { $0.precedes($1) },
      message: notes.isEmpty ? nil : notes.joined(separator: " "), from: result.from,
      token: result.token, calls: calls.listed)
    add(.collectionEnded(collection: name), ended.json.bytes)
    return ended
  }

  /// Tells the scheduler, once everything given before is acknowledged.
  mutating func report(_ message: OutgoingMessage) {
    queue.append(Entry(message: message, isControl: true))
    given += 1
  }

  /// Ends the attempt.
  mutating func close(_ ended: ScanEnded) throws(ExtractionError) {
    let open = collections.filter { !$0.value.hasEnded }.keys.sorted { $0.precedes($1) }
    guard open.isEmpty, !isClosed else {
      throw ExtractionError(
        .misuse, "the end of the scan while \(open) are open, or for a second time")
    }
    isClosed = true
    add(.scanEnded, ended.json.bytes)
  }

  /// The batch to send now; `nil` when there is nothing to send or one is under way.
  mutating func nextBatch() -> [OutgoingMessage]? {
    guard underWay == 0, let first = queue.first else { return nil }
    var bytes = 0
    var batch: [OutgoingMessage] = []
    for entry in queue.prefix(first.isControl ? 1 : Self.maximumBatchMessages) {
      let size = entry.message.value?.count ?? 0
      let isFull = !batch.isEmpty && bytes + size > Self.maximumBatchBytes
      if isFull || (entry.isControl && !first.isControl) { break }
      bytes += size
      batch.append(entry.message)
    }
    underWay = batch.count
    return batch
  }

  /// The broker has the batch.
  mutating func batchAcknowledged() {
    queue.removeFirst(underWay)
    acknowledged += underWay
    underWay = 0
  }

  private mutating func add(_ content: RecordHeader.Content, _ value: [UInt8]) {
    let header = RecordHeader(
      run: dispatch.run, attempt: dispatch.attempt, execution: execution, content)
    let message = OutgoingMessage(
      topic: topic, partition: dispatch.rawPartition, key: key, value: value,
      headers: [header.header])
    let isControl = if case .record = content { false } else { true }
    queue.append(Entry(message: message, isControl: isControl))
    given += 1
  }
}

/// What is published instead of a record that no message can hold.
public enum OversizedRecord {
  /// The one member of the marker; no platform's object has it.
  public static let member = "sv0:oversized"

  static func marker(bytes: Int) -> JSON {
    [member: ["bytes": .integer(Int64(bytes))]]
  }
}
