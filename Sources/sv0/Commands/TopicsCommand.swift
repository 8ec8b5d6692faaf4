internal import ArgumentParser
internal import KafkaClient
internal import Model

struct TopicsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topics",
    abstract: "Kafka topics as topics/ declares them.",
    subcommands: [Apply.self, Diff.self])

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Creates what is missing; changes nothing that exists.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
      let kafka = try KafkaAdministration(common.context().kafka())
      let declared = try TopicFile.all().map(\.definition)
      let existing = Set(try await kafka.listTopics())
      let missing = declared.filter { !existing.contains($0.name) }
      let refused = try await kafka.createTopics(missing)
      for topic in missing where refused[topic.name] == nil {
        Terminal.print("created \(topic.name)")
      }
      // Somebody else may have created it between the listing and now.
      for (_, error) in refused.sorted(by: { $0.key.precedes($1.key) })
      where error.code != .alreadyExists {
        throw error
      }
      if missing.isEmpty { Terminal.print("nothing to do") }
      await kafka.close(deadline: .seconds(5))
    }
  }

  struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists what differs from the declaration; exit 1 if anything does.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
      let kafka = try KafkaAdministration(common.context().kafka())
      let declared = try TopicFile.all().map(\.definition)
      let existing = Set(try await kafka.listTopics()).intersection(declared.map(\.name))
      let descriptions = try await kafka.describeTopics(existing)
      let configurations = try await kafka.describeConfigurations(existing.sorted())
      await kafka.close(deadline: .seconds(5))
      let differences = declared.flatMap {
        Self.differences($0, descriptions[$0.name], configurations[$0.name] ?? [:])
      }
      for line in differences { Terminal.print(line) }
      guard differences.isEmpty else { throw ExitCode(Failure.Code.outcome.rawValue) }
      Terminal.print("no difference")
    }

    static func differences(
      _ declared: TopicDefinition, _ actual: TopicDescription?, _ configuration: [String: String]
    ) -> [String] {
      guard let actual else { return ["\(declared.name): missing; run `sv0 topics apply`"] }
      var lines: [String] = []
      if actual.partitions != declared.partitions {
        lines.append(
          "\(declared.name): \(actual.partitions) partitions, declared \(declared.partitions)")
      }
      if declared.replication > 0, actual.replication != declared.replication {
        lines.append(
          "\(declared.name): replication \(actual.replication), declared \(declared.replication)")
      }
      for (key, value) in declared.configuration.sorted(by: { $0.key.precedes($1.key) })
      where configuration[key] != value {
        lines.append(
          "\(declared.name): \(key) is \(configuration[key] ?? "unset"), declared \(value)")
      }
      return lines
    }
  }
}
