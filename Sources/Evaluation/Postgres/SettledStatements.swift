package import Model
internal import PostgresClient
internal import Schema

extension PostgresEvaluationStore {
  /// What was settled by the version that the clock tells.
  nonisolated(nonsending) static func settled(
    _ transaction: PostgresTransaction, _ clock: TenantClock
  ) async throws -> Settled {
    var settled = Settled()
    let judged = try await transaction.query(
      "SELECT scope, rule, type, version FROM sv0.judged_rules WHERE tenant = $1",
      [.text(clock.tenant)])
    settled.judged = Set(
      try judged.map { row in
        JudgedRule(
          scope: try row.string(0), rule: try row.string(1), type: try row.string(2),
          version: try row.int64(3))
      })
    let baselines = try await transaction.query(
      """
      SELECT subject, reached, drifted, digest, classifier FROM sv0.baselines WHERE tenant = $1
      """, [.text(clock.tenant)])
    for row in baselines {
      let subject = try row.string(0)
      settled.baselines[subject] = Baseline(
        subject: subject, reached: try levels(row.bytes(1), of: subject),
        drifted: try levels(row.bytes(2), of: subject), digest: try row.string(3),
        classifier: Int(try row.int64(4)))
    }
    settled.retired = Set(
      try await transaction.query(
        "SELECT DISTINCT scope, collection FROM sv0.retirements WHERE tenant = $1",
        [.text(clock.tenant)]
      ).map { RetiredCollections(scope: try $0.string(0), collection: try $0.string(1)) })
    let orders = try await transaction.query(
      """
      SELECT kind, scope, rule, subject, uid, owner, reason, ends_at FROM sv0.finding_orders
      WHERE tenant = $1 AND (graph_version > $2 OR kind = 'suppress') ORDER BY graph_version
      """, [.text(clock.tenant), .int8(clock.evaluatedVersion)])
    for row in orders {
      switch try row.string(0) {
      case "release":
        settled.releases.append(
          FindingRelease(scope: try row.stringOrNil(1), rule: try row.stringOrNil(2)))
      case "accept":
        settled.acceptances.append(
          BaselineAcceptance(scope: try row.stringOrNil(1), subject: try row.stringOrNil(3)))
      case "suppress":
        settled.suppressions[try row.string(4)] = Suppression(
          owner: try row.string(5), reason: try row.string(6), endsAt: try row.timestamp(7))
      default: throw EvaluationError.unknownKind(of: "an order about findings")
      }
    }
    return settled
  }

  private static func levels(_ bytes: [UInt8], of subject: String) throws -> [String: String] {
    try members(bytes, of: subject).mapValues { level in
      guard let name = level.string else { throw EvaluationError.unknownKind(of: subject) }
      return name
    }
  }

  nonisolated(nonsending) static func write(
    _ judged: [JudgedRule], _ tenant: String, _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.judged_rules (tenant, scope, rule, type, version)
      SELECT $1, scope, rule, type, version
      FROM unnest($2::text[], $3::text[], $4::text[], $5::int8[])
        AS judged (scope, rule, type, version)
      ON CONFLICT DO NOTHING
      """,
      [
        .text(tenant), .texts(judged.map(\.scope)), .texts(judged.map(\.rule)),
        .texts(judged.map(\.type)), .int8s(judged.map(\.version)),
      ])
  }

  nonisolated(nonsending) static func write(
    _ baselines: ArraySlice<Baseline>, of result: EvaluationResult,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.baselines (tenant, subject, reached, drifted, digest, classifier, changed_at)
      SELECT $1, subject, reached::json, drifted::json, digest, classifier, $2
      FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::int8[])
        AS baseline (subject, reached, drifted, digest, classifier)
      ON CONFLICT (tenant, subject) DO UPDATE SET reached = excluded.reached,
        drifted = excluded.drifted, digest = excluded.digest, classifier = excluded.classifier,
        changed_at = excluded.changed_at
      """,
      [
        .text(result.clock.tenant), .timestamp(result.at), .texts(baselines.map(\.subject)),
        .texts(baselines.map { Baseline.json($0.reached).text }),
        .texts(baselines.map { Baseline.json($0.drifted).text }), .texts(baselines.map(\.digest)),
        .int8s(baselines.map { Int64($0.classifier) }),
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
          rule, subject, uid, owner, reason, ends_at)
        SELECT $1, graph_version, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM raised
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
      case .accept(let acceptance):
        try await transaction.query(
          """
          SELECT count(*) FROM sv0.findings
          WHERE tenant = $1 AND rule = 'scope-drift' AND state <> 'resolved'
            AND scope = coalesce($2, scope) AND subject = coalesce($3, subject)
          """, [.text(tenant), .text(acceptance.scope), .text(acceptance.subject)])
      case .suppress(let uid, _):
        try await transaction.query(
          "SELECT count(*) FROM sv0.findings WHERE tenant = $1 AND uid = $2 AND state <> 'resolved'",
          [.text(tenant), .text(uid)])
      }
    return Int(try rows[0].int64(0))
  }
}

extension FindingOrder {
  /// Kind, scope, rule, subject, uid, owner, reason, end.
  fileprivate var columns: [PostgresValue] {
    switch self {
    case .release(let release):
      [.text("release"), .text(release.scope), .text(release.rule)]
        + [PostgresValue](repeating: .text(nil), count: 4) + [.timestamp(nil)]
    case .accept(let acceptance):
      [.text("accept"), .text(acceptance.scope), .text(nil), .text(acceptance.subject)]
        + [PostgresValue](repeating: .text(nil), count: 3) + [.timestamp(nil)]
    case .suppress(let uid, let suppression):
      [.text("suppress"), .text(nil), .text(nil), .text(nil)]
        + [
          .text(uid), .text(suppression.owner), .text(suppression.reason),
          .timestamp(suppression.endsAt),
        ]
    }
  }
}
