package import Model
internal import PostgresClient
internal import Schema

extension PostgresEvaluationStore {
  /// What was settled by the version that the clock tells.
  nonisolated(nonsending) static func standing(
    _ transaction: PostgresTransaction, _ clock: TenantClock
  ) async throws -> Standing {
    var standing = Standing()
    let judged = try await transaction.query(
      "SELECT scope, rule, version FROM sv0.judged_rules WHERE tenant = $1", [.text(clock.tenant)])
    for row in judged {
      standing.judged[try row.string(0), default: [:]][try row.string(1)] = try row.int64(2)
    }
    let orders = try await transaction.query(
      """
      SELECT kind, scope, rule, uid, owner, reason, ends_at FROM sv0.finding_orders
      WHERE tenant = $1 AND (graph_version > $2 OR kind = 'suppress') ORDER BY graph_version
      """, [.text(clock.tenant), .int8(clock.evaluatedVersion)])
    for row in orders {
      switch try row.string(0) {
      case "release":
        standing.releases.append(
          FindingRelease(scope: try row.stringOrNil(1), rule: try row.stringOrNil(2)))
      case "suppress":
        standing.suppressions[try row.string(3)] = Suppression(
          owner: try row.string(4), reason: try row.string(5), endsAt: try row.timestamp(6))
      default: throw EvaluationError.unknownKind(of: "an order about findings")
      }
    }
    return standing
  }

  nonisolated(nonsending) static func write(
    _ judged: [JudgedRule], _ tenant: String, _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.judged_rules (tenant, scope, rule, version)
      SELECT $1, scope, rule, version
      FROM unnest($2::text[], $3::text[], $4::int8[]) AS judged (scope, rule, version)
      ON CONFLICT (tenant, scope, rule) DO UPDATE SET version = excluded.version
      """,
      [
        .text(tenant), .texts(judged.map(\.scope)), .texts(judged.map(\.rule)),
        .int8s(judged.map(\.version)),
      ])
  }

  package func record(
    _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
  ) async throws -> Int {
    try await transaction(.tenant(tenant)) { transaction in
      try await transaction.execute(
        "SELECT FROM sv0.tenants WHERE tenant = $1 FOR UPDATE", [.text(tenant)])
      let count = try await Self.count(order, of: tenant, transaction)
      guard count > 0 else { return 0 }
      try await transaction.execute(
        """
        WITH raised AS (
          UPDATE sv0.tenants SET graph_version = graph_version + 1,
            first_changed_at = coalesce(first_changed_at, $3), last_changed_at = $3
          WHERE tenant = $1 RETURNING graph_version
        )
        INSERT INTO sv0.finding_orders (tenant, graph_version, ordered_by, ordered_at, kind, scope,
          rule, uid, owner, reason, ends_at)
        SELECT $1, graph_version, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM raised
        """, [.text(tenant), .text(person), .timestamp(now)] + order.columns)
      return count
    }
  }

  /// The findings that an order is about.
  private nonisolated(nonsending) static func count(
    _ order: FindingOrder, of tenant: String, _ transaction: PostgresTransaction
  ) async throws -> Int {
    let rows =
      switch order {
      case .release(let release):
        try await transaction.query(
          """
          SELECT count(*) FROM sv0.findings WHERE tenant = $1 AND held
            AND scope = coalesce($2, scope) AND rule = coalesce($3, rule)
          """, [.text(tenant), .text(release.scope), .text(release.rule)])
      case .suppress(let uid, _):
        try await transaction.query(
          "SELECT count(*) FROM sv0.findings WHERE tenant = $1 AND uid = $2 AND state <> 'resolved'",
          [.text(tenant), .text(uid)])
      }
    return Int(try rows[0].int64(0))
  }
}

extension FindingOrder {
  /// Kind, scope, rule, uid, owner, reason, end.
  fileprivate var columns: [PostgresValue] {
    switch self {
    case .release(let release):
      [
        .text("release"), .text(release.scope), .text(release.rule), .text(nil), .text(nil),
        .text(nil), .timestamp(nil),
      ]
    case .suppress(let uid, let suppression):
      [
        .text("suppress"), .text(nil), .text(nil), .text(uid), .text(suppression.owner),
        .text(suppression.reason), .timestamp(suppression.endsAt),
      ]
    }
  }
}
