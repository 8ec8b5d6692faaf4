public import Model
public import Pipeline
internal import Synchronization

/// A broker's refusal.
public struct ScriptedProducerError: ClassifiedError {
  public var isRetriable: Bool

  public init(isRetriable: Bool) {
    self.isRetriable = isRetriable
  }
}

/// A broker that keeps what it was sent, in order.
public final class RecordingProducer: MessageProducer {

  private let sent = Mutex<[[OutgoingMessage]]>([])
  private let before: @Sendable ([OutgoingMessage]) async throws -> Void

  /// - Parameter before: runs before a batch is kept; may throw to refuse it, or suspend.
  public init(before: @escaping @Sendable ([OutgoingMessage]) async throws -> Void = { _ in }) {
    self.before = before
  }

  public var batches: [[OutgoingMessage]] { sent.withLock { $0 } }
  public var messages: [OutgoingMessage] { batches.flatMap(\.self) }

  /// Messages of one topic, in order.
  public func messages(of topic: String) -> [OutgoingMessage] {
    messages.filter { $0.topic == topic }
  }

  public func produce(_ messages: [OutgoingMessage]) async throws {
    try await before(messages)
    sent.withLock { $0.append(messages) }
  }
}
