internal import KafkaClient
internal import Model
internal import Pipeline

/// The Kafka producer as the workers see it.
struct KafkaMessageProducer: MessageProducer {
  let producer: KafkaProducer

  func produce(_ messages: [OutgoingMessage]) async throws {
    do {
      try await deliver(messages)
    } catch let error where error.code == .cancelled {
      throw CancellationError()
    }
  }

  private func deliver(_ messages: [OutgoingMessage]) async throws(KafkaError) {
    var acknowledgements: [Acknowledgement] = []
    acknowledgements.reserveCapacity(messages.count)
    for message in messages { acknowledgements.append(try await producer.send(message)) }
    for acknowledgement in acknowledgements { _ = try await acknowledgement.value() }
  }
}

/// The Kafka consumer as the workers see it.
struct KafkaMessageConsumer: MessageConsumer {
  let consumer: KafkaConsumer

  func next() async throws -> ConsumerEvent? {
    do {
      switch try await consumer.next() {
      case .assigned(let partitions): return .assigned(partitions)
      case .revoked(let partitions, let lost): return .revoked(partitions, lost: lost)
      case .messages(let messages): return .messages(messages)
      case nil: return nil
      }
    } catch let error where error.code == .cancelled {
      throw CancellationError()
    }
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws {
    try await consumer.assign(
      starts.mapValues { start in
        switch start {
        case .committed: .committed
        case .beginning: .beginning
        case .end: .end
        case .offset(let offset): .offset(offset)
        }
      })
  }

  func unassign() async throws { try await consumer.unassign() }

  func commit(_ next: [TopicPartition: Int64]) async throws { try await consumer.commit(next) }

  func close(deadline: Duration) async { await consumer.close(deadline: deadline) }
}
