internal import Model
internal import Pipeline

/// A message of the dead-letter topic.
struct DeadLetter {
  let message: Message
  /// What somebody decided about it last.
  var decision: String?

  var id: String { "\(message.partition)@\(message.offset)" }
  var at: String { field("at") }
  var stage: String { field("stage") }
  var errorClass: String { field("class.name") }
  var reason: String { "\(errorClass): \(field("reason"))" }
  var origin: String { "\(field("topic"))[\(field("partition"))]@\(field("offset"))" }
  var topic: String { field("topic") }
  var partition: Int32? { Int32(field("partition")) }
  /// Of a notifier's: to whom it could not be delivered, as `tenant/name`.
  var sink: String? { message.header(DeadLetters.prefix + "sink") }

  /// The message as it was.
  var original: OutgoingMessage {
    OutgoingMessage(
      topic: topic, partition: partition, key: message.key, value: message.value,
      headers: message.headers.filter {
        !$0.name.hasPrefix(DeadLetters.prefix) && $0.name != MessageHeader.replay
      })
  }

  var json: JSON {
    .members([
      "id": .string(id), "at": .string(at), "stage": .string(stage), "origin": .string(origin),
      "class": .string(errorClass), "reason": .string(field("reason")),
      "sink": sink.map { .string($0) }, "decision": decision.map { .string($0) },
    ])
  }

  private func field(_ name: String) -> String {
    message.header(DeadLetters.prefix + name) ?? "?"
  }
}
