internal import JSONReader
public import Model
public import PostgresClient
internal import Schema

extension ConnectionDocument {
  /// Stores the connection, in the place of the one of that name; scans that are queued use it too.
  ///
  /// - Throws: `SchedulingError`.
  public func store(in pool: PostgresPool, at now: Timestamp) async throws {
    try await Store(pool: pool).transaction(.tenant(tenant)) { transaction in
      try await transaction.execute(
        "INSERT INTO sv0.tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", [.text(tenant)])
      try await transaction.execute(
        """
        INSERT INTO sv0.connections (tenant, connection, platform, document, applied_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant, connection) DO UPDATE SET platform = excluded.platform,
          document = excluded.document, applied_at = excluded.applied_at
        """,
        [
          .text(tenant), .text(connection), .text(platform.rawValue), .json(json.bytes),
          .timestamp(now),
        ])
    }
  }

  /// Reads what `store` wrote.
  ///
  /// - Throws: `Refusal` when it was written by a version that accepted other things.
  init(stored text: String, of name: String) throws(Refusal) {
    do {
      self = try ConnectionDocument(JSON(JSONDocument(parsing: Array(text.utf8)).root))
    } catch {
      throw Refusal(
        "the stored connection \(name) cannot be used by this version; apply its file again "
          + "(sv0 connection apply)")
    }
  }
}
