internal import Model
internal import PostgresClient
internal import Schema

/// What one evaluation leaves behind.
struct EvaluationResult: Sendable {
  /// The clock as it was read: the result counts only if it still stands.
  var clock: TenantClock
  var changes: [FindingChange]
  /// What it was made from.
  var inputs: JSON
  var nextDueAt: Timestamp?
  var at: Timestamp
}

extension EvaluationStore {
  /// How many changed findings one statement carries.
  private static let batch = 200

  /// Writes findings, their history, their messages and the evaluated version, all or nothing.
  ///
  /// - Returns: false where another evaluator was faster; then nothing is written.
  func write(_ result: EvaluationResult) async throws -> Bool {
    let tenant = result.clock.tenant
    return try await transaction(.tenant(tenant)) { transaction in
      // The version alone does not tell two evaluations apart that time has caused.
      let claimed = try await transaction.execute(
        """
        UPDATE sv0.tenants SET evaluated_version = $2, next_due_at = $3,
          first_changed_at = CASE WHEN graph_version > $2 THEN last_changed_at END,
          last_changed_at = CASE WHEN graph_version > $2 THEN last_changed_at END
        WHERE tenant = $1 AND evaluated_version = $4 
          AND date_trunc('milliseconds', next_due_at) IS NOT DISTINCT FROM $5
        """,
        [
          .text(tenant), .int8(result.clock.graphVersion), .timestamp(result.nextDueAt),
          .int8(result.clock.evaluatedVersion), .timestamp(result.clock.nextDueAt),
        ])
      guard claimed == 1 else { return false }
      for start in stride(from: 0, to: result.changes.count, by: Self.batch) {
        let end = min(start + Self.batch, result.changes.count)
        try await Self.write(result.changes[start..<end], of: result, transaction)
      }
      try await transaction.execute(
        "INSERT INTO sv0.evaluations (tenant, graph_version, at, inputs) VALUES ($1, $2, $3, $4)",
        [
          .text(tenant), .int8(result.clock.graphVersion), .timestamp(result.at),
          .json(result.inputs.text),
        ])
      try await transaction.execute(
        """
        UPDATE sv0.runs SET state = 'evaluated', version = version + 1, changed_at = $3
        WHERE tenant = $1 AND state = 'applied' AND graph_version <= $2
        """,
        [.text(tenant), .int8(result.clock.graphVersion), .timestamp(result.at)])
      return true
    }
  }

  private nonisolated(nonsending) static func write(
    _ changes: ArraySlice<FindingChange>, of result: EvaluationResult,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      WITH change AS (
        SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
          $7::text[], $8::int8[], $9::text[], $10::text[], $11::text[])
        AS change (uid, rule, subject, scope, severity, state, version, digest, event, headers)
      ), current AS (
        INSERT INTO sv0.findings (tenant, uid, rule, subject, scope, severity, state, version,
          digest, event, first_seen_at, changed_at)
        SELECT $1, uid, rule, subject, scope, severity, state, version, digest, event::json, $12,
          $12
        FROM change
        ON CONFLICT (tenant, uid) DO UPDATE SET scope = excluded.scope,
          severity = excluded.severity, state = excluded.state, version = excluded.version,
          digest = excluded.digest, event = excluded.event, changed_at = excluded.changed_at
      ), history AS (
        INSERT INTO sv0.finding_versions (tenant, uid, version, state, event, graph_version, at)
        SELECT $1, uid, version, state, event::json, $13, $12 FROM change
      )
      INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
      SELECT $1, $14, uid, headers::json, event, $12 FROM change ORDER BY uid
      """,
      [
        .text(result.clock.tenant), .texts(changes.map(\.key.uid)),
        .texts(changes.map(\.key.rule)), .texts(changes.map(\.key.subject)),
        .texts(changes.map(\.key.scope)), .texts(changes.map(\.key.severity.name)),
        .texts(changes.map(\.life.state.rawValue)), .int8s(changes.map(\.life.version)),
        .texts(changes.map(\.life.digest)), .texts(changes.map(\.event.text)),
        .texts(changes.map { headers($0, result).text }), .timestamp(result.at),
        .int8(result.clock.graphVersion), .text(Topic.findings),
      ])
  }

  private static func headers(_ change: FindingChange, _ result: EvaluationResult) -> JSON {
    let event = CloudEvent(
      id: "\(change.key.uid).\(change.life.version)",
      source: "sv0://\(result.clock.tenant)/evaluator", type: CloudEventType.findingChanged,
      time: result.at)
    return .members(
      Dictionary(
        event.headers.map { header in
          (header.name, header.value.map { .string(String(decoding: $0, as: UTF8.self)) })
        }
      ) { first, _ in first })
  }
}
