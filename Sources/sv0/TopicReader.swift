internal import KafkaClient
internal import Model

/// Reads what partitions of a topic hold, outside of any consumer group.
struct TopicReader {
  private let context: Context
  private let topic: String

  init(_ context: Context, topic: String) {
    self.context = context
    self.topic = topic
  }

  /// From the beginning to where each partition ended when reading began.
  func readAll(_ body: (Message) async throws -> Void) async throws {
    let administration = try KafkaAdministration(context.kafka())
    var ranges: [Int32: Range<Int64>] = [:]
    for number in 0..<(try await partitions(administration)) {
      let (low, high) = try await administration.watermarks(
        TopicPartition(topic: topic, partition: number))
      ranges[number] = low..<high
    }
    await administration.close(deadline: .seconds(5))
    try await read(ranges, body)
  }

  /// Those of the offsets that the topic still keeps.
  func read(
    _ partition: Int32, _ offsets: ClosedRange<Int64>, _ body: (Message) async throws -> Void
  ) async throws {
    let administration = try KafkaAdministration(context.kafka())
    _ = try await partitions(administration)
    let (low, high) = try await administration.watermarks(
      TopicPartition(topic: topic, partition: partition))
    await administration.close(deadline: .seconds(5))
    let kept = (low..<max(low, high)).clamped(to: offsets.lowerBound..<offsets.upperBound + 1)
    try await read([partition: kept], body)
  }

  private func partitions(_ administration: KafkaAdministration) async throws -> Int32 {
    guard let found = try await administration.describeTopics([topic])[topic] else {
      throw Failure(.configuration, "\(topic) does not exist; run `sv0 topics apply`")
    }
    return found.partitions
  }

  private func read(
    _ ranges: [Int32: Range<Int64>], _ body: (Message) async throws -> Void
  ) async throws {
    var rest = ranges.filter { !$0.value.isEmpty }
    guard !rest.isEmpty else { return }
    let consumer = try KafkaConsumer(context.kafka(), KafkaConsumer.Options(group: nil))
    try await consumer.assign(
      Dictionary(
        uniqueKeysWithValues: rest.map {
          (TopicPartition(topic: topic, partition: $0.key), .offset($0.value.lowerBound))
        }))
    while !rest.isEmpty, let event = try await consumer.next() {
      guard case .messages(let messages) = event else { continue }
      for message in messages {
        guard let range = rest[message.partition] else { continue }
        if range.contains(message.offset) { try await body(message) }
        if message.offset >= range.upperBound - 1 { rest[message.partition] = nil }
      }
    }
    await consumer.close(deadline: .seconds(5))
  }
}
