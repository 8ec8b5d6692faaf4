public import Model

/// What went wrong in the Kafka client, for a program to decide on and for a person to act on.
///
/// Its text names the topic, the broker and the setting that are involved; it never holds a
/// property's value, a key, or a message.
public struct KafkaError: ClassifiedError, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// A property is unknown, refused, or belongs to this client.
    case configuration
    case brokerUnreachable
    case timedOut
    case authenticationFailed
    case authorizationFailed
    case unknownTopic
    /// The offset to read from is gone or does not exist yet, and there is no reset policy.
    case offsetOutOfRange
    case messageTooLarge
    /// The message was not acknowledged within `message.timeout.ms`.
    case deliveryTimedOut
    /// The producer lost its session and began a new one; what was outstanding is unknown.
    case producerReset
    /// The group moved on: the partitions are, or are about to be, somebody else's.
    case rebalanced
    /// Another process runs under the same `group.instance.id`.
    case memberFenced
    /// The call does not fit the state (for example `assign` of a partition not assigned here).
    case invalidState
    /// The broker refused the request itself (policy, bad name, bad value).
    case requestRefused
    case alreadyExists
    case closed
    case cancelled
    case outOfResources
    /// Any other code of librdkafka: negative ones are its own, positive ones are the protocol's.
    case other(Int32)
  }

  public var code: Code
  /// What happened, what it means, what to do.
  public var message: String
  public var topic: String?
  public var partition: Int32?
  /// The same call may succeed later.
  public var isRetriable: Bool
  /// The client that reported it cannot go on: close it and make a new one.
  public var isFatal: Bool

  init(
    _ code: Code, _ message: String, topic: String? = nil, partition: Int32? = nil,
    isRetriable: Bool = false, isFatal: Bool = false
  ) {
    self.code = code
    self.message = message
    self.topic = topic
    self.partition = partition
    self.isRetriable = isRetriable
    self.isFatal = isFatal
  }

  public var description: String { message }

  static let closed = Self(.closed, "The Kafka client is closed; nothing more can be sent or read.")
  static let cancelled = Self(.cancelled, "The task that waited for Kafka was cancelled.")

  static func outOfResources(_ what: String) -> Self {
    Self(
      .outOfResources, "The system refused \(what). Raise the process limits or run fewer workers.")
  }

  static func invalidState(_ what: String) -> Self {
    Self(.invalidState, what)
  }
}
