internal import ArgumentParser
internal import LocalStack

struct LocalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "local",
    abstract: "Private servers for a developer's shell, tests and the demo.",
    subcommands: [Up.self, Down.self])

  struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts a broker and Postgres on free ports; prints exports when all answer.")

    @Option(help: "Where the servers' state and logs are kept.")
    var dir = ".sv0"

    @Option(help: "Another server to start: moto.")
    var with: [String] = []

    func run() async throws {
      var services: Set<LocalStack.Service> = [.broker, .postgres]
      for name in with {
        guard let service = LocalStack.Service(rawValue: name) else {
          let accepted = LocalStack.Service.allCases.map(\.rawValue).joined(separator: ", ")
          throw Failure(.usage, "--with \(name): expected one of \(accepted)")
        }
        services.insert(service)
      }
      let environment = try await LocalStack.up(directory: dir, services: services)
      for line in environment.exportLines { Terminal.print(line) }
    }
  }

  struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops exactly what `up` started there.")

    @Option(help: "The directory that was given to `up`.")
    var dir = ".sv0"

    func run() async throws {
      for service in try await LocalStack.down(directory: dir) {
        Terminal.print("stopped \(service.rawValue)")
      }
    }
  }
}
