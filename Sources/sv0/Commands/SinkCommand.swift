internal import ArgumentParser
internal import Model
internal import Notification
internal import PostgresClient
internal import Schema

struct SinkCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sink", abstract: "Where findings are delivered.",
    subcommands: [Apply.self, List.self])

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stores a sink file; running notifiers follow within seconds.")

    @OptionGroup var common: CommonOptions

    @Option(name: .shortAndLong, help: "The sink file (YAML).")
    var file: String

    func run() async throws {
      let yaml = try YAMLFile(path: file)
      let problems = SinkDocument.problems(in: yaml.value)
      guard problems.isEmpty else { throw Failure.configuration(problems, in: yaml) }
      let sink = try SinkDocument(yaml.value)
      let pool = try common.context().pool()
      defer { pool.close() }
      try await pool.withTransaction(.tenant(sink.tenant)) { transaction in
        try await transaction.execute(
          "INSERT INTO sv0.tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING",
          [.text(sink.tenant)])
        try await transaction.execute(
          """
          INSERT INTO sv0.sinks VALUES ($1, $2, $3, $4)
          ON CONFLICT (tenant, name) DO UPDATE SET document = excluded.document,
            applied_at = excluded.applied_at
          """,
          [
            .text(sink.tenant), .text(sink.name), .json(sink.json.bytes),
            .timestamp(Context.now()),
          ])
      }
      Terminal.print("sink \(sink.tenant)/\(sink.name) applied")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists a tenant's sinks.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    func run() async throws {
      try await listDocuments(
        "SELECT name, document ->> 'type' AS kind, document, applied_at FROM sv0.sinks"
          + " ORDER BY name COLLATE \"C\"", tenant, common, output)
    }
  }
}
