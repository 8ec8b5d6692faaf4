import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct ProducerTests {
  @Test("an acknowledgement tells where the message is stored, in the order of sending")
  func acknowledgements() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 2)
    let producer = try KafkaProducer(KafkaFixture.configuration())
    var acknowledgements: [Acknowledgement] = []
    for number in 0..<3 {
      acknowledgements.append(
        try await producer.send(.numbered(number, topic: topic, partition: 1)))
    }
    var deliveries: [Delivery] = []
    for acknowledgement in acknowledgements { deliveries.append(try await acknowledgement.value()) }
    #expect(deliveries.map(\.partition) == [1, 1, 1])
    #expect(deliveries.map(\.offset) == [0, 1, 2])
    try await producer.close(deadline: .seconds(10))
  }

  @Test("10,000 messages arrive once and in order per partition")
  func order() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 3)
    let producer = try KafkaProducer(KafkaFixture.configuration())
    for number in 0..<10_000 {
      _ = try await producer.send(
        .numbered(number, topic: topic, partition: Int32(number % 3)))
    }
    try await producer.flush()
    try await producer.close(deadline: .seconds(10))

    let reader = try KafkaFixture.reader()
    let partitions = (0..<3).map { TopicPartition(topic: topic, partition: $0) }
    try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
    let messages = try await reader.messages(10_000)
    for partition in partitions {
      let numbers = messages.filter { $0.partition == partition.partition }.compactMap(\.number)
      #expect(numbers == Array(stride(from: Int(partition.partition), to: 10_000, by: 3)))
    }
    await reader.close(deadline: .seconds(10))
  }

  @Test("flush returns when everything sent before it is stored")
  func barrier() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(KafkaFixture.configuration(["linger.ms": "200"]))
    for number in 0..<100 { _ = try await producer.send(.numbered(number, topic: topic)) }
    try await producer.flush()
    let administration = try KafkaAdministration(KafkaFixture.configuration())
    let marks = try await administration.watermarks(TopicPartition(topic: topic, partition: 0))
    #expect(marks.high == 100)
    try await producer.close(deadline: .seconds(10))
    await administration.close(deadline: .seconds(5))
  }

  @Test("flush throws a failure once, and the producer goes on")
  func barrierFailure() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(KafkaFixture.configuration())
    // Before the topic is known here, a partition that does not exist is only found out later.
    let wrong = try await producer.send(.numbered(0, topic: topic, partition: 99))
    await #expect(throws: KafkaError.self) { try await wrong.value() }
    await #expect(throws: KafkaError.self) { try await producer.flush() }
    _ = try await producer.send(.numbered(1, topic: topic))
    try await producer.flush()
    try await producer.close(deadline: .seconds(10))
  }

  @Test("a message with headers for a partition that does not exist is refused by name")
  func unknownPartition() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(KafkaFixture.configuration())
    _ = try await producer.send(.numbered(0, topic: topic)).value()
    var message = OutgoingMessage.numbered(1, topic: topic, partition: 99)
    message.headers = [MessageHeader("name", "value")]
    let error = await #expect(throws: KafkaError.self) { try await producer.send(message) }
    #expect(error?.code == .unknownTopic)
    #expect(error?.message.contains(topic) == true)
    try await producer.close(deadline: .seconds(10))
  }

  @Test("a message over the limit is refused, one of 8 MiB is not")
  func size() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(KafkaFixture.configuration())
    let large = OutgoingMessage(
      topic: topic, key: nil, value: [UInt8](repeating: 65, count: 8 * 1024 * 1024))
    #expect(try await producer.send(large).value().offset == 0)
    let tooLarge = OutgoingMessage(
      topic: topic, key: nil, value: [UInt8](repeating: 65, count: 9 * 1024 * 1024))
    let error = await #expect(throws: KafkaError.self) { try await producer.send(tooLarge) }
    #expect(error?.code == .messageTooLarge)
    try await producer.close(deadline: .seconds(10))
  }

  @Test("a full queue makes send wait, and every message still arrives")
  func backPressure() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(
      KafkaFixture.configuration(["queue.buffering.max.messages": "10"]))
    for number in 0..<500 { _ = try await producer.send(.numbered(number, topic: topic)) }
    let last = try await producer.send(.numbered(500, topic: topic)).value()
    #expect(last.offset == 500)
    try await producer.close(deadline: .seconds(10))
  }

  @Test("a send that waits for room can be cancelled; the messages before it fail by name")
  func cancelledSend() async throws {
    let producer = try KafkaProducer(
      KafkaConfiguration(
        bootstrapServers: KafkaFixture.unreachable,
        properties: ["queue.buffering.max.messages": "2", "message.timeout.ms": "1000"]))
    let first = try await producer.send(.numbered(0, topic: "any"))
    _ = try await producer.send(.numbered(1, topic: "any"))
    let waiting = Task { try await producer.send(.numbered(2, topic: "any")) }
    waiting.cancel()
    let cancelled = await #expect(throws: KafkaError.self) { try await waiting.value }
    #expect(cancelled?.code == .cancelled)

    let failed = await #expect(throws: KafkaError.self) { try await first.value() }
    #expect(failed?.code == .deliveryTimedOut)
    #expect(failed?.isRetriable == true)
    await #expect(throws: KafkaError.self) { try await producer.close(deadline: .seconds(5)) }
  }

  @Test("closing ends at its deadline although messages cannot be delivered")
  func closeDeadline() async throws {
    let producer = try KafkaProducer(
      KafkaConfiguration(bootstrapServers: KafkaFixture.unreachable))
    let message = try await producer.send(.numbered(0, topic: "any"))
    let error = await #expect(throws: KafkaError.self) {
      try await producer.close(deadline: .milliseconds(300))
    }
    #expect(error?.code == .timedOut)
    await #expect(throws: KafkaError.self) { try await message.value() }
    let refused = await #expect(throws: KafkaError.self) {
      try await producer.send(.numbered(1, topic: "any"))
    }
    #expect(refused?.code == .closed)
  }
}
