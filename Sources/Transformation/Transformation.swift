/// The transformer: raw records in, graph fragments out, one for one and in order.
///
/// `Transformer` is the pure core: a function of one message, the same bytes for the same message.
/// `TransformationHandler` is the worker around it; it holds no state, so any number of partitions
/// may be handled at once.
///
/// ```swift
/// let handler = TransformationHandler(
///   transformer: Transformer(platform: .aws, normalizer: AWSNormalizer()), producer: producer,
///   deadLetters: deadLetters, log: log)
/// ```
///
/// What becomes of a message:
///
/// | message | graph topic | dead letter |
/// |---|---|---|
/// | record | its fragment, an empty one too | - |
/// | record that cannot be normalised, or whose fragment is too large | tainted fragment | yes |
/// | such a record, delivered again (header `sv0.replay`) | - | yes |
/// | control message | itself | - |
/// | without a readable `sv0` header, scope key, or value; a wrong control message | - | yes |
///
/// A tainted fragment carries the object key, so the loader counts the record and keeps what it
/// knew of that object; it was sent when the record came first, so a replay sends none. A lost
/// message makes its collection incomplete: then nothing is removed.
internal import Cryptography
public import Extraction
internal import JSONReader
public import Model
public import Pipeline

/// Invariants:
/// 1. Pure: no I/O, clock or state; equal messages give equal bytes.
/// 2. The output goes to the input's partition, under its key and its `sv0` header unchanged; a
///    replay stays one, by its header `sv0.replay`.
/// 3. A record gives exactly one fragment, whatever is wrong with its value; delivered again, at most
///    one.
/// 4. No output is larger than the graph topic takes.
/// 5. A reason holds paths and ids, never a value of the record.
public struct Transformer: Sendable {
  /// What the graph topic takes: `max.message.bytes` in `topics/sv0.graph.v1.yaml`.
  public static let largestMessageBytes = 8 << 20
  /// Room for what Kafka adds to one message in a batch of its own.
  private static let framingBytes = 1 << 10

  public let platform: Platform
  private let normalizer: any Normalizer
  private let largestMessageBytes: Int

  public init(
    platform: Platform, normalizer: any Normalizer,
    largestMessageBytes: Int = Self.largestMessageBytes
  ) {
    self.platform = platform
    self.normalizer = normalizer
    self.largestMessageBytes = largestMessageBytes
  }

  /// What becomes of one message of the raw topic.
  public func transform(_ message: Message) -> Transformed {
    do throws(BadMessage) {
      let scope = try scope(of: message)
      let header = try header(of: message)
      guard let value = message.value else {
        throw BadMessage("malformed", "the message has no value")
      }
      guard case .record(let collection, _, let key, _) = header.content else {
        try check(value, under: header, of: scope)
        return .control(try outgoing(value, for: message))
      }
      return try fragment(
        of: RawRecord(scope: scope, collection: collection, key: key, bytes: value), in: message)
    } catch {
      return .refused(error)
    }
  }

  private func scope(of message: Message) throws(BadMessage) -> Scope {
    guard let key = message.key, let text = String(validating: key, as: UTF8.self),
      let scope = Scope(text)
    else {
      throw BadMessage(
        "tenant",
        "the key is no scope key (tenant/connection/platform/account), so the record "
          + "has no tenant; only extractors may write to this topic")
    }
    guard scope.platform == platform else {
      throw BadMessage("schema", "the key's platform is not the topic's, \(platform.rawValue)")
    }
    return scope
  }

  private func header(of message: Message) throws(BadMessage) -> RecordHeader {
    guard let header = message.header(RecordHeader.name).flatMap(RecordHeader.init) else {
      throw BadMessage("malformed", "the header \(RecordHeader.name) is missing or not readable")
    }
    return header
  }

  private func check(
    _ value: [UInt8], under header: RecordHeader, of scope: Scope
  ) throws(BadMessage) {
    switch header.content {
    case .record: break
    case .scanStarted:
      guard try ScanStarted(reading: value).scope == scope else {
        throw BadMessage("tenant", "scan.started names another scope than its key")
      }
    case .collectionEnded(let collection):
      guard try CollectionEnded(reading: value).collection == collection else {
        throw BadMessage("schema", "collection.ended names another collection than its header")
      }
    case .scanEnded: _ = try ScanEnded(reading: value)
    }
  }

  private func fragment(of record: RawRecord, in message: Message) throws(BadMessage) -> Transformed
  {
    let receipt = Receipt(
      sha256: SHA256.hexDigest(record.bytes), partition: message.partition, offset: message.offset)
    do throws(BadMessage) {
      let assertions = try assertions(of: record)
      let fragment = Fragment(
        object: record.key, nodes: assertions.nodes, edges: assertions.edges,
        documents: assertions.documents, activity: assertions.activity, receipt: receipt,
        isRemoval: assertions.isRemoval)
      return .fragment(try outgoing(fragment.json.bytes, for: message))
    } catch {
      // It was counted, and its object kept, when it came first.
      guard !message.headers.contains(where: { $0.name == MessageHeader.replay }) else {
        throw error
      }
      let tainted = Fragment(object: record.key, receipt: receipt, taint: error.description)
      return .tainted(try outgoing(tainted.json.bytes, for: message), error)
    }
  }

  private func assertions(of record: RawRecord) throws(BadMessage) -> Assertions {
    do {
      return try normalizer.assertions(of: record)
    } catch let error as JSONError {
      switch error {
      case .missing, .mismatch: throw BadMessage("schema", "\(record.collection): \(error)")
      default: throw BadMessage("malformed", "\(record.collection): \(error)")
      }
    } catch {
      throw BadMessage("schema", "\(record.collection): \(error)")
    }
  }

  private func outgoing(
    _ value: [UInt8], for message: Message
  ) throws(BadMessage) -> OutgoingMessage {
    let headers = [RecordHeader.name, MessageHeader.replay].compactMap { name in
      message.headers.last { $0.name == name }
    }
    let size =
      value.count + (message.key?.count ?? 0)
      + headers.reduce(Self.framingBytes) { $0 + ($1.value?.count ?? 0) }
    guard size <= largestMessageBytes else {
      throw BadMessage(
        "oversized",
        "what the record says takes \(size) bytes, and the graph topic takes "
          + "\(largestMessageBytes)")
    }
    return OutgoingMessage(
      topic: Topic.graph, partition: message.partition, key: message.key, value: value,
      headers: headers)
  }
}

/// What becomes of a message of the raw topic.
public enum Transformed: Sendable {
  /// What a record says about the graph.
  case fragment(OutgoingMessage)
  /// The record is counted and says nothing; the message is a dead letter too.
  case tainted(OutgoingMessage, BadMessage)
  /// A control message, forwarded as it is.
  case control(OutgoingMessage)
  /// Only a dead letter.
  case refused(BadMessage)

  /// The message for the graph topic.
  public var output: OutgoingMessage? {
    switch self {
    case .fragment(let message), .tainted(let message, _), .control(let message): message
    case .refused: nil
    }
  }

  /// Why the message is a dead letter.
  public var problem: BadMessage? {
    switch self {
    case .fragment, .control: nil
    case .tainted(_, let problem), .refused(let problem): problem
    }
  }
}
