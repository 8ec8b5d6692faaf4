internal import ArgumentParser
internal import Foundation
internal import Loading
internal import Model
internal import PostgresClient

/// Who decides, for the record.
struct PersonOption: ParsableArguments {
  @Option(help: "Who decides, for the record; default: the user of this shell.")
  var by: String?

  func name() throws -> String {
    let name = by ?? NSUserName()
    guard !name.isEmpty, name.utf8.count <= 128 else {
      throw Failure(.usage, "--by: expected a name of 1 to 128 bytes")
    }
    return name
  }
}

/// A scope key on the command line.
struct ScopeArgument: ExpressibleByArgument {
  let scope: Scope

  init?(argument: String) {
    guard let scope = Scope(argument) else { return nil }
    self.scope = scope
  }
}

struct RemovalsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "removals",
    abstract: "Removals that are held back because too much is gone at once.",
    subcommands: [List.self, Confirm.self, Reject.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What is missing from each collection, and since when.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let all = try await SuspectRemovals(pool: pool, now: Context.now)
        .list(tenant: tenant.name())
      switch output.output {
      case .json: for suspects in all { Terminal.print(suspects.json.text) }
      case .text:
        let table = all.map { suspects in
          [
            suspects.scope, suspects.collection, "epoch \(suspects.epoch)",
            "\(suspects.objects) objects", "since \(suspects.since)",
          ]
        }
        for line in Terminal.table(table) { Terminal.print(line) }
        if all.isEmpty { Terminal.complain("no suspect removals") }
      }
    }
  }

  struct Confirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "They are gone indeed: closes the suspects of one epoch.")

    @OptionGroup var decision: DecisionOptions

    func run() async throws { try await decision.make(.confirmed) }
  }

  struct Reject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "They are not gone: keeps them until another complete listing lacks them.")

    @OptionGroup var decision: DecisionOptions

    func run() async throws { try await decision.make(.rejected) }
  }
}

/// What confirming and rejecting have in common.
struct DecisionOptions: ParsableArguments {
  @OptionGroup var common: CommonOptions
  @OptionGroup var tenant: TenantOption
  @OptionGroup var person: PersonOption

  @Option(help: "Only if the suspects are of this epoch, as `sv0 removals list` said.")
  var epoch: Int64?

  @Argument(help: "The scope key: tenant/connection/platform/account.")
  var scope: ScopeArgument

  @Argument(help: "The collection.")
  var collection: String

  func make(_ decision: SuspectRemovals.Decision) async throws {
    let scope = scope.scope
    guard try tenant.name() == scope.tenant else {
      throw Failure(.usage, "\(scope) is not a scope of tenant \(try tenant.name())")
    }
    let pool = try common.context().pool()
    defer { pool.close() }
    let answer = try await SuspectRemovals(pool: pool, now: Context.now)
      .decide(decision, scope, collection, epoch: epoch, by: person.name())
    switch answer {
    case .done(let epoch, let assertions):
      Terminal.print(
        "\(decision.rawValue): \(assertions) nodes and edges of \(collection), epoch \(epoch)")
    case .noSuspects:
      throw Failure(
        .badData, "\(collection) of \(scope) has no suspects; `sv0 removals list` lists them")
    case .otherEpoch(let epoch):
      throw Failure(
        .badData,
        "a newer listing was applied: the suspects are now of epoch \(epoch); "
          + "look again with `sv0 removals list`")
    }
  }
}

extension SuspectRemovals.Suspects {
  var json: JSON {
    [
      "scope": .string(scope), "collection": .string(collection), "epoch": .integer(epoch),
      "objects": .integer(objects), "assertions": .integer(assertions),
      "since": .string(since.description),
    ]
  }
}
