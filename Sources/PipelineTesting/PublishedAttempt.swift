public import Model
internal import Pipeline

/// What an attempt published, read back.
public struct PublishedAttempt: Sendable {
  public struct PublishedRecord: Sendable, Equatable {
    public var collection: String
    public var sequence: Int64
    public var key: String
    public var call: Int
    public var text: String
  }

  public var messages: [OutgoingMessage]
  /// Every log line, with its metadata.
  public var log: [String]
  public var started: ScanStarted?
  public var records: [PublishedRecord] = []
  public var collections: [CollectionEnded] = []
  public var ended: ScanEnded?
  public var progress: [Progress] = []
  /// What cannot be read, or stands where it must not.
  public var faults: [String] = []

  public init(_ messages: [OutgoingMessage], log: [String]) {
    self.messages = messages
    self.log = log
    for message in messages {
      do { try read(message) } catch { faults.append("\(error)") }
    }
  }

  public func records(of collection: String) -> [PublishedRecord] {
    records.filter { $0.collection == collection }
  }

  public func end(of collection: String) -> CollectionEnded? {
    collections.first { $0.collection == collection }
  }

  public func outcome(of collection: String) -> Outcome? { end(of: collection)?.outcome }

  /// Outcomes by collection.
  public var outcomes: [String: Outcome] {
    Dictionary(collections.map { ($0.collection, $0.outcome) }) { first, _ in first }
  }

  /// The last word to the scheduler.
  public var ending: (outcome: Outcome, message: String?)? {
    for report in progress {
      if case .ended(let outcome, let message) = report.phase { return (outcome, message) }
    }
    return nil
  }

  /// Everything that left the worker, as one text: messages with their headers, and the log.
  public var everything: String {
    let sent = messages.flatMap { message in
      [message.key, message.value].compactMap(\.self) + message.headers.compactMap(\.value)
    }
    return (sent.map { String(decoding: $0, as: UTF8.self) } + log).joined(separator: "\n")
  }

  private mutating func read(_ message: OutgoingMessage) throws {
    if message.topic == Topic.scanProgress {
      progress.append(try Progress(reading: message.value))
      return
    }
    guard let text = message.headers.first(where: { $0.name == RecordHeader.name })?.value,
      let header = RecordHeader(String(decoding: text, as: UTF8.self))
    else {
      faults.append("a message of \(message.topic) has no readable header")
      return
    }
    if ended != nil { faults.append("a message follows scan.ended") }
    switch header.content {
    case .scanStarted: started = try ScanStarted(reading: message.value)
    case .scanEnded: ended = try ScanEnded(reading: message.value)
    case .collectionEnded: collections.append(try CollectionEnded(reading: message.value))
    case .record(let collection, let sequence, let key, let call):
      if end(of: collection) != nil { faults.append("a record follows the end of \(collection)") }
      records.append(
        PublishedRecord(
          collection: collection, sequence: sequence, key: key, call: call,
          text: String(decoding: message.value ?? [], as: UTF8.self)))
    }
    if started == nil { faults.append("something precedes scan.started") }
  }
}
