internal import ArgumentParser
internal import Cryptography
internal import JSONReader
internal import Model
internal import PostgresClient
internal import Schema

struct GraphCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "What is known: nodes, edges, and what changed.",
    subcommands: [Nodes.self, Edges.self, Hops.self, Changes.self, Digest.self])

  struct Nodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open nodes, each merged from its assertions.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Option(help: "Only this platform type, such as aws.iam.role.")
    var type: String?

    func run() async throws {
      let rows = try await query(
        common, tenant,
        """
        SELECT n.id, n.kind, n.type, n.name, n.scope, n.state, n.receipt_sha256, n.opened_at,
          (SELECT json_object_agg(o.fact, o.value) FROM sv0.observed o WHERE o.tenant = n.tenant
            AND o.scope = n.scope AND o.collection = n.collection AND o.object = n.object
            AND o.id = n.id) AS observed
        FROM sv0.nodes n WHERE n.closed_epoch IS NULL AND ($1::text IS NULL OR n.type = $1)
        ORDER BY n.id COLLATE "C", n.scope COLLATE "C", n.collection COLLATE "C",
          n.object COLLATE "C"
        """, [.text(type)])
      for assertions in try rows.grouped(by: { try $0.string("id") }) {
        let first = assertions[0]
        switch output.output {
        case .text:
          Terminal.print(
            "\(try first.string("kind"))  \(try first.string("type"))  \(try first.string("id"))")
        case .json:
          Terminal.print(
            JSON.object([
              "id": .string(try first.string("id")), "kind": .string(try first.string("kind")),
              "type": .string(try first.string("type")),
              "name": .string(try first.string("name")),
              "scopes": .strings(Set(try assertions.map { try $0.string("scope") }).sorted()),
              "state": try json(first.string("state")),
              "observed": try first.stringOrNil("observed").map(json) ?? [:],
              "receipts": .strings(try assertions.map { try $0.string("receipt_sha256") }),
              "since": .string(try first.timestamp("opened_at").description),
            ]).text)
        }
      }
    }
  }

  struct Edges: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open asserted edges, each merged from its assertions.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Option(help: "Only this kind, such as trustedBy.")
    var kind: String?

    func run() async throws {
      let rows = try await query(
        common, tenant,
        """
        SELECT kind, from_id, to_id, discriminator, basis, receipt_sha256, opened_at
        FROM sv0.edges WHERE closed_epoch IS NULL AND ($1::text IS NULL OR kind = $1)
        ORDER BY kind COLLATE "C", from_id COLLATE "C", to_id COLLATE "C",
          discriminator COLLATE "C", scope COLLATE "C", collection COLLATE "C", object COLLATE "C"
        """, [.text(kind)])
      let key = { (row: PostgresRow) in
        try ["kind", "from_id", "to_id", "discriminator"].map { try row.string($0) }
      }
      for assertions in try rows.grouped(by: key) {
        let first = assertions[0]
        let parts = try key(first)
        switch output.output {
        case .text: Terminal.print("\(parts[1])  \(parts[0])  \(parts[2])")
        case .json:
          Terminal.print(
            JSON.object([
              "kind": .string(parts[0]), "from": .string(parts[1]), "to": .string(parts[2]),
              "discriminator": .string(parts[3]), "basis": .string(try first.string("basis")),
              "derived": false,
              "receipts": .strings(try assertions.map { try $0.string("receipt_sha256") }),
              "since": .string(try first.timestamp("opened_at").description),
            ]).text)
        }
      }
    }
  }

  struct Changes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What the newest version of the graph opened (+), closed (-) and changed (~).")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Option(help: "After this graph version; default: the one before the newest.")
    var since: Int64?

    func run() async throws {
      let rows = try await query(
        common, tenant,
        """
        WITH since AS (
          SELECT coalesce($1, max(graph_version) - 1) AS version FROM sv0.tenants),
        touched AS (
          SELECT 'node' AS what, id AS label, opened_version, closed_version FROM sv0.nodes
          UNION ALL SELECT 'edge', from_id || '  ' || kind || '  ' || to_id, opened_version,
            closed_version FROM sv0.edges)
        SELECT what, label, bool_or(opened_version > version) AS opened,
          bool_or(closed_version > version) AS closed
        FROM touched, since
        WHERE opened_version > version OR closed_version > version
        GROUP BY what, label ORDER BY what DESC, label COLLATE "C"
        """, [.int8(since)])
      for row in rows {
        let opened = try row.boolOrNil("opened") ?? false
        let closed = try row.boolOrNil("closed") ?? false
        let sign = opened && closed ? "~" : opened ? "+" : "-"
        let (what, label) = (try row.string("what"), try row.string("label"))
        switch output.output {
        case .text: Terminal.print("\(sign) \(what)  \(label)")
        case .json:
          Terminal.print(
            JSON.object(["change": .string(sign), "what": .string(what), "label": .string(label)])
              .text)
        }
      }
      if rows.isEmpty, output.output == .text { Terminal.print("nothing changed") }
    }
  }

  struct Digest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "SHA-256 over all open assertions' keys and state: equal graphs, equal digests.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption

    func run() async throws {
      let pool = try common.context().pool()
      defer { pool.close() }
      let digest = try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
        var hasher = SHA256.Hasher()
        // The hash of a row is over its canonical content, and its key tells rows apart.
        for row in try await $0.query(
          """
          SELECT key, hash FROM (
            SELECT json_build_array('node', scope, collection, object, id)::text AS key, hash
            FROM sv0.nodes WHERE closed_epoch IS NULL
            UNION ALL SELECT json_build_array('edge', scope, collection, object, kind, from_id,
              to_id, discriminator)::text, hash
            FROM sv0.edges WHERE closed_epoch IS NULL) rows
          ORDER BY key COLLATE "C"
          """)
        {
          hasher.update(try row.string("key"))
          hasher.update(try row.bytes("hash"))
        }
        return hasher.finish()
      }
      Terminal.print("sha256:" + Hex.encode(digest))
    }
  }
}

private func query(
  _ common: CommonOptions, _ tenant: TenantOption, _ sql: String, _ values: [PostgresValue]
) async throws -> [PostgresRow] {
  let pool = try common.context().pool()
  defer { pool.close() }
  return try await pool.withTransaction(.tenant(tenant.name(), readOnly: true)) {
    try await $0.query(sql, values)
  }
}

private func json(_ text: String) throws -> JSON {
  JSON(try JSONDocument(parsing: Array(text.utf8)).root)
}

extension Array {
  /// Runs of neighbours with the same key.
  fileprivate func grouped<Key: Equatable>(by key: (Element) throws -> Key) rethrows -> [[Element]]
  {
    var groups: [[Element]] = []
    var last: Key?
    for element in self {
      let current = try key(element)
      if current == last {
        groups[groups.count - 1].append(element)
      } else {
        groups.append([element])
        last = current
      }
    }
    return groups
  }
}
