import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(1)))
struct AdministrationTests {
  @Test("a topic is created, found, described, filled and deleted")
  func topicLifecycle() async throws {
    let administration = try KafkaAdministration(KafkaFixture.configuration())
    try await administration.ping()
    let name = KafkaFixture.uniqueName("topic")
    let definition = TopicDefinition(
      name: name, partitions: 3,
      configuration: ["retention.ms": "86400000", "max.message.bytes": "9000000"])
    #expect(try await administration.createTopics([definition]).isEmpty)
    let again = try await administration.createTopics([definition])
    #expect(again[name]?.code == .alreadyExists)
    #expect(again[name]?.isRetriable == false)

    #expect(try await administration.listTopics().contains(name))
    let descriptions = try await administration.describeTopics([name, "no-such-topic"])
    #expect(descriptions == [name: TopicDescription(partitions: 3, replication: 1)])
    let configurations = try await administration.describeConfigurations([name])
    #expect(configurations[name]?["retention.ms"] == "86400000")
    #expect(configurations[name]?["max.message.bytes"] == "9000000")

    try await KafkaFixture.fill(name, partition: 2, 0..<4)
    let marks = try await administration.watermarks(TopicPartition(topic: name, partition: 2))
    #expect(marks == (low: 0, high: 4))
    let unknown = await #expect(throws: KafkaError.self) {
      try await administration.watermarks(TopicPartition(topic: name, partition: 77))
    }
    #expect(unknown?.code == .unknownTopic)

    await administration.close(deadline: .seconds(5))
    let error = await #expect(throws: KafkaError.self) { try await administration.ping() }
    #expect(error?.code == .closed)
  }

  @Test("an unreachable broker is named, and trying again is allowed")
  func unreachable() async throws {
    let administration = try KafkaAdministration(
      KafkaConfiguration(bootstrapServers: KafkaFixture.unreachable), timeout: .seconds(2))
    let ping = await #expect(throws: KafkaError.self) { try await administration.ping() }
    #expect(ping?.code == .brokerUnreachable)
    #expect(ping?.isRetriable == true)
    #expect(ping?.message.contains(KafkaFixture.unreachable) == true)
    let creation = await #expect(throws: KafkaError.self) {
      try await administration.createTopics([TopicDefinition(name: "a", partitions: 1)])
    }
    #expect(creation?.isRetriable == true)
    await administration.close(deadline: .seconds(5))
  }
}

@Suite
struct ConfigurationTests {
  @Test("every bad property is listed by name, and no value is shown")
  func badProperties() throws {
    let configuration = KafkaConfiguration(
      bootstrapServers: "localhost:1",
      properties: [
        "linger.ms": "hunter2", "no.such.property": "hunter3", "enable.auto.commit": "true",
        "sasl.password": "hunter4",
      ])
    let error = #expect(throws: KafkaError.self) { try KafkaProducer(configuration) }
    #expect(error?.code == .configuration)
    #expect(error?.isRetriable == false)
    for name in ["linger.ms", "no.such.property", "enable.auto.commit"] {
      #expect(error?.message.contains("\"\(name)\"") == true)
    }
    #expect(error?.message.contains("hunter") == false)
  }

  @Test("what librdkafka itself refuses is told without values")
  func contradiction() throws {
    let configuration = KafkaConfiguration(
      bootstrapServers: "localhost:1",
      properties: ["security.protocol": "ssl", "ssl.ca.location": "/no/such/hunter5.pem"])
    let error = #expect(throws: KafkaError.self) {
      try KafkaConsumer(configuration, .init(group: "g", topics: ["t"]))
    }
    #expect(error?.code == .configuration)
    #expect(error?.message.contains("hunter5") == false)
  }
}
