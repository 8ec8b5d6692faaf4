/// A Kafka record as it was consumed.
///
/// `key`, `value` and header values are opaque bytes; `nil` is Kafka's null (a `nil` value is a
/// tombstone on a compacted topic).
public struct Message: Sendable, Equatable {
  public var topic: String
  public var partition: Int32
  public var offset: Int64
  /// Milliseconds since 1970, as the broker or the producer set it.
  public var timestamp: Timestamp
  public var key: [UInt8]?
  public var value: [UInt8]?
  public var headers: [MessageHeader]

  public init(
    topic: String, partition: Int32, offset: Int64, timestamp: Timestamp, key: [UInt8]?,
    value: [UInt8]?, headers: [MessageHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.timestamp = timestamp
    self.key = key
    self.value = value
    self.headers = headers
  }

  /// The last header of that name as text; `nil` when absent, null or not UTF-8.
  public func header(_ name: String) -> String? {
    guard let bytes = headers.last(where: { $0.name == name })?.value else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// A Kafka record to be produced.
public struct OutgoingMessage: Sendable, Equatable {
  public var topic: String
  /// A fixed partition, or `nil` to let the key's murmur2 hash decide (as Java clients do).
  public var partition: Int32?
  public var key: [UInt8]?
  public var value: [UInt8]?
  public var headers: [MessageHeader]

  public init(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?,
    headers: [MessageHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// One Kafka record header; Kafka allows repeated names and null values.
public struct MessageHeader: Sendable, Equatable {
  public var name: String
  public var value: [UInt8]?

  public init(_ name: String, _ value: [UInt8]?) {
    self.name = name
    self.value = value
  }

  public init(_ name: String, _ text: String) {
    self.init(name, Array(text.utf8))
  }
}

extension MessageHeader {
  /// Names the header of a message that a person had delivered again: on raw and graph topics its
  /// value is who, on the findings topic the one sink (`tenant/name`) that it is meant for.
  public static let replay = "sv0.replay"
}

/// A partition of a topic.
public struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var topic: String
  public var partition: Int32

  public init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.topic, left.partition) < (right.topic, right.partition)
  }

  public var description: String { "\(topic)[\(partition)]" }
}
