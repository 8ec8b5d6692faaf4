/// How to reach Kafka, and the door to this target.
///
/// # The Kafka client
///
/// A thin wrapper of librdkafka (2.0.2 or newer), the only importer of `CKafka`:
///
/// - ``KafkaProducer`` sends. `send` returns when the message is queued and waits only while the
///   queue is full; the acknowledgement is awaited on its own, or for all with `flush`.
/// - ``KafkaConsumer`` reads, as a group member or of partitions it names. The caller decides where
///   each assigned partition starts and when an offset is committed; nothing is committed or
///   reset by itself.
/// - ``KafkaAdministration`` creates and inspects topics.
///
/// ```swift
/// let kafka = KafkaConfiguration(bootstrapServers: "broker-1:9092,broker-2:9092")
/// let producer = try KafkaProducer(kafka)
/// let sent = try await producer.send(OutgoingMessage(topic: "a", key: nil, value: [1]))
/// let delivery = try await sent.value()
/// try await producer.close(deadline: .seconds(10))
/// ```
///
/// # Threads
///
/// Each client has one thread of its own, on which every call of librdkafka that may block is
/// made and its event queue is read. No callback of librdkafka runs Swift code, and no task waits
/// inside C. All three clients may be used from any task.
///
/// # Closing
///
/// `close` is explicit and has a deadline: librdkafka may hang while it closes, and then its
/// thread is abandoned and the process is expected to end. A client that is released without it
/// is told to stop without waiting.
public struct KafkaConfiguration: Sendable {
  /// `host:port`, separated by commas.
  public var bootstrapServers: String
  /// Properties of librdkafka by name; they override the defaults below.
  /// Source: https://github.com/confluentinc/librdkafka/blob/v2.0.2/CONFIGURATION.md
  public var properties: [String: String]
  /// Receives what librdkafka has to say, on the client's thread: return at once.
  public var onNotice: (@Sendable (KafkaNotice) -> Void)?

  public init(
    bootstrapServers: String, properties: [String: String] = [:],
    onNotice: (@Sendable (KafkaNotice) -> Void)? = nil
  ) {
    self.bootstrapServers = bootstrapServers
    self.properties = properties
    self.onNotice = onNotice
  }

  /// The largest message accepted: 8 MiB of value, and room for its key, headers and framing.
  static let largestMessageBytes = 8 * 1024 * 1024 + 128 * 1024

  static let commonDefaults = [
    "client.id": "sv0",
    "socket.keepalive.enable": "true",
    "message.max.bytes": String(largestMessageBytes),
  ]

  static let producerDefaults = [
    // Keys land where Java's clients put them.
    "partitioner": "murmur2_random",
    "enable.idempotence": "true",
    "linger.ms": "5",
    // The default of 1 GiB is no back-pressure.
    "queue.buffering.max.kbytes": "65536",
  ]

  static let consumerDefaults = [
    // A partition whose offset is gone stops with an error: the caller decides, not a default.
    "auto.offset.reset": "error",
    // cooperative-sticky can hang on close in 2.0.2.
    "partition.assignment.strategy": "roundrobin",
    // What librdkafka reads ahead, for all partitions together.
    "queued.min.messages": "10000",
    "queued.max.messages.kbytes": "16384",
    "fetch.wait.max.ms": "100",
  ]

  /// Properties that this client's behaviour depends on: setting one is an error.
  static let reserved: Set<String> = [
    "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id",
    "enable.auto.commit", "enable.auto.offset.store", "enable.partition.eof",
    "delivery.report.only.error", "transactional.id", "log.queue",
  ]
}

/// Something librdkafka reports that is no caller's failure: a lost connection it repairs, a log
/// line.
public struct KafkaNotice: Sendable {
  public enum Level: Sendable {
    case debug, info, warning, error
  }

  public var level: Level
  public var text: String
}
