internal import ArgumentParser
internal import Authentication
internal import JSONReader
internal import Model
internal import PostgresClient
internal import Scheduling
internal import Schema

struct ConnectionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connection", abstract: "Configured access to platforms.",
    subcommands: [Apply.self, List.self, History.self])

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stores a connection file, in the place of the one of that name.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var person: PersonOption

    @Option(name: .shortAndLong, help: "The connection file (YAML).")
    var file: String

    func run() async throws {
      let yaml = try YAMLFile(path: file)
      let problems = ConnectionDocument.problems(in: yaml.value, rules: Connectors.rules)
      guard problems.isEmpty else { throw Failure.configuration(problems, in: yaml) }
      let document = try ConnectionDocument(yaml.value)
      let pool = try common.context().pool()
      defer { pool.close() }
      try await document.store(in: pool, at: Context.now(), by: person.name())
      Terminal.print("connection \(document.tenant)/\(document.connection) applied")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists a tenant's connections.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      try await listDocuments(
        "SELECT connection AS name, platform AS kind, document, applied_at FROM sv0.connections"
          + " ORDER BY connection COLLATE \"C\"", tenant, common, output)
    }
  }
}

extension ConnectionCommand {
  struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists what a connection's file said from when on, and who applied it.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Argument(help: "The connection's name.")
    var connection: String

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
        try await $0.query(
          """
          SELECT version, document, applied_at, applied_by,
            document -> 'collections' -> 'enable' AS enabled
          FROM sv0.connection_versions WHERE connection = $1 ORDER BY version
          """, [.text(connection)])
      }
      var table: [[String]] = []
      for row in rows {
        let version = try row.int64("version")
        let document = try row.stringOrNil("document")
        let at = try row.timestamp("applied_at").description
        let person = try row.string("applied_by")
        switch output.output {
        case .json:
          let said = try document.map { JSON(try JSONDocument(parsing: Array($0.utf8)).root) }
          let line: JSON = [
            "connection": .string(connection), "version": .integer(version),
            "appliedAt": .string(at), "appliedBy": .string(person), "document": said ?? .null,
          ]
          Terminal.print(line.text)
        case .text:
          let enabled = try row.stringOrNil("enabled") ?? "[]"
          table.append([
            "\(version)", at, person, document == nil ? "removed" : "enables \(enabled)",
          ])
        }
      }
      for line in Terminal.table(table) { Terminal.print(line) }
    }
  }
}

/// Prints stored documents: connections and sinks look alike.
func listDocuments(
  _ sql: String, _ tenant: TenantOption, _ common: CommonOptions, _ output: OutputOption
) async throws {
  let pool = try common.context().pool()
  defer { pool.close() }
  let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
    try await $0.query(sql)
  }
  switch output.output {
  case .json: for row in rows { Terminal.print(try row.string("document")) }
  case .text:
    let table = try rows.map { row in
      [try row.string("name"), try row.string("kind"), try row.timestamp("applied_at").description]
    }
    for line in Terminal.table(table) { Terminal.print(line) }
  }
}
