import Testing

/// All that a tenant's scans came to, without what may differ between two tenants or two times: the
/// tenant's name, the runs' ids and attempts, receipts, versions of the graph, times.
///
/// The history is in it, every version of every row with the epochs that opened and closed it: an
/// attempt that was repeated must not have left anything.
struct Picture: Equatable {
  /// What it is of, and a row of that.
  private let lines: [String]

  private static let version = "encode(hash, 'hex'), opened_epoch, closed_epoch, suspect_since"
  private static let parts = [
    ("node", "SELECT account, collection, object, id, \(version) FROM nodes"),
    (
      "edge",
      """
      SELECT account, collection, object, kind, from_id, to_id, discriminator, \(version) FROM edges
      """
    ),
    ("observed", "SELECT account, collection, object, id, fact FROM observed"),
    ("document", "SELECT digest FROM documents"),
    (
      "collection",
      """
      SELECT account, collection, outcome, outcome_epoch, applied_epoch, completed_epoch, missing,
        message FROM collections
      """
    ),
    ("run", "SELECT account, epoch, state, records, reason FROM runs"),
    (
      "run and collection",
      """
      SELECT account, epoch, collection, outcome, c.records, missing, message
      FROM run_collections c JOIN runs USING (run)
      """
    ),
    (
      "finding",
      "SELECT rule, subject, severity, state, held, version, event ->> 'message' FROM findings"
    ),
    (
      "finding and version",
      """
      SELECT rule, subject, v.version, v.state, v.event ->> 'message'
      FROM finding_versions v JOIN findings USING (uid)
      """
    ),
    (
      "path",
      """
      SELECT subject, target, level, strength, via, hops FROM authority_paths
      WHERE closed_version IS NULL
      """
    ),
  ]
  private static let ofScopes = ["nodes", "edges", "observed", "collections", "runs", "findings"]
  private static let others = [
    "documents", "run_collections", "finding_versions", "authority_paths",
  ]

  init(of tenant: String, on stack: Stack) async throws {
    let account = ", split_part(scope, '/', 4) AS account"
    let tables = (Self.ofScopes.map { ($0, account) } + Self.others.map { ($0, "") }).map {
      "\($0) AS (SELECT *\($1) FROM sv0.\($0) WHERE tenant = '\(tenant)')"
    }
    let parts = Self.parts.map {
      "SELECT '\($0)', replace(q::text, '\(tenant)/', '') FROM (\($1)) AS q"
    }
    lines = try await stack.query(
      """
      WITH \(tables.joined(separator: ", "))
      SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) AS p (what, line)
      ORDER BY what, line COLLATE "C"
      """)
  }

  /// What is only here, and what is only there; a few lines of each kind.
  func difference(from other: Picture) -> String {
    let changes = lines.difference(from: other.lines).map { change in
      switch change {
      case .insert(_, let line, _): (kind: line.prefix { $0 != "|" }, text: "only here: \(line)")
      case .remove(_, let line, _): (kind: line.prefix { $0 != "|" }, text: "missing: \(line)")
      }
    }
    return Dictionary(grouping: changes, by: \.kind).sorted { $0.key < $1.key }.flatMap { kind in
      kind.value.prefix(6).map { "  \($0.text)" } + ["  \(kind.value.count) of \(kind.key)"]
    }.joined(separator: "\n")
  }

  /// Whether there is enough in it for equality to mean something: of both states, and what was
  /// closed and resolved in between.
  var isRich: Bool {
    lines.count { $0.hasPrefix("node|") } > 60
      && lines.contains { $0.hasPrefix("node|") && $0.contains(",1,2,") }
      && lines.contains { $0.hasPrefix("finding|") && $0.contains(",resolved,f,2,") }
      && !lines.contains { $0.hasPrefix("run|") && !$0.contains(",evaluated,") }
  }
}
