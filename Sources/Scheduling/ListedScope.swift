public import Model
public import PostgresClient
internal import Schema

/// An account that was asked for at least once, and what became of it.
public struct ListedScope: Sendable, Equatable {
  public let scope: String
  public let epoch: Int64
  /// Of its newest run; `nil` where that was never stored.
  public let state: String?
  public let changedAt: Timestamp?
  /// Since when it is not among the accounts of its connection. What is known of it stays until a
  /// person retires it.
  public let unlistedSince: Timestamp?
  /// When it was retired, if it was not asked for since.
  public let retiredAt: Timestamp?

  /// All of a tenant, in the order of their keys.
  public static func all(of tenant: String, in pool: PostgresPool) async throws -> [ListedScope] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await transaction.query(
        """
        SELECT s.scope, s.last_epoch, r.state, r.changed_at, s.unlisted_since, x.retired_at
        FROM sv0.scopes s
        LEFT JOIN LATERAL (
          SELECT state, changed_at FROM sv0.runs r
          WHERE r.tenant = s.tenant AND r.scope = s.scope ORDER BY epoch DESC LIMIT 1) r ON true
        LEFT JOIN sv0.retirements x
          ON x.tenant = s.tenant AND x.scope = s.scope AND x.collection = ''
            AND x.epoch = s.last_epoch
        ORDER BY s.scope COLLATE "C"
        """
      ).map { row in
        ListedScope(
          scope: try row.string("scope"), epoch: try row.int64("last_epoch"),
          state: try row.stringOrNil("state"), changedAt: try row.timestampOrNil("changed_at"),
          unlistedSince: try row.timestampOrNil("unlisted_since"),
          retiredAt: try row.timestampOrNil("retired_at"))
      }
    }
  }

  public var json: JSON {
    .members([
      "scope": .string(scope), "epoch": .integer(epoch), "state": state.map { .string($0) },
      "changedAt": changedAt.map { .string($0.description) },
      "unlistedSince": unlistedSince.map { .string($0.description) },
      "retiredAt": retiredAt.map { .string($0.description) },
    ])
  }
}
