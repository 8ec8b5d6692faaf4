internal import Model
internal import PostgresClient
internal import Schema

extension PostgresEvaluationStore {
  /// How many findings or messages one statement carries.
  private static let batch = 200
  /// How many paths one statement carries, all of a subject together.
  private static let pathRows = 1000

  package func write(_ result: EvaluationResult) async throws -> Bool {
    let tenant = result.clock.tenant
    return try await transaction(.tenant(tenant)) { transaction in
      guard try await Self.record(result, transaction) else { return false }
      for changes in result.changes.batches(of: Self.batch) {
        try await Self.write(changes, of: result, transaction)
      }
      if !result.tombstones.isEmpty {
        try await transaction.execute(
          "UPDATE sv0.findings SET tombstoned_at = $3 WHERE tenant = $1 AND uid = ANY($2)",
          [.text(tenant), .texts(result.tombstones), .timestamp(result.at)])
      }
      if !result.judged.isEmpty { try await Self.write(result.judged, tenant, transaction) }
      for baselines in result.baselines.batches(of: Self.batch) {
        try await Self.write(baselines, of: result, transaction)
      }
      for paths in result.paths.batches(ofRows: Self.pathRows) {
        try await Self.write(paths, of: result, transaction)
      }
      for messages in result.messages.batches(of: Self.batch) {
        try await Self.queue(messages, of: result, transaction)
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

  /// Moves the tenant's clock, whose row stays locked; false where it does not take the result.
  private nonisolated(nonsending) static func record(
    _ result: EvaluationResult, _ transaction: PostgresTransaction
  ) async throws -> Bool {
    let tenant = result.clock.tenant
    let rows = try await transaction.query(
      "SELECT \(clockColumns) FROM sv0.tenants WHERE tenant = $1 FOR UPDATE", [.text(tenant)])
    guard var clock = try rows.first.map(clock), clock.record(result) else { return false }
    try await transaction.execute(
      """
      UPDATE sv0.tenants SET evaluated_version = $2, first_changed_at = $3, last_changed_at = $4,
        next_due_at = $5
      WHERE tenant = $1
      """,
      [
        .text(tenant), .int8(clock.evaluatedVersion), .timestamp(clock.firstChangedAt),
        .timestamp(clock.lastChangedAt), .timestamp(clock.nextDueAt),
      ])
    return true
  }

  private nonisolated(nonsending) static func write(
    _ changes: ArraySlice<FindingChange>, of result: EvaluationResult,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      WITH change AS (
        SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
          $7::text[], $8::int8[], $9::text[], $10::text[], $13::int8[])
        AS change (uid, rule, subject, scope, severity, state, version, digest, event, held)
      ), current AS (
        INSERT INTO sv0.findings (tenant, uid, rule, subject, scope, severity, state, version,
          held, digest, event, first_seen_at, changed_at)
        SELECT $1, uid, rule, subject, scope, severity, state, version, held = 1, digest,
          event::json, $11, $11
        FROM change
        ON CONFLICT (tenant, uid) DO UPDATE SET scope = excluded.scope,
          severity = excluded.severity, state = excluded.state, version = excluded.version,
          held = excluded.held, digest = excluded.digest, event = excluded.event,
          changed_at = excluded.changed_at, tombstoned_at = NULL
      )
      INSERT INTO sv0.finding_versions (tenant, uid, version, state, event, graph_version, at)
      SELECT $1, uid, version, state, event::json, $12, $11 FROM change
      WHERE version > 0 AND held = 0
      """,
      [
        .text(result.clock.tenant), .texts(changes.map(\.key.uid)),
        .texts(changes.map(\.key.rule)), .texts(changes.map(\.key.subject)),
        .texts(changes.map(\.key.scope)), .texts(changes.map(\.key.severity.name)),
        .texts(changes.map(\.life.state.rawValue)), .int8s(changes.map(\.life.version)),
        .texts(changes.map(\.life.digest)), .texts(changes.map(\.event.text)),
        .timestamp(result.at), .int8(result.clock.graphVersion),
        .int8s(changes.map { $0.life.isHeld ? 1 : 0 }),
      ])
  }

  private nonisolated(nonsending) static func queue(
    _ messages: ArraySlice<OutgoingMessage>, of result: EvaluationResult,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
      SELECT $1, topic, key, headers::json, value, $6
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS message (topic, key, headers, value, position)
      ORDER BY position
      """,
      [
        .text(result.clock.tenant), .texts(messages.map(\.topic)),
        .texts(messages.map { text($0.key) }), .texts(messages.map { headers($0).text }),
        .texts(messages.map { text($0.value) }), .timestamp(result.at),
      ])
  }

  private static func text(_ bytes: [UInt8]?) -> String? {
    bytes.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func headers(_ message: OutgoingMessage) -> JSON {
    .members(
      Dictionary(message.headers.map { ($0.name, text($0.value).map { .string($0) }) }) {
        first, _ in first
      })
  }
}

extension Array {
  fileprivate func batches(of size: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
  }
}
