internal import ArgumentParser
internal import Evaluation
internal import JSONReader
internal import Model
internal import PostgresClient
internal import Schema

struct ExposureCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exposure",
    abstract: "Who comes to sensitive data, privileged sets and other platforms, since when.",
    discussion: """
      As the newest evaluation stored it, so nothing is evaluated: the best path of each non-human \
      identity and automation. What else one comes to, `sv0 reach` tells. Levels: readData, write, \
      administer, manageAccess.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var tenant: TenantOption
  @OptionGroup var output: OutputOption

  @Option(help: "Only to this: data-domain:hr, platform:entra, a set; or a unique suffix.")
  var to: String?

  @Option(help: "Only of this identity or automation, with its paths; or a unique suffix.")
  var identity: String?

  @Option(help: "Only access at this level or above.")
  var level: AccessLevel?

  @Option(help: "Only what is as certain as this, or more: effective, conditional, unknown.")
  var strength: Strength?

  @Flag(help: "What has ended, too.")
  var all = false

  func run() async throws {
    let pool = try common.context().pool()
    defer { pool.close() }
    let rows = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
      try await $0.query(
        statement,
        [
          .text(try await name(identity, in: "subject", $0)),
          .text(try await name(to, in: "target", $0)), .text(level?.name),
          .text(strength?.rawValue),
        ])
    }
    switch output.output {
    case .json: for row in rows { Terminal.print(try json(row).text) }
    case .text: try printTable(rows)
    }
  }

  /// With a level, and with a strength, go those above it.
  private var statement: String {
    """
    SELECT subject, target, level, strength, via, cause, hops, reached_since, closed_at
    FROM (\(versions)) p,
      (SELECT ARRAY['', 'readMetadata', 'readData', 'write', 'administer', 'manageAccess'] AS levels,
        ARRAY['unknown', 'conditional', 'effective'] AS strengths) names
    WHERE ($1::text IS NULL OR subject = $1) AND ($2::text IS NULL OR target = $2)
      AND ($3::text IS NULL OR array_position(levels, level) >= array_position(levels, $3))
      AND ($4::text IS NULL
        OR array_position(strengths, strength) >= array_position(strengths, $4))
    ORDER BY target COLLATE "C", array_position(levels, level) DESC,
      array_position(strengths, strength) DESC, subject COLLATE "C", reached_since
    """
  }

  /// The open ones; with `--all` the last one of each stretch of time without a break.
  private var versions: String {
    guard all else { return "SELECT * FROM sv0.authority_paths WHERE closed_version IS NULL" }
    return """
      SELECT DISTINCT ON (subject, target, level, reached_since) * FROM sv0.authority_paths
      ORDER BY subject, target, level, reached_since, closed_version DESC NULLS FIRST,
        opened_at DESC
      """
  }

  /// The stored name that a person means.
  private nonisolated(nonsending) func name(
    _ text: String?, in column: String, _ transaction: PostgresTransaction
  ) async throws -> String? {
    guard let text else { return nil }
    let names = try await transaction.query(
      """
      SELECT DISTINCT \(column) FROM sv0.authority_paths
      WHERE ($2 OR closed_version IS NULL) AND (\(column) = $1
        OR (right(\(column), length($1)) = $1
          AND substr(\(column), length(\(column)) - length($1), 1) IN (':', '/', '#')))
      """, [.text(text), .bool(all)]
    ).map { try $0.string(0) }
    guard !names.isEmpty else {
      throw Failure(
        .outcome,
        column == "target"
          ? "nobody comes to \(text)"
          : "\(text) comes to nothing that is sensitive; `sv0 reach` tells what else it comes to")
    }
    return try PathCommand.resolve(text, among: Dictionary(names.map { ($0, $0) }) { $1 })
  }

  private func printTable(_ rows: [PostgresRow]) throws {
    let table = try rows.map { row in
      [
        try row.string("target"), try row.string("level"), try row.string("strength"),
        try row.string("via"), try row.timestamp("reached_since").description,
      ] + (all ? [try row.timestampOrNil("closed_at")?.description ?? ""] : [])
        + [try row.string("subject")]
    }
    let header =
      ["TO", "LEVEL", "STRENGTH", "VIA", "SINCE"] + (all ? ["UNTIL"] : []) + ["IDENTITY"]
    for (number, line) in Terminal.table([header] + table).enumerated() {
      Terminal.print(line)
      guard identity != nil, number > 0 else { continue }
      let hops = Array(try rows[number - 1].string("hops").utf8)
      for hop in try JSONDocument(parsing: hops).root.array() {
        Terminal.print("  \(try hop.string(at: "sentence"))")
      }
    }
    if rows.isEmpty { Terminal.complain("nobody comes to anything of that kind") }
  }

  private func json(_ row: PostgresRow) throws -> JSON {
    let level = try row.string("level")
    let hops = Array(try row.string("hops").utf8)
    return [
      "identity": .string(try row.string("subject")), "to": .string(try row.string("target")),
      "level": level.isEmpty ? .null : .string(level),
      "strength": .string(try row.string("strength")), "via": .string(try row.string("via")),
      "cause": .string(try row.string("cause")), "hops": JSON(try JSONDocument(parsing: hops).root),
      "since": .string(try row.timestamp("reached_since").description),
      "until": try row.timestampOrNil("closed_at").map { .string($0.description) } ?? .null,
    ]
  }
}
