public import Model
public import Pipeline
public import PostgresClient
internal import Schema

/// Publishes every run that changed since it was last published, as it is now.
///
/// Invariants:
/// 1. What is sent is a row as one moment saw it; versions in between may be left out.
/// 2. `published_version` is set only to a version that was acknowledged, and only grows: a run
/// that    changed meanwhile is published again.
/// 3. One process at a time publishes, in the order of change: the last message of a scope is true.
public struct StatusRelay: Sendable {
  private let store: Store
  private let producer: any MessageProducer
  private let sending: LeasedSending
  private let now: @Sendable () -> Timestamp
  private static let batch = 200

  /// - Parameter holder: names this process; one that it keeps over restarts lets it go on at once.
  public init(
    pool: PostgresPool, producer: any MessageProducer, holder: String,
    now: @escaping @Sendable () -> Timestamp
  ) {
    store = Store(pool: pool)
    self.producer = producer
    self.now = now
    sending = LeasedSending(
      store: store, lease: RelayLease(name: "status", holder: holder), now: now)
  }

  private struct Status: Sendable {
    var tenant: String
    var run: String
    var version: Int64
    var message: OutgoingMessage
  }

  /// One turn; returns whether there may be more to publish right now.
  public func turn() async throws -> Bool {
    let changed = try await changed()
    guard !changed.isEmpty else { return false }
    let messages = changed.map(\.message)
    try await sending.send { try await producer.produce(messages) }
    try await store.transaction(.queue) { transaction in
      _ = try await transaction.execute(
        """
        UPDATE sv0.runs AS r SET published_version = p.version
        FROM unnest($1::text[], $2::text[], $3::int8[]) AS p (tenant, run, version)
        WHERE r.tenant = p.tenant AND r.run = p.run AND r.published_version < p.version
        """,
        [
          .texts(changed.map(\.tenant)), .texts(changed.map(\.run)),
          .int8s(changed.map(\.version)),
        ])
    }
    tally("sv0_statuses_published_total", by: changed.count)
    return changed.count == Self.batch
  }

  private func changed() async throws -> [Status] {
    try await store.transaction(.queue) { transaction in
      guard try await sending.lease.take(at: now(), in: transaction) else { return [] }
      // One statement, so that a run and its collections are of one moment.
      let rows = try await transaction.query(
        """
        SELECT \(StoredRun.columns), r.priority, r.version, r.requested_at, r.changed_at,
          c.names, c.outcomes, c.records AS collection_records, c.missing, c.messages
        FROM (SELECT * FROM sv0.runs WHERE published_version < version
          ORDER BY changed_at, tenant, run LIMIT $1) AS r
        CROSS JOIN LATERAL (
          SELECT coalesce(array_agg(collection ORDER BY collection), '{}') AS names,
            coalesce(array_agg(outcome ORDER BY collection), '{}') AS outcomes,
            coalesce(array_agg(records ORDER BY collection), '{}') AS records,
            coalesce(array_agg(array_to_string(missing, E'\\n') ORDER BY collection), '{}')
              AS missing,
            coalesce(array_agg(coalesce(message, '') ORDER BY collection), '{}') AS messages
          FROM sv0.run_collections AS k
          WHERE k.tenant = r.tenant AND k.run = r.run AND k.attempt = r.attempt) AS c
        ORDER BY r.changed_at, r.tenant, r.run
        """, [.int8(Int64(Self.batch))])
      return try rows.map(status)
    }
  }

  private func status(_ row: PostgresRow) throws -> Status {
    let run = try StoredRun(row)
    let version = try row.int64("version")
    let changedAt = try row.timestamp("changed_at")
    let priority = Int(try row.int64("priority"))
    let event = CloudEvent(
      id: "\(run.run).\(version)", source: "sv0://\(run.tenant)/scheduler",
      type: CloudEventType.runChanged, time: changedAt)
    let value = JSON.members([
      "scan": .string(run.scan), "run": .string(run.run), "tenant": .string(run.tenant),
      "scope": .string(run.scope), "epoch": .integer(run.epoch),
      "attempt": .integer(Int64(run.machine.attempt)),
      "state": .string(run.machine.state.rawValue), "version": .integer(version),
      "priority": .string(
        Priority.allCases.indices.contains(priority)
          ? Priority.allCases[priority].rawValue : Priority.normal.rawValue),
      "reason": run.machine.reason.map { .string($0) },
      "records": .integer(run.machine.records), "calls": .integer(run.machine.calls),
      "collections": .array(try collections(row)),
      "requestedAt": .string(try row.timestamp("requested_at").description),
      "changedAt": .string(changedAt.description),
    ])
    return Status(
      tenant: run.tenant, run: run.run, version: version,
      message: OutgoingMessage(
        topic: Topic.scanStatus, key: Array(run.scope.utf8), value: value.bytes,
        headers: event.headers))
  }

  private func collections(_ row: PostgresRow) throws -> [JSON] {
    let outcomes = try row.strings("outcomes")
    let records = try row.int64s("collection_records")
    let missing = try row.strings("missing")
    let messages = try row.strings("messages")
    return try row.strings("names").enumerated().map { index, name in
      .members([
        "name": .string(name), "outcome": .string(outcomes[index]),
        "records": .integer(records[index]),
        "missing": missing[index].isEmpty
          ? nil : .strings(missing[index].split(separator: "\n").map(String.init)),
        "message": messages[index].isEmpty ? nil : .string(messages[index]),
      ])
    }
  }
}
