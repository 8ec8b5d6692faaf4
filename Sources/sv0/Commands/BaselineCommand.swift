internal import ArgumentParser
internal import Evaluation
internal import Model
internal import PostgresClient

struct BaselineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline", abstract: "What identities may reach, for all that is known.",
    subcommands: [Accept.self])

  struct Accept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes what identities have come to reach for what they may reach.",
      discussion: """
        The baseline of an identity is what it reached when it was first judged. What policies, \
        grants or memberships have added since is a `scope-drift` finding, until it is gone or \
        accepted. The next evaluation accepts what is reached at that time.
        """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var person: PersonOption

    @Option(help: "All of this scope: tenant/connection/platform/account.")
    var scope: String?

    @Argument(help: "The identity, as its findings name it.")
    var subject: String?

    func run() async throws {
      guard (subject == nil) != (scope == nil) else {
        throw Failure(.usage, "which baselines? Give an identity, or --scope for all of an account")
      }
      if let scope, Scope(scope) == nil {
        throw Failure(.usage, "--scope \(scope): expected tenant/connection/platform/account")
      }
      let pool = try common.context().pool()
      defer { pool.close() }
      let count = try await FindingOrders(pool: pool, now: Context.now).accept(
        BaselineAcceptance(scope: scope, subject: subject), of: try tenant.name(),
        by: person.name())
      guard count > 0 else {
        throw Failure(.badData, "nothing has drifted there; `sv0 findings` lists what has")
      }
      Terminal.print("\(count) baselines take in what is reached, with the next evaluation")
    }
  }
}
