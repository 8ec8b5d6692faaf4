/// The executable, and the only composition root: here settings meet clients and workers.
///
/// - `Settings/` reads files and the environment, listing every problem at once.
/// - `Workers/` builds each worker from the settings and runs them with signals and health.
/// - `Commands/` are the tools, one file each.
/// - `Adapters/` make clients fit the protocols that the workers see.
internal import ArgumentParser
internal import Cryptography

@main
struct SV0: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sv0",
    abstract: "Finds non-human identities and proves what they can execute.",
    discussion: """
      Settings come from --config FILE and from the environment, which wins: SV0_KAFKA,
      SV0_POSTGRES, SV0_LOG_LEVEL and so on. Exit codes: 0 done, 1 done with an outcome you asked \
      to fail on, 64 usage, 65 bad input, 69 a server is unreachable, 70 our bug, 75 try again, \
      77 permission, 78 configuration.
      """,
    groupedSubcommands: [
      CommandGroup(
        name: "Set-up:",
        subcommands: [
          LocalCommand.self, MigrateCommand.self, TopicsCommand.self, ConnectionCommand.self,
          SinkCommand.self, OwnerCommand.self, CatalogCommand.self,
        ]),
      CommandGroup(
        name: "Workers:",
        subcommands: [
          RunCommand.self, SchedulerCommand.self, ExtractorCommand.self, TransformerCommand.self,
          LoaderCommand.self, EvaluatorCommand.self, NotifierCommand.self,
        ]),
      CommandGroup(
        name: "Questions:",
        subcommands: [
          ScanCommand.self, FindingsCommand.self, PathCommand.self, ReachCommand.self,
          WhoCanCommand.self, ExposureCommand.self, ExplainCommand.self, GraphCommand.self,
          DeadLetterCommand.self,
        ]),
      CommandGroup(
        name: "Decisions:",
        subcommands: [
          RemovalsCommand.self, ScopeCommand.self, BaselineCommand.self, ReplayCommand.self,
        ]),
    ])

  static func main() async {
    do {
      try SHA256.checkAvailable()
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error where Failure(error) == nil {
      // Help, version, usage: the parser knows how to say it and with which code.
      exit(withError: error)
    } catch {
      let failure = Failure(error) ?? Failure(.bug, "\(error)")
      Terminal.complain("sv0: \(failure)")
      exit(withError: ExitCode(failure.code.rawValue))
    }
  }
}
