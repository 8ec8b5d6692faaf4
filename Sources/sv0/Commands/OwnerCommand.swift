internal import ArgumentParser
internal import Authentication
internal import Evaluation
internal import Model
internal import PostgresClient

struct OwnerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "owner", abstract: "Who answers for what a tenant runs.",
    subcommands: [Apply.self, List.self])

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Stores an owner file, which replaces the one before; findings follow within seconds.")

    @OptionGroup var common: CommonOptions

    @Option(name: .shortAndLong, help: "The owner file (YAML).")
    var file: String

    func run() async throws {
      let yaml = try YAMLFile(path: file)
      let owners: OwnerFile
      do {
        owners = try OwnerFile(yaml.value)
      } catch {
        throw Failure.configuration(error.problems, in: yaml)
      }
      let pool = try common.context().pool()
      defer { pool.close() }
      let changed = try await OwnerStore(pool: pool, now: Context.now)
        .replace(owners.owners, of: owners.tenant)
      Terminal.print(
        "\(owners.owners.count) owners of \(owners.tenant) "
          + (changed ? "applied" : "are the same as before"))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists a tenant's owners.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let owners = try await OwnerStore(pool: pool, now: Context.now).list(tenant.name())
      switch output.output {
      case .json: for owner in owners { Terminal.print(owner.json.text) }
      case .text:
        let table = owners.map { owner in
          [
            owner.names.joined(separator: ", "), owner.status.rawValue,
            owner.until.map { "until \($0)" } ?? "",
          ]
        }
        for line in Terminal.table(table) { Terminal.print(line) }
        if owners.isEmpty { Terminal.complain("no owners; `sv0 owner apply -f FILE` stores them") }
      }
    }
  }
}
