internal import Cryptography
/// The database's schema: numbered SQL files, applied once each, in order, under a lock.
///
/// `sv0.migrations` records each with the SHA-256 of its text, so that a file edited after it was
/// applied is an error and not a surprise. Migrations run as the owner; workers connect under roles
/// that own nothing and see one tenant at a time.
public import Model
public import PostgresClient

public enum Schema {
  /// A numbered SQL file.
  public struct Migration: Sendable {
    public let number: Int64
    public let name: String
    let sql: String
    var digest: String { SHA256.hexDigest(sql) }

    init(_ number: Int64, _ name: String, _ bytes: [UInt8]) {
      self.number = number
      self.name = name
      sql = String(decoding: bytes, as: UTF8.self)
    }
  }

  /// All migrations in order. A new file is added here; SwiftPM names its bytes after the file, with
  /// the first digit as `_`.
  public static let migrations: [Migration] = [
    Migration(1, "queue", PackageResources._001_queue_sql),
    Migration(2, "graph", PackageResources._002_graph_sql),
    Migration(3, "staging", PackageResources._003_staging_sql),
    Migration(4, "findings", PackageResources._004_findings_sql),
    Migration(5, "removals", PackageResources._005_removals_sql),
    Migration(6, "listings", PackageResources._006_listings_sql),
    Migration(7, "tombstones", PackageResources._007_tombstones_sql),
    Migration(8, "dead_letter_decisions", PackageResources._008_dead_letter_decisions_sql),
    Migration(9, "newest_records", PackageResources._009_newest_records_sql),
    Migration(10, "owners", PackageResources._010_owners_sql),
    Migration(11, "settled", PackageResources._011_settled_sql),
    Migration(12, "unlisted_scopes", PackageResources._012_unlisted_scopes_sql),
    Migration(13, "authority_paths", PackageResources._013_authority_paths_sql),
    Migration(14, "connection_versions", PackageResources._014_connection_versions_sql),
  ]

  /// Brings the database to the newest version; returns what was applied, which may be nothing.
  ///
  /// - Parameter owner: connects as the owner of the schema, who may create roles.
  /// - Throws: `SchemaError`, `PostgresError`; then nothing was changed.
  public static func migrate(_ owner: PostgresPool, at time: Timestamp) async throws -> [Migration]
  {
    try await owner.withTransaction(TransactionOptions(statementTimeout: .zero)) { transaction in
      // One migrator at a time: the key is this project's, arbitrary and fixed.
      try await transaction.execute("SELECT pg_advisory_xact_lock(7382001)")
      try await transaction.executeScript(
        """
        CREATE SCHEMA IF NOT EXISTS sv0;
        CREATE TABLE IF NOT EXISTS sv0.migrations (
          number bigint PRIMARY KEY, name text NOT NULL, digest text NOT NULL,
          applied_at timestamptz NOT NULL);
        """)
      let rows = try await transaction.query("SELECT number, digest FROM sv0.migrations")
      var applied: [Int64: String] = [:]
      for row in rows { applied[try row.int64("number")] = try row.string("digest") }
      let pending = try pending(applied)
      for migration in pending {
        try await transaction.executeScript(migration.sql)
        try await transaction.execute(
          "INSERT INTO sv0.migrations VALUES ($1, $2, $3, $4)",
          [
            .int8(migration.number), .text(migration.name), .text(migration.digest),
            .timestamp(time),
          ])
      }
      return pending
    }
  }

  static func pending(_ applied: [Int64: String]) throws(SchemaError) -> [Migration] {
    if let newest = applied.keys.max(), newest > Int64(migrations.count) {
      throw SchemaError.newer(newest, known: Int64(migrations.count))
    }
    for migration in migrations {
      if let digest = applied[migration.number], digest != migration.digest {
        throw SchemaError.edited(migration.number, migration.name)
      }
    }
    return migrations.filter { applied[$0.number] == nil }
  }
}

public enum SchemaError: ClassifiedError, Equatable, CustomStringConvertible {
  /// The database was migrated by a newer program.
  case newer(Int64, known: Int64)
  /// A migration's text differs from what was applied.
  case edited(Int64, String)

  public var isRetriable: Bool { false }

  public var description: String {
    switch self {
    case .newer(let number, let known):
      "The database is at migration \(number), this program knows \(known): a newer sv0 has "
        + "migrated it. Use that version."
    case .edited(let number, let name):
      "Migration \(number) (\(name)) differs from the one that was applied to this database. "
        + "Applied migrations are never edited: restore the file, and add a new one."
    }
  }
}

extension TransactionOptions {
  /// A transaction that sees the rows of one tenant.
  public static func tenant(
    _ tenant: String, isolation: Isolation = .readCommitted, readOnly: Bool = false
  ) -> Self {
    let options = TransactionOptions(
      isolation: isolation, readOnly: readOnly, settings: ["sv0.tenant": tenant],
      role: "sv0_worker")
    return readOnly ? options : options.ended(afterSilence: silence)
  }

  /// A transaction that sees the rows of one tenant, and staging.
  public static func loader(_ tenant: String) -> Self {
    // The apply of a scan of millions of records is a handful of long statements. Compiling them
    // takes longer than most applies do.
    TransactionOptions(
      settings: ["sv0.tenant": tenant, "jit": "off"], role: "sv0_loader",
      statementTimeout: .seconds(1800)
    ).ended(afterSilence: silence)
  }

  /// A transaction that sees the queue of every tenant, and of the graph only where listings
  /// continue.
  public static let queue = TransactionOptions(role: "sv0_queue").ended(afterSilence: silence)

  /// A transaction that sees staging, and no tenant's rows.
  public static let staging = TransactionOptions(role: "sv0_loader").ended(afterSilence: silence)

  /// How long the server waits for the next statement of a transaction that may hold locks.
  public static let silence = Duration.seconds(15)

  /// A process that is stopped in the middle of a transaction (SIGSTOP, a suspended machine) would
  /// keep its locks for as long as its connection lives, and everybody else would wait: so the
  /// server ends the transaction when its client neither speaks nor reads. That needs no session
  /// state: anybody may set both for one transaction.
  ///
  /// Source: PostgreSQL 15, sections 20.11.1 and 20.3.1,
  /// https://www.postgresql.org/docs/15/runtime-config.html.
  public func ended(afterSilence limit: Duration) -> Self {
    var options = self
    for name in ["idle_in_transaction_session_timeout", "tcp_user_timeout"] {
      options.settings[name] = "\(Int64(limit / .milliseconds(1)))ms"
    }
    return options
  }
}
