internal import ArgumentParser
internal import Evaluation
internal import JSONReader
internal import Model
internal import PostgresClient
internal import Schema

struct FindingsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "findings", abstract: "What is exposed, and why that is believed.",
    subcommands: [List.self, Show.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open findings, the most severe first.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Flag(help: "Only what the newest evaluation changed, resolved findings included.")
    var changed = false

    @Flag(help: "Resolved findings too.")
    var all = false

    @Flag(help: "Exit 1 if anything is listed.")
    var failOnFindings = false

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
        try await $0.query(
          """
          SELECT f.uid, f.rule, f.subject, f.severity, f.state, f.event
          FROM sv0.findings f WHERE CASE WHEN $1 THEN EXISTS (
              SELECT FROM sv0.finding_versions v JOIN sv0.tenants t USING (tenant)
              WHERE v.tenant = f.tenant AND v.uid = f.uid AND v.version = f.version
                AND v.graph_version = t.evaluated_version)
            ELSE $2 OR f.state <> 'resolved' END
          ORDER BY array_position(
            ARRAY['critical', 'high', 'medium', 'low', 'informational'], f.severity),
            f.rule COLLATE "C", f.subject COLLATE "C"
          """, [.bool(changed), .bool(all)])
      }
      switch output.output {
      case .json: for row in rows { Terminal.print(try row.string("event")) }
      case .text: try printTable(rows)
      }
      if failOnFindings, !rows.isEmpty { throw ExitCode(Failure.Code.outcome.rawValue) }
    }

    private func printTable(_ rows: [PostgresRow]) throws {
      let table = try rows.map { row in
        [
          try row.string("severity"), try row.string("state"), try row.string("rule"),
          try row.string("subject"), String(try row.string("uid").prefix(12)),
        ]
      }
      for line in Terminal.table([["SEVERITY", "STATE", "RULE", "SUBJECT", "ID"]] + table) {
        Terminal.print(Terminal.hasColour ? coloured(line) : line)
      }
      if rows.isEmpty { Terminal.complain("no findings") }
    }

    private func coloured(_ line: String) -> String {
      let colour =
        switch line.prefix(4) {
        case "crit": "1;31"
        case "high": "31"
        case "medi": "33"
        case "SEVE": "1"
        default: ""
        }
      return colour.isEmpty ? line : "\u{1B}[\(colour)m\(line)\u{1B}[0m"
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One finding with its chain, down to the API responses.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Argument(help: "The finding's id, or a unique beginning of it.")
    var id: String

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
        try await $0.query(
          """
          SELECT uid, state, severity, rule, subject, version, event, first_seen_at, changed_at
          FROM sv0.findings WHERE starts_with(uid, $1) ORDER BY uid COLLATE "C" LIMIT 20
          """, [.text(id)])
      }
      guard let row = rows.first else {
        throw Failure(.usage, "no finding \(id); `sv0 findings --all` lists them")
      }
      guard rows.count == 1 else {
        let ids = try rows.map { try $0.string("uid") }
        throw Failure(.usage, "\(id) may mean any of: \(ids.joined(separator: ", "))")
      }
      let event = try row.string("event")
      guard output.output == .text else { return Terminal.print(event) }
      let bytes = Array(event.utf8)
      let view = try JSONDocument(parsing: bytes).root
      Terminal.print(try view.string(at: "finding_info", "title"))
      Terminal.print("")
      Terminal.print(try view.string(at: "finding_info", "desc"))
      Terminal.print("")
      let facts = [
        ["id", try row.string("uid")], ["rule", try row.string("rule")],
        ["severity", try row.string("severity")],
        ["state", "\(try row.string("state")), version \(try row.int64("version"))"],
        ["subject", try row.string("subject")],
        ["first seen", try row.timestamp("first_seen_at").description],
        ["changed", try row.timestamp("changed_at").description],
      ]
      for line in Terminal.table(facts) { Terminal.print(line) }
      Terminal.print("")
      for line in try ChainText.lines(event: bytes) { Terminal.print(line) }
    }
  }
}
