internal import ArgumentParser
internal import Model

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "All workers in one process.")

  @OptionGroup var common: CommonOptions

  func run() async throws {
    try await WorkerProcess(common.context()).run(Worker.all)
  }
}

struct SchedulerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scheduler", abstract: "Admits scan requests and gives runs to extractors.")

  @OptionGroup var common: CommonOptions

  func run() async throws { try await WorkerProcess(common.context()).run([.scheduler]) }
}

struct ExtractorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extractor", abstract: "Reads one platform; needs Kafka and the platform only.")

  @OptionGroup var common: CommonOptions

  @Option(help: "The platform to read.")
  var platform: Platform

  func run() async throws {
    try await WorkerProcess(common.context()).run([.extractor(platform)])
  }
}

struct TransformerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transformer", abstract: "Turns raw records into graph fragments.")

  @OptionGroup var common: CommonOptions

  @Option(help: "The platform whose records to read.")
  var platform: Platform

  func run() async throws {
    try await WorkerProcess(common.context()).run([.transformer(platform)])
  }
}

struct LoaderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loader", abstract: "Diffs fragments into the graph in Postgres.")

  @OptionGroup var common: CommonOptions

  func run() async throws { try await WorkerProcess(common.context()).run([.loader]) }
}

struct EvaluatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluator", abstract: "Proves authority and keeps the findings.")

  @OptionGroup var common: CommonOptions

  func run() async throws { try await WorkerProcess(common.context()).run([.evaluator]) }
}

struct NotifierCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notifier", abstract: "Delivers findings to the sinks.")

  @OptionGroup var common: CommonOptions

  func run() async throws { try await WorkerProcess(common.context()).run([.notifier]) }
}
