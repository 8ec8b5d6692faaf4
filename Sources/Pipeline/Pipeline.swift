/// What every worker is made of: a loop over a topic or over time, dead letters, health, drain.
///
/// A worker is a `ConsumerLoop` around a `BatchHandler`, or a `PeriodicLoop` around a closure, or
/// both in one service group. It sees Kafka only through the two protocols below, so that tests and
/// the simulator can stand in for the broker; the executable adapts the real client.
///
/// ```swift
/// let loop = ConsumerLoop(
///   name: "transformer", handler: TransformationHandler(...),
///   deadLetters: DeadLetters(stage: .transformer, producer: producer), health: health, log: log
/// ) { try KafkaMessageConsumer(...) }
/// try await loop.run()  // returns once drained after a graceful shutdown
/// ```
public import Model

/// Sends messages; the only promise that matters is in the one method.
public protocol MessageProducer: Sendable {
  /// Sends the messages in order and returns once the broker has acknowledged every one.
  ///
  /// - Throws: a `ClassifiedError`; any of the messages may or may not have been stored, so a
  ///   caller that repeats must have consumers that ignore repeats.
  func produce(_ messages: [OutgoingMessage]) async throws
}

extension MessageProducer {
  public func produce(_ message: OutgoingMessage) async throws { try await produce([message]) }
}

/// Receives messages and answers for the partitions it is given.
public protocol MessageConsumer: Sendable {
  /// The next event; `nil` once closed. Cancelling the wait loses no event.
  func next() async throws -> ConsumerEvent?
  /// Answers `assigned`: nothing is delivered before.
  ///
  /// - Throws: a retriable error, too, when the group takes the partitions back meanwhile; then the
  ///   next event says so.
  func assign(_ starts: [TopicPartition: StartOffset]) async throws
  /// Answers `revoked`: until then nobody else is given the partitions.
  func unassign() async throws
  /// Records for each partition the offset of the next message to read.
  func commit(_ next: [TopicPartition: Int64]) async throws
  /// Leaves the group; gives up waiting after the deadline.
  func close(deadline: Duration) async
}

public enum ConsumerEvent: Sendable {
  case assigned([TopicPartition])
  /// `lost`: somebody else may own them already, a commit would be refused.
  case revoked([TopicPartition], lost: Bool)
  /// Messages of one partition in offset order; never empty.
  case messages([Message])
}

/// Where reading of an assigned partition begins.
public enum StartOffset: Sendable, Equatable {
  case committed, beginning, end
  case offset(Int64)
}

/// The work of a consumer.
public protocol BatchHandler: Sendable {
  /// Where to start on newly assigned partitions.
  func starts(of partitions: [TopicPartition]) async throws -> [TopicPartition: StartOffset]

  /// Does all the work for these messages of one partition, in order.
  ///
  /// When it returns, every effect and every output is durable, so the input may be committed. It
  /// may be called again with the same messages: effects must be idempotent.
  /// - Throws: a retriable `ClassifiedError` to be called again after a pause; `BadMessage` to have
  ///   the message dead-lettered (a batch of several is then repeated one by one); `PartitionLost`
  ///   to leave the group and join again.
  func handle(_ messages: [Message]) async throws

  /// Whether `handle` may rightly take very long, because it waits until there is room for more
  /// work; such a loop is not taken for stuck.
  var waitsForRoom: Bool { get }

  /// The partitions are no longer ours.
  func revoked(_ partitions: [TopicPartition]) async
}

/// A partition is no longer this process's own, though nobody has told it so.
public struct PartitionLost: Error, Equatable, CustomStringConvertible {
  public var partition: TopicPartition

  public init(_ partition: TopicPartition) {
    self.partition = partition
  }

  public var description: String { "\(partition) was lost" }
}

extension BatchHandler {
  public func starts(of partitions: [TopicPartition]) async throws -> [TopicPartition: StartOffset]
  {
    Dictionary(uniqueKeysWithValues: partitions.map { ($0, .committed) })
  }

  public var waitsForRoom: Bool { false }

  public func revoked(_ partitions: [TopicPartition]) async {}
}
