internal import Loading
internal import Model
internal import Pipeline
internal import PostgresClient
internal import Schema

/// Where a person decides about dead letters: to have them delivered again, or to leave it at that.
///
/// Invariants:
/// 1. A letter is delivered again only where that can still change something, and where the worker
///    tells a late delivery from an ordinary one: otherwise it is superseded, with the reason.
/// 2. A decision is recorded after it was carried out; a crash in between lets it be carried out
///    twice, which every worker ignores.
/// 3. A finding goes through the outbox, under the lock of its row: on the compacted topic an old
///    version must not follow a newer one.
struct DeadLetterDesk {
  enum Result: Equatable {
    case replayed
    case superseded(String)
    /// It cannot be delivered again as it is.
    case refused(String)
  }

  let pool: PostgresPool
  let person: String
  let now: @Sendable () -> Timestamp

  /// Every letter that was decided about, by its id and time.
  static func decisions(_ pool: PostgresPool) async throws -> [String: String] {
    let rows = try await pool.withTransaction(.queue) {
      try await $0.query(
        """
        SELECT partition, "offset", letter_at, decision FROM sv0.dead_letter_decisions
        ORDER BY decided_at
        """)
    }
    return try rows.reduce(into: [:]) { decisions, row in
      let id = "\(try row.int64("partition"))@\(try row.int64("offset"))"
      decisions["\(id) \(try row.string("letter_at"))"] = try row.string("decision")
    }
  }

  func replay(
    _ letter: DeadLetter, through producer: any MessageProducer
  ) async throws -> Result {
    let result = try await deliver(letter, through: producer)
    switch result {
    case .replayed: try await record("replayed", letter)
    case .superseded: try await record("superseded", letter)
    case .refused: break
    }
    return result
  }

  func drop(_ letter: DeadLetter) async throws { try await record("dropped", letter) }

  private func record(_ decision: String, _ letter: DeadLetter) async throws {
    let message = letter.message
    try await pool.withTransaction(.queue) { transaction in
      _ = try await transaction.execute(
        """
        INSERT INTO sv0.dead_letter_decisions
          (partition, "offset", letter_at, decision, decided_by, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [
          .int4(message.partition), .int8(message.offset), .text(letter.at), .text(decision),
          .text(person), .timestamp(now()),
        ])
    }
  }

  private func deliver(
    _ letter: DeadLetter, through producer: any MessageProducer
  ) async throws -> Result {
    let topic = letter.topic
    if topic == Topic.scanRequest || topic == Topic.scanProgress {
      try await producer.produce(letter.original)
      return .replayed
    }
    if topic == Topic.findings { return try await deliverFinding(letter) }
    if topic == Topic.graph || Platform.allCases.map(Topic.raw).contains(topic) {
      return try await deliverRecord(letter, through: producer)
    }
    if Platform.allCases.map(Topic.scanDispatch).contains(topic) {
      return .superseded("a run that nobody began is dispatched again by the scheduler")
    }
    return .refused("it comes from \(topic), which this version does not know")
  }

  // MARK: Records

  /// A raw record or a fragment: it counts while its attempt is open, or if its collection was last
  /// applied from that attempt.
  private func deliverRecord(
    _ letter: DeadLetter, through producer: any MessageProducer
  ) async throws -> Result {
    var message = letter.original
    guard let header = letter.message.header(RecordHeader.name).flatMap(RecordHeader.init),
      let scope = letter.message.key.flatMap({ String(validating: $0, as: UTF8.self) })
        .flatMap({ Scope($0) }), letter.partition != nil
    else { return .refused("its header or key is not readable, so it belongs to no attempt") }
    guard case .record(let collection, _, _, _) = header.content else {
      return .refused("it is a control message; its collection ended without it: scan again")
    }
    let row = try await pool.withTransaction(.tenant(scope.tenant, readOnly: true)) {
      try await $0.query(
        """
        SELECT r.attempt, r.state, c.applied_run, c.applied_attempt FROM sv0.runs r
        LEFT JOIN sv0.collections c
          ON c.tenant = r.tenant AND c.scope = r.scope AND c.collection = $4
        WHERE r.tenant = $1 AND r.run = $2 AND r.scope = $3
        """,
        [
          .text(scope.tenant), .text(header.run), .text(scope.description), .text(collection),
        ]
      ).first
    }
    guard let row else { return .superseded("run \(header.run) is not known for \(scope)") }
    let isOpen =
      try row.int64("attempt") == Int64(header.attempt)
      && RunState(rawValue: row.string("state"))?.takesRecords ?? false
    let isApplied =
      try row.stringOrNil("applied_run") == header.run
      && row.int64OrNil("applied_attempt") == Int64(header.attempt)
    guard isOpen || isApplied else {
      return .superseded("\(collection) was applied from another attempt, or never")
    }
    message.headers.append(MessageHeader(MessageHeader.replay, person))
    try await producer.produce(message)
    return .replayed
  }

  // MARK: Findings

  private func deliverFinding(_ letter: DeadLetter) async throws -> Result {
    guard let sink = letter.sink else { return .refused("it does not say which sink refused it") }
    let message = letter.original
    guard let value = message.value,
      let uid = message.key.flatMap({ String(validating: $0, as: UTF8.self) }),
      let id = letter.message.header("ce_id"), id.hasPrefix("\(uid)."),
      let version = Int64(id.dropFirst(uid.count + 1)),
      let tenant = sink.split(separator: "/").first.map(String.init), Scope.isName(tenant)
    else { return .refused("its id or key is not readable") }
    let headers = (message.headers + [MessageHeader(MessageHeader.replay, sink)])
      .reduce(into: [String: JSON]()) {
        $0[$1.name] = .string(String(decoding: $1.value ?? [], as: UTF8.self))
      }
    return try await pool.withTransaction(.tenant(tenant)) { transaction in
      let current = try await transaction.query(
        "SELECT version FROM sv0.findings WHERE tenant = $1 AND uid = $2 FOR UPDATE",
        [.text(tenant), .text(uid)]
      ).first?.int64("version")
      guard current == version else {
        return .superseded("the finding has a newer version, or is gone")
      }
      _ = try await transaction.execute(
        """
        INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [
          .text(tenant), .text(Topic.findings), .text(uid), .json(JSON.object(headers).bytes),
          .text(String(decoding: value, as: UTF8.self)), .timestamp(now()),
        ])
      return .replayed
    }
  }
}
