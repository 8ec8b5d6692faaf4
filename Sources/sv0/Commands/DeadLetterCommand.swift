internal import ArgumentParser
internal import KafkaClient
internal import Model
internal import Pipeline

struct DeadLetterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deadletter", abstract: "Messages that a worker could not understand, and why.",
    subcommands: [List.self, Show.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Every dead letter that the topic still holds.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: OutputOption

    func run() async throws {
      var rows: [[String]] = []
      try await DeadLetterReader(common.context()).read { letter in
        switch output.output {
        case .json: Terminal.print(letter.json.text)
        case .text:
          rows.append([letter.id, letter.at, letter.stage, letter.origin, letter.reason])
        }
      }
      for line in Terminal.table(rows) { Terminal.print(line) }
      if rows.isEmpty, output.output == .text { Terminal.complain("no dead letters") }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One dead letter: its reason, its headers, its bytes.")

    @OptionGroup var common: CommonOptions

    @Argument(help: "The dead letter's id from `list`: PARTITION@OFFSET.")
    var id: String

    func run() async throws {
      var found: DeadLetter?
      try await DeadLetterReader(common.context()).read { if $0.id == id { found = $0 } }
      guard let found else {
        throw Failure(.usage, "no dead letter \(id); `sv0 deadletter list` lists them")
      }
      for header in found.message.headers {
        Terminal.print(
          "\(header.name): \(String(decoding: header.value ?? [], as: UTF8.self))")
      }
      Terminal.print("")
      Terminal.print(String(decoding: found.message.value ?? [], as: UTF8.self))
    }
  }
}

/// A message of the dead-letter topic.
struct DeadLetter {
  let message: Message

  var id: String { "\(message.partition)@\(message.offset)" }
  var at: String { field("at") }
  var stage: String { field("stage") }
  var reason: String { "\(field("class.name")): \(field("reason"))" }
  var origin: String { "\(field("topic"))[\(field("partition"))]@\(field("offset"))" }

  var json: JSON {
    [
      "id": .string(id), "at": .string(at), "stage": .string(stage), "origin": .string(origin),
      "class": .string(field("class.name")), "reason": .string(field("reason")),
    ]
  }

  private func field(_ name: String) -> String {
    message.header(DeadLetters.prefix + name) ?? "?"
  }
}

/// Reads the dead-letter topic from its beginning to where it ended when reading began.
struct DeadLetterReader {
  private let context: Context

  init(_ context: Context) {
    self.context = context
  }

  func read(_ body: (DeadLetter) -> Void) async throws {
    let administration = try KafkaAdministration(context.kafka())
    guard let topic = try await administration.describeTopics([Topic.deadLetter])[Topic.deadLetter]
    else {
      throw Failure(.configuration, "\(Topic.deadLetter) does not exist; run `sv0 topics apply`")
    }
    var ends: [TopicPartition: Int64] = [:]
    var starts: [TopicPartition: KafkaConsumer.StartOffset] = [:]
    for number in 0..<topic.partitions {
      let partition = TopicPartition(topic: Topic.deadLetter, partition: number)
      let (low, high) = try await administration.watermarks(partition)
      if low < high {
        ends[partition] = high
        starts[partition] = .offset(low)
      }
    }
    await administration.close(deadline: .seconds(5))
    guard !starts.isEmpty else { return }
    let consumer = try KafkaConsumer(context.kafka(), KafkaConsumer.Options(group: nil))
    try await consumer.assign(starts)
    while !ends.isEmpty, let event = try await consumer.next() {
      guard case .messages(let messages) = event else { continue }
      for message in messages {
        let partition = TopicPartition(topic: message.topic, partition: message.partition)
        guard let end = ends[partition], message.offset < end else { continue }
        body(DeadLetter(message: message))
        if message.offset + 1 >= end { ends[partition] = nil }
      }
    }
    await consumer.close(deadline: .seconds(5))
  }
}
