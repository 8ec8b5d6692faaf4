import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct ConsumerTests {
  @Test("keys, values, nulls, headers and times survive")
  func fidelity() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let headers = [
      MessageHeader("a", "1"), MessageHeader("null", nil), MessageHeader("a", "2"),
      MessageHeader("empty", [UInt8]()),
    ]
    let sent = [
      OutgoingMessage(topic: topic, key: [1, 0, 255], value: [0, 1], headers: headers),
      OutgoingMessage(topic: topic, key: Array("k".utf8), value: nil),
      OutgoingMessage(topic: topic, key: nil, value: []),
      OutgoingMessage(topic: topic, key: [], value: [7]),
    ]
    let producer = try KafkaProducer(KafkaFixture.configuration())
    for message in sent { _ = try await producer.send(message) }
    try await producer.close(deadline: .seconds(10))

    let reader = try KafkaFixture.reader()
    try await reader.assign([TopicPartition(topic: topic, partition: 0): .beginning])
    let received = try await reader.messages(4)
    #expect(received.map(\.key) == sent.map(\.key))
    #expect(received.map(\.value) == sent.map(\.value))
    #expect(received.map(\.headers) == sent.map(\.headers))
    #expect(received.map(\.offset) == [0, 1, 2, 3])
    let year2020 = Timestamp(milliseconds: 1_577_836_800_000)
    #expect(received.allSatisfy { $0.topic == topic && $0.timestamp > year2020 })
    await reader.close(deadline: .seconds(10))
  }

  @Test("without a group exactly the named partitions are read, from where they are told")
  func withoutGroup() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 2)
    try await KafkaFixture.fill(topic, partition: 0, 0..<10)
    try await KafkaFixture.fill(topic, partition: 1, 100..<110)
    let reader = try KafkaFixture.reader()
    let second = TopicPartition(topic: topic, partition: 1)
    try await reader.assign([second: .offset(7)])
    #expect(try await reader.messages(3).compactMap(\.number) == [107, 108, 109])
    let error = await #expect(throws: KafkaError.self) {
      try await reader.assign([second: .committed])
    }
    #expect(error?.code == .invalidState)
    await #expect(throws: KafkaError.self) { try await reader.commit([second: 1]) }
    await reader.close(deadline: .seconds(10))
  }

  @Test("batches have messages of one partition and keep their limits")
  func batches() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 2)
    try await KafkaFixture.fill(topic, partition: 0, 0..<300)
    try await KafkaFixture.fill(topic, partition: 1, 0..<300)
    var options = KafkaConsumer.Options(group: nil)
    options.batchCount = 50
    options.bufferedCount = 80
    let reader = try KafkaConsumer(KafkaFixture.configuration(), options)
    let partitions = (0..<2).map { TopicPartition(topic: topic, partition: $0) }
    try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
    var next = [Int64](repeating: 0, count: 2)
    while next != [300, 300], case .messages(let batch) = try await reader.next() {
      #expect((1...50).contains(batch.count))
      let partition = Int(batch[0].partition)
      #expect(batch.allSatisfy { $0.partition == partition })
      #expect(batch.map(\.offset) == Array(next[partition]..<next[partition] + Int64(batch.count)))
      next[partition] += Int64(batch.count)
    }
    #expect(next == [300, 300])
    await reader.close(deadline: .seconds(10))
  }

  @Test("an offset that is not there is an error that names the partition")
  func offsetOutOfRange() async throws {
    let topic = try await KafkaFixture.makeTopic()
    try await KafkaFixture.fill(topic, 0..<5)
    let reader = try KafkaFixture.reader()
    let partition = TopicPartition(topic: topic, partition: 0)
    try await reader.assign([partition: .offset(1000)])
    let error = await #expect(throws: KafkaError.self) { try await reader.next() }
    #expect(error?.code == .offsetOutOfRange)
    #expect(error?.topic == topic)
    #expect(error?.partition == 0)
    // The consumer goes on once it is told from where.
    try await reader.assign([partition: .offset(3)])
    #expect(try await reader.messages(2).compactMap(\.number) == [3, 4])
    await reader.close(deadline: .seconds(10))
  }

  @Test("closing while messages flow ends in time; a waiting next returns nil")
  func close() async throws {
    let topic = try await KafkaFixture.makeTopic()
    try await KafkaFixture.fill(topic, 0..<5000)
    let reader = try KafkaFixture.reader()
    try await reader.assign([TopicPartition(topic: topic, partition: 0): .beginning])
    _ = try await reader.messages(1)
    let rest = Task {
      while try await reader.next() != nil {}
      return true
    }
    await reader.close(deadline: .seconds(10))
    #expect(try await rest.value)
    #expect(try await reader.next() == nil)
    let error = await #expect(throws: KafkaError.self) { try await reader.unassign() }
    #expect(error?.code == .closed)
  }

  @Test("a cancelled next stops waiting and takes no event with it")
  func cancelledNext() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let reader = try KafkaFixture.reader()
    let waiting = Task { try await reader.next() }
    waiting.cancel()
    let error = await #expect(throws: KafkaError.self) { try await waiting.value }
    #expect(error?.code == .cancelled)
    try await reader.assign([TopicPartition(topic: topic, partition: 0): .beginning])
    try await KafkaFixture.fill(topic, 0..<1)
    #expect(try await reader.messages(1).first?.number == 0)
    await reader.close(deadline: .seconds(10))
  }
}
