import JSONReader
import Model
import PostgresClient
import Synchronization

/// The tables of a migrated database.
final class StoreTables: Sendable {
  /// Those that no store writes.
  private static let others: Set = [
    "migrations", "sinks", "dead_letter_decisions", "owners", "connection_versions",
  ]

  let all: [String]
  let unlogged: [String]
  private let pool: PostgresPool
  /// What was read last, with a digest: most calls change few tables.
  private let known = Mutex<[String: (digest: String, rows: [String])]>([:])

  /// - Parameter pool: connects as the owner.
  init(_ pool: PostgresPool) async throws {
    self.pool = pool
    let tables = try await pool.withTransaction { transaction in
      try await transaction.query(
        """
        SELECT c.relname::text AS name, c.relpersistence = 'u' AS unlogged
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'sv0' AND c.relkind = 'r' ORDER BY 1
        """
      ).map { (name: try $0.string("name"), isUnlogged: try $0.bool("unlogged")) }
    }.filter { !Self.others.contains($0.name) }
    all = tables.map(\.name)
    unlogged = tables.filter(\.isUnlogged).map(\.name)
  }

  func truncate(_ tables: [String]) async throws {
    let names = tables.map { "sv0.\($0)" }.joined(separator: ", ")
    try await pool.withTransaction { transaction in
      try await transaction.executeScript("TRUNCATE \(names) RESTART IDENTITY CASCADE")
    }
  }

  /// Every row of every table, as `DatabaseState.dump` has them.
  func dump() async throws -> [String: [String]] {
    let digests = all.map { name in
      "(SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM sv0.\(name) t)"
    }
    return try await pool.withTransaction(
      TransactionOptions(settings: ["TimeZone": "UTC"])
    ) { transaction in
      let row = try await transaction.query("SELECT \(digests.joined(separator: ", "))")[0]
      var tables: [String: [String]] = [:]
      for (place, name) in all.enumerated() {
        let digest = try row.string(place)
        if let last = known.withLock({ $0[name] }), last.digest == digest {
          tables[name] = last.rows
          continue
        }
        let order = name == "outbox" ? " ORDER BY id" : ""
        let rows = try await transaction.query(
          "SELECT to_jsonb(t)::text AS row FROM sv0.\(name) t\(order)"
        ).map { try $0.bytes("row") }
        let texts = try rows.enumerated().map { place, bytes in
          try Self.row(bytes, ofOutbox: name == "outbox" ? place : nil)
        }.sorted { $0.precedes($1) }
        known.withLock { $0[name] = (digest, texts) }
        tables[name] = texts
      }
      return tables
    }
  }

  /// - Parameter place: instead of the id.
  private static func row(_ bytes: [UInt8], ofOutbox place: Int?) throws -> String {
    guard case .object(let columns) = JSON(try JSONDocument(parsing: bytes).root) else { return "" }
    var row: [String: JSON?] = [:]
    for (name, value) in columns where value != .null {
      let isTime =
        name == "at" || name.hasSuffix("_at") || name.hasSuffix("_until")
        || name.hasSuffix("_since")
      let time = isTime ? value.string.flatMap { Timestamp($0) } : nil
      row[name] = time.map { .string($0.description) } ?? value
    }
    if let place { row["id"] = .integer(Int64(place)) }
    return JSON.members(row).text
  }
}
