internal import ArgumentParser
internal import Loading
internal import Model
internal import PostgresClient
internal import Scheduling

struct ScopeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scope", abstract: "The accounts that are in the graph.",
    subcommands: [List.self, Retire.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Each account that was ever asked for, how its newest run went, and if it is gone.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let scopes = try await ListedScope.all(of: tenant.name(), in: pool)
      switch output.output {
      case .json: for scope in scopes { Terminal.print(scope.json.text) }
      case .text:
        let table = scopes.map { scope in
          [
            scope.scope, "epoch \(scope.epoch)", scope.state ?? "",
            scope.changedAt?.description ?? "", remark(scope),
          ]
        }
        for line in Terminal.table(table) { Terminal.print(line) }
        if scopes.isEmpty { Terminal.complain("no scopes: nothing was asked for yet") }
      }
    }

    private func remark(_ scope: ListedScope) -> String {
      if let time = scope.retiredAt { return "retired at \(time)" }
      guard let time = scope.unlistedSince else { return "" }
      return "no longer among the connection's accounts since \(time); `sv0 scope retire` takes it "
        + "out of the graph"
    }
  }

  struct Retire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes an account, a collection or a connection out of the graph; history stays.",
      discussion: """
        What is open is closed, runs that wait or are being read are cancelled, and nothing that \
        was read before is applied afterwards. A scan that is asked for later brings it back: \
        take the account out of the connection file first, or out of what calls for scans.
        """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var person: PersonOption

    @Option(help: "Only this collection; without @REGION that of every region.")
    var collection: String?

    @Argument(help: "tenant/connection/platform/account, or tenant/connection for all of it.")
    var scope: String

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let retirement = Retirement(pool: pool, now: Context.now)
      let scopes = try await scopes(retirement)
      for scope in scopes {
        let retired = try await retirement.retire(
          scope, collection: collection, by: person.name())
        guard let retired else {
          throw Failure(
            .badData, "no scope \(scope); `sv0 scan show` lists those that were scanned")
        }
        let runs = retired.runs.map { ", cancelled run \($0)" }.joined()
        Terminal.print(
          "retired \(scope)\(collection.map { " \($0)" } ?? "") in epoch \(retired.epoch): "
            + "closed \(retired.assertions) nodes and edges\(runs)")
      }
    }

    private func scopes(_ retirement: Retirement) async throws -> [Scope] {
      if let collection, collection.isEmpty {
        throw Failure(.usage, "--collection: expected a name such as aws.iam.role")
      }
      if let scope = Scope(scope) { return [scope] }
      let parts = scope.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, parts.allSatisfy(Scope.isName) else {
        throw Failure(
          .usage, "\(scope): expected tenant/connection/platform/account or tenant/connection")
      }
      let scopes = try await retirement.scopes(of: parts[1], tenant: parts[0])
      guard !scopes.isEmpty else {
        throw Failure(.badData, "connection \(scope) has no scopes that were ever scanned")
      }
      return scopes
    }
  }
}
