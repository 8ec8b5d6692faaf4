public import Model

/// A message that can never be handled: it becomes a dead letter and the partition moves on.
public struct BadMessage: ClassifiedError, CustomStringConvertible {
  /// A stable word for grouping: `malformed`, `schema`, `tenant`, `oversized`, `unknown-run`, …
  public var errorClass: String
  /// For a person; never holds a value from the message beyond ids.
  public var reason: String

  public init(_ errorClass: String, _ reason: String) {
    self.errorClass = errorClass
    self.reason = reason
  }

  public var isRetriable: Bool { false }
  public var description: String { "\(errorClass): \(reason)" }
}

/// Names of the workers, as dead letters and metrics use them.
public enum Stage: String, Sendable, CaseIterable {
  case scheduler, extractor, transformer, loader, evaluator, notifier
}

/// Writes dead letters: the original key and bytes, and the reason in headers that are named as
/// Kafka Connect names them (`__connect.errors.*`), with our prefix.
///
/// Source: KIP-298, "Error Handling in Connect".
public struct DeadLetters: Sendable {
  public static let prefix = "sv0.errors."

  private let stage: Stage
  private let sink: String?
  private let producer: any MessageProducer
  private let now: @Sendable () -> Timestamp

  /// - Parameter sink: `tenant/name` of the sink that a notifier could not deliver to.
  public init(
    stage: Stage, sink: String? = nil, producer: any MessageProducer,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.stage = stage
    self.sink = sink
    self.producer = producer
    self.now = now
  }

  /// Stores the message as a dead letter; returns once acknowledged.
  public func add(_ message: Message, because error: BadMessage) async throws {
    try await producer.produce(letter(for: message, because: error))
  }

  /// The dead letter of a message.
  public func letter(for message: Message, because error: BadMessage) -> OutgoingMessage {
    let reasons =
      [
        MessageHeader(Self.prefix + "topic", message.topic),
        MessageHeader(Self.prefix + "partition", String(message.partition)),
        MessageHeader(Self.prefix + "offset", String(message.offset)),
        MessageHeader(Self.prefix + "stage", stage.rawValue),
      ] + (sink.map { [MessageHeader(Self.prefix + "sink", $0)] } ?? []) + [
        MessageHeader(Self.prefix + "class.name", error.errorClass),
        MessageHeader(Self.prefix + "reason", error.reason),
        MessageHeader(Self.prefix + "at", now().description),
      ]
    return OutgoingMessage(
      topic: Topic.deadLetter, key: message.key, value: message.value,
      headers: reasons + message.headers.filter { !$0.name.hasPrefix(Self.prefix) })
  }
}
