import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct ProducerResetTests {
  @Test("after a fatal error what was outstanding fails, and sending it again works")
  func reset() async throws {
    let topic = try await KafkaFixture.makeTopic()
    // Long enough that nothing leaves before the error.
    let producer = try KafkaProducer(KafkaFixture.configuration(["linger.ms": "3000"]))
    var outstanding: [Acknowledgement] = []
    for number in 0..<3 {
      outstanding.append(try await producer.send(.numbered(number, topic: topic)))
    }
    producer.injectFatalError()
    for acknowledgement in outstanding {
      let error = await #expect(throws: KafkaError.self) { try await acknowledgement.value() }
      #expect(error?.code == .producerReset)
      #expect(error?.isRetriable == true)
    }
    let reported = await #expect(throws: KafkaError.self) { try await producer.flush() }
    #expect(reported?.code == .producerReset)

    for number in 0..<3 { _ = try await producer.send(.numbered(number, topic: topic)) }
    try await producer.flush()
    try await producer.close(deadline: .seconds(20))

    let reader = try KafkaFixture.reader()
    try await reader.assign([TopicPartition(topic: topic, partition: 0): .beginning])
    #expect(try await reader.messages(3).compactMap(\.number) == [0, 1, 2])
    await reader.close(deadline: .seconds(10))
  }

  @Test("errors under load lose nothing that is sent again until acknowledged")
  func resetUnderLoad() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let producer = try KafkaProducer(KafkaFixture.configuration(["linger.ms": "0"]))
    for number in 0..<600 {
      if number % 200 == 100 { producer.injectFatalError() }
      while try await !isStored(.numbered(number, topic: topic), by: producer) {}
    }
    try? await producer.close(deadline: .seconds(20))

    let reader = try KafkaFixture.reader()
    try await reader.assign([TopicPartition(topic: topic, partition: 0): .beginning])
    var seen = Set<Int>()
    while seen.count < 600 {
      seen.formUnion(try await reader.messages(1).compactMap(\.number))
    }
    await reader.close(deadline: .seconds(10))
  }

  /// - Returns: false when the producer was reset meanwhile.
  private func isStored(
    _ message: OutgoingMessage, by producer: KafkaProducer
  ) async throws -> Bool {
    do {
      _ = try await producer.send(message).value()
      return true
    } catch {
      guard error.code == .producerReset else { throw error }
      return false
    }
  }
}

@Suite
struct ProducerLedgerTests {
  private static let failure = KafkaError(.timedOut, "late")

  @Test("a barrier waits for the messages before it, and not for later ones")
  func covers() async throws {
    var ledger = ProducerLedger()
    let first = ledger.register(Acknowledgement())
    let barrier = ledger.barrier()
    _ = ledger.register(Acknowledgement())
    ledger.settle(first, .success(Delivery(partition: 0, offset: 0)))
    try await barrier.value()
    #expect(!ledger.isEmpty)
  }

  @Test("a failure is reported by the first barrier that covers it, earliest message first")
  func reportsOnce() async throws {
    var ledger = ProducerLedger()
    let numbers = (0..<3).map { _ in ledger.register(Acknowledgement()) }
    let other = KafkaError(.messageTooLarge, "large")
    ledger.settle(numbers[2], .failure(other))
    let barrier = ledger.barrier()
    let next = ledger.barrier()
    ledger.settle(numbers[1], .failure(Self.failure))
    ledger.settle(numbers[0], .success(Delivery(partition: 0, offset: 0)))
    let thrown = await #expect(throws: KafkaError.self) { try await barrier.value() }
    #expect(thrown == Self.failure)
    try await next.value()
    try await ledger.barrier().value()
  }

  @Test("a withdrawn message holds no barrier up")
  func withdrawn() async throws {
    var ledger = ProducerLedger()
    let number = ledger.register(Acknowledgement())
    let barrier = ledger.barrier()
    ledger.withdraw(number)
    try await barrier.value()
  }
}
