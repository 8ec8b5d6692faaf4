import Foundation
import Model
import Testing

@testable import KafkaClient

/// The broker that the tests run against, and what most of them need from it.
enum KafkaFixture {
  /// - Throws: how to start a broker, when there is none.
  static func configuration(_ properties: [String: String] = [:]) throws -> KafkaConfiguration {
    guard let servers = ProcessInfo.processInfo.environment["SV0_KAFKA"] else {
      throw MissingService()
    }
    return KafkaConfiguration(bootstrapServers: servers, properties: properties)
  }

  struct MissingService: Error, CustomStringConvertible {
    var description: String {
      "SV0_KAFKA (host:port of a Kafka broker) is not set: run `make services` first."
    }
  }

  /// Nobody listens there.
  static let unreachable = "127.0.0.1:1"

  static func uniqueName(_ stem: String) -> String {
    "\(stem)-\(UUID().uuidString.prefix(8).lowercased())"
  }

  /// Creates a topic of the test's own.
  static func makeTopic(partitions: Int32 = 1) async throws -> String {
    let name = uniqueName("kafka-client")
    let administration = try KafkaAdministration(configuration())
    let refused = try await administration.createTopics([
      TopicDefinition(name: name, partitions: partitions)
    ])
    #expect(refused.isEmpty)
    await administration.close(deadline: .seconds(5))
    return name
  }

  /// Sends numbered messages to one partition and waits until they are stored.
  static func fill(_ topic: String, partition: Int32 = 0, _ numbers: Range<Int>) async throws {
    let producer = try KafkaProducer(configuration())
    for number in numbers {
      _ = try await producer.send(.numbered(number, topic: topic, partition: partition))
    }
    try await producer.close(deadline: .seconds(20))
  }

  /// A static member: the local broker frees a dynamic member's place only late.
  static func member(
    of group: String, _ topics: [String], instance: String,
    properties: [String: String] = [:]
  ) throws -> KafkaConsumer {
    let timeouts = ["session.timeout.ms": "6000", "max.poll.interval.ms": "6000"]
    return try KafkaConsumer(
      configuration(timeouts.merging(properties) { $1 }),
      .init(group: group, topics: topics, instance: instance))
  }

  static func reader(_ properties: [String: String] = [:]) throws -> KafkaConsumer {
    try KafkaConsumer(configuration(properties), .init(group: nil))
  }
}

extension OutgoingMessage {
  static func numbered(_ number: Int, topic: String, partition: Int32? = 0) -> Self {
    Self(topic: topic, partition: partition, key: nil, value: Array("\(number)".utf8))
  }
}

extension Message {
  var number: Int? { value.flatMap { Int(String(decoding: $0, as: UTF8.self)) } }
}

extension KafkaConsumer {
  /// Waits for the group to assign partitions.
  func nextAssignment() async throws -> [TopicPartition] {
    guard case .assigned(let partitions) = try await next() else {
      Issue.record("expected .assigned")
      return []
    }
    return partitions
  }

  /// Reads until there are `count` messages or more.
  func messages(_ count: Int) async throws -> [Message] {
    var messages: [Message] = []
    while messages.count < count, let event = try await next() {
      guard case .messages(let batch) = event else {
        Issue.record("expected messages, got \(event)")
        break
      }
      messages += batch
    }
    return messages
  }
}
