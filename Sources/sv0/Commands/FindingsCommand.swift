internal import ArgumentParser
internal import Evaluation
internal import JSONReader
internal import Model
internal import PostgresClient
internal import Schema

struct FindingsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "findings", abstract: "What is exposed, and why that is believed.",
    subcommands: [List.self, Show.self, Release.self, Suppress.self],
    defaultSubcommand: List.self)

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

    @Flag(help: "Only what is held back: it waits for `sv0 findings release`.")
    var held = false

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
            WHEN $3 THEN f.held
            ELSE f.version > 0 AND ($2 OR f.state <> 'resolved') END
          ORDER BY array_position(
            ARRAY['critical', 'high', 'medium', 'low', 'informational'], f.severity),
            f.rule COLLATE "C", f.subject COLLATE "C"
          """, [.bool(changed), .bool(all), .bool(held)])
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
          SELECT uid, state, severity, rule, subject, version, held, event, first_seen_at,
            changed_at
          FROM sv0.findings WHERE starts_with(uid, $1) ORDER BY uid COLLATE "C" LIMIT 20
          """, [.text(id)])
      }
      let row = try only(rows, id)
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
        [
          "state",
          "\(try row.string("state")), version \(try row.int64("version"))"
            + (try row.bool("held") ? ", held back" : ""),
        ],
        ["subject", try row.string("subject")],
        ["first seen", try row.timestamp("first_seen_at").description],
        ["changed", try row.timestamp("changed_at").description],
      ]
      for line in Terminal.table(facts) { Terminal.print(line) }
      Terminal.print("")
      for line in try ChainText.lines(event: bytes) { Terminal.print(line) }
    }
  }

  struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sends the findings that are held back.",
      discussion: """
        What a rule finds in a scope that it has never judged, or in a new version, is stored and \
        not sent, but for what is high or critical. The next evaluation sends it, in its state at \
        that time.
        """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var person: PersonOption

    @Option(help: "Only of this scope: tenant/connection/platform/account.")
    var scope: String?

    @Option(help: "Only of this rule.")
    var rule: String?

    func run() async throws {
      if let scope, Scope(scope) == nil {
        throw Failure(.usage, "--scope \(scope): expected tenant/connection/platform/account")
      }
      let pool = try common.context().pool()
      defer { pool.close() }
      let count = try await FindingOrders(pool: pool, now: Context.now).release(
        FindingRelease(scope: scope, rule: rule), of: try tenant.name(), by: person.name())
      Terminal.print(
        count == 0
          ? "nothing is held back there; `sv0 findings --held` lists what is"
          : "\(count) findings go out with the next evaluation")
    }
  }

  struct Suppress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keeps quiet about a finding that somebody answers for, until a day.",
      discussion: "The newest suppression of a finding counts, also where it ends earlier.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var person: PersonOption

    @Argument(help: "The finding's id, or a unique beginning of it.")
    var id: String

    @Option(help: "Who answers for it: a person or a team.")
    var owner: String

    @Option(help: "Why it may stay; it is sent with the finding, so name no secrets.")
    var reason: String

    @Option(help: "Until when, such as 2027-01-31 or 2027-01-31T12:00:00Z.")
    var until: String

    func run() async throws {
      guard let end = Timestamp(until) ?? Timestamp("\(until)T00:00:00Z"), end > Context.now()
      else {
        throw Failure(.usage, "--until \(until): expected a day or a time (RFC 3339) to come")
      }
      for (name, text) in [("owner", owner), ("reason", reason)]
      where text.allSatisfy(\.isWhitespace) || text.utf8.count > 1000 {
        throw Failure(.usage, "--\(name): a suppression needs one, of at most 1000 bytes")
      }
      let pool = try common.context().pool()
      defer { pool.close() }
      let tenant = try tenant.name()
      let rows = try await pool.withTransaction(.tenant(tenant, readOnly: true)) {
        try await $0.query(
          """
          SELECT uid FROM sv0.findings WHERE starts_with(uid, $1)
          ORDER BY uid COLLATE "C" LIMIT 20
          """, [.text(id)])
      }
      let uid = try only(rows, id).string("uid")
      let isOpen = try await FindingOrders(pool: pool, now: Context.now).suppress(
        uid, Suppression(owner: owner, reason: reason, endsAt: end), of: tenant,
        by: person.name())
      guard isOpen else { throw Failure(.badData, "finding \(uid) is resolved already") }
      Terminal.print("suppressed until \(end) from the next evaluation on")
    }
  }
}

/// The one finding that a person means.
private func only(_ rows: [PostgresRow], _ id: String) throws -> PostgresRow {
  guard let row = rows.first else {
    throw Failure(.usage, "no finding \(id); `sv0 findings --all` lists them")
  }
  guard rows.count == 1 else {
    let ids = try rows.map { try $0.string("uid") }
    throw Failure(.usage, "\(id) may mean any of: \(ids.joined(separator: ", "))")
  }
  return row
}
