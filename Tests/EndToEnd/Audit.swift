import Foundation
import KafkaClient
import Model
import Testing

/// What must hold for a stack whatever its tests did: every message matches its topic's schema, and
/// no secret came out anywhere.
struct Audit {
  let stack: Stack

  init(_ stack: Stack) {
    self.stack = stack
  }

  func check() async throws {
    try await stack.findingsArePublished()
    let messages = try await Topics(stack.kafka).messages()
    #expect(try await schemas(messages).problems == [])
    try await checkSecrets(messages)
    try checkLogs()
  }

  /// Every line of a worker's log is a JSON object with a level and a message.
  func checkLogs() throws {
    for name in try files() where name.hasSuffix(".log") {
      guard Workers.names.contains(String(name.prefix { $0 != "-" })) || name == "workers.log"
      else {
        continue
      }
      let log = String(decoding: contents(name), as: UTF8.self)
      let lines = try Workers.lines(of: log)
      #expect(lines.allSatisfy { $0["level"]?.string != nil && $0["message"]?.string != nil })
    }
  }

  /// Checks messages against their topics' schemas; injected ones and tombstones are left out.
  func schemas(_ messages: [Message]) async throws -> (problems: [String], counts: [String: Int]) {
    let checked = messages.filter { $0.header(Topics.injected) == nil && $0.value != nil }
    let lines = checked.map { message in
      JSON.object([
        "topic": .string(message.topic),
        "place": .string("\(message.topic)[\(message.partition)]@\(message.offset)"),
        "key": message.key.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null,
        "headers": .object(
          Dictionary(message.headers.map { ($0.name, .string($0.text)) }) { $1 }),
        "value": .string(Data(message.value ?? []).base64EncodedString()),
      ]).text
    }
    let path = try stack.write(lines.joined(separator: "\n"), to: "messages.ndjson")
    let result = try await Outcome.of(
      "validate", "/bin/sh",
      [
        "-c", #"exec "$0" "$1" "$2" <"$3""#, Place.python, "\(Place.tests)/validate.py",
        "\(Place.root)/topics", path,
      ], [:], in: stack.folder)
    var problems: [String] = []
    var counts: [String: Int] = [:]
    for line in result.lines {
      let words = line.split(separator: " ")
      if words.count == 2, let count = Int(words[1]) {
        counts[String(words[0])] = count
      } else {
        problems.append(line)
      }
    }
    guard problems.isEmpty == (result.status == 0) else { throw Unmet(result.errors) }
    return (problems, counts)
  }

  /// Looks for every secret in every message, table, log and webhook body.
  func checkSecrets(_ messages: [Message]) async throws {
    let issued = try files().filter { $0.hasSuffix(FaultProxy.issued) }.flatMap {
      String(decoding: contents($0), as: UTF8.self).split(separator: "\n").map(String.init)
    }
    #expect(!issued.isEmpty, "no session was opened through the proxy: nothing to look for")
    let secrets = (stack.secrets + issued).map { Data($0.utf8) }
    for (place, data) in try await everything(messages) {
      for secret in secrets where data.range(of: secret) != nil {
        Issue.record("\(String(decoding: secret.prefix(14), as: UTF8.self))… is in \(place)")
      }
    }
  }

  /// All that came out, by where it is.
  func everything(_ messages: [Message]) async throws -> [(place: String, data: Data)] {
    var places = Dictionary(grouping: messages, by: \.topic).map { topic, messages in
      (place: topic, data: messages.reduce(into: Data()) { $0 += $1.everything })
    }
    let dump = try await Outcome.of(
      "pg_dump", "\(Place.postgres)/pg_dump", ["--data-only", stack.owner], [:],
      in: stack.folder
    ).succeeded("pg_dump")
    places.append(("the database", Data(dump.output.utf8)))
    for name in try files()
    where [".log", ".out", "received.ndjson"].contains(where: name.hasSuffix) {
      places.append((name, contents(name)))
    }
    return places
  }

  private func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: stack.folder).sorted()
  }

  private func contents(_ name: String) -> Data {
    FileManager.default.contents(atPath: "\(stack.folder)/\(name)") ?? Data()
  }
}

/// All that the broker holds.
struct Topics {
  /// Marks messages that a test injected.
  static let injected = "end-to-end-injected"

  let configuration: KafkaConfiguration

  init(_ servers: String) {
    configuration = KafkaConfiguration(bootstrapServers: servers)
  }

  /// The first offset of every partition that holds something, and the one behind the last.
  ///
  /// - Parameter only: of one topic; otherwise of every topic of `sv0`.
  func ends(of only: String? = nil) async throws -> [TopicPartition: Range<Int64>] {
    let administration = try KafkaAdministration(configuration)
    let names = try await administration.listTopics().filter {
      only.map { [$0] }?.contains($0) ?? $0.hasPrefix("sv0.")
    }
    var ends: [TopicPartition: Range<Int64>] = [:]
    for (name, topic) in try await administration.describeTopics(Set(names)) {
      for number in 0..<topic.partitions {
        let partition = TopicPartition(topic: name, partition: number)
        let (low, high) = try await administration.watermarks(partition)
        if low < high { ends[partition] = low..<high }
      }
    }
    await administration.close(deadline: .seconds(5))
    return ends
  }

  /// How many messages a topic that forgets nothing holds.
  func count(of topic: String) async throws -> Int {
    try await ends(of: topic).values.map(\.count).reduce(0, +)
  }

  /// Every message of every topic of `sv0`, or of one.
  func messages(of only: String? = nil) async throws -> [Message] {
    let kept = try await ends(of: only)
    var ends = kept.mapValues(\.upperBound)
    let starts = kept.mapValues { KafkaConsumer.StartOffset.offset($0.lowerBound) }
    guard !starts.isEmpty else { return [] }
    let consumer = try KafkaConsumer(configuration, .init(group: nil))
    try await consumer.assign(starts)
    var messages: [Message] = []
    while !ends.isEmpty, case .messages(let batch)? = try await consumer.next() {
      messages += batch
      for message in batch {
        let partition = TopicPartition(topic: message.topic, partition: message.partition)
        if let end = ends[partition], message.offset + 1 >= end { ends[partition] = nil }
      }
    }
    await consumer.close(deadline: .seconds(5))
    return messages
  }

  /// Produces messages that a test made up, and says where they are.
  func inject(_ messages: [OutgoingMessage]) async throws -> [String] {
    let producer = try KafkaProducer(configuration)
    var places: [String] = []
    for var message in messages {
      message.headers.append(MessageHeader(Self.injected, "yes"))
      let delivery = try await producer.send(message).value()
      places.append("\(message.topic)[\(delivery.partition)]@\(delivery.offset)")
    }
    try await producer.close(deadline: .seconds(10))
    return places
  }
}

extension MessageHeader {
  var text: String { String(decoding: value ?? [], as: UTF8.self) }
}

extension Message {
  /// Key, value and headers, in a row.
  var everything: Data {
    ([key, value] + headers.map(\.value)).reduce(into: Data()) { $0 += ($1 ?? []) + [0] }
  }
}
