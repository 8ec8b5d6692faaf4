internal import JSONReader
package import Model
internal import PostgresClient
internal import Schema

extension PostgresQueueStore {
  package func outbox(
    of topics: [String], upTo limit: OutboxLimit, under lease: RelayLease, at now: Timestamp
  ) async throws -> [OutboxEntry]? {
    try await transaction(.queue) { transaction in
      guard try await lease.take(at: now, in: transaction) else { return nil }
      let rows = try await transaction.query(
        """
        SELECT id, tenant, topic, key, headers, value FROM (
          SELECT *, sum(octet_length(coalesce(value, ''))) OVER (ORDER BY id) AS bytes FROM (
            SELECT * FROM sv0.outbox WHERE topic = ANY($1) ORDER BY id LIMIT $2) AS oldest
        ) AS summed
        WHERE bytes <= $3 OR id = (SELECT min(id) FROM sv0.outbox WHERE topic = ANY($1))
        ORDER BY id
        """, [.texts(topics), .int8(Int64(limit.messages)), .int8(Int64(limit.bytes))])
      return try rows.map(OutboxEntry.init)
    }
  }

  package func deleteOutbox(_ ids: [Int64]) async throws {
    try await transaction(.queue) { transaction in
      _ = try await transaction.execute(
        "DELETE FROM sv0.outbox WHERE id = ANY($1)", [.int8s(ids)])
    }
  }

  package func renew(_ lease: RelayLease, at now: Timestamp) async throws -> Bool {
    try await transaction(.queue) { transaction in
      try await transaction.execute(
        "UPDATE sv0.relay_leases SET lease_until = $3 WHERE relay = $1 AND holder = $2",
        [.text(lease.name), .text(lease.holder), .timestamp(RelayLease.end(from: now))]) == 1
    }
  }

  package func unpublishedRuns(
    limit: Int, under lease: RelayLease, at now: Timestamp
  ) async throws -> [RunStatus]? {
    try await transaction(.queue) { transaction in
      guard try await lease.take(at: now, in: transaction) else { return nil }
      // One statement, so that a run and its collections are of one moment.
      let rows = try await transaction.query(
        """
        SELECT \(StoredRun.columns), r.priority, r.version, r.requested_at, r.changed_at,
          c.names, c.outcomes, c.records AS collection_records, c.missing, c.messages
        FROM (SELECT * FROM sv0.runs WHERE published_version < version
          ORDER BY changed_at, tenant COLLATE "C", run COLLATE "C" LIMIT $1) AS r
        CROSS JOIN LATERAL (
          SELECT coalesce(array_agg(collection ORDER BY collection COLLATE "C"), '{}') AS names,
            coalesce(array_agg(outcome ORDER BY collection COLLATE "C"), '{}') AS outcomes,
            coalesce(array_agg(records ORDER BY collection COLLATE "C"), '{}') AS records,
            coalesce(array_agg(array_to_string(missing, E'\\n') ORDER BY collection COLLATE "C"),
              '{}') AS missing,
            coalesce(array_agg(coalesce(message, '') ORDER BY collection COLLATE "C"), '{}')
              AS messages
          FROM sv0.run_collections AS k
          WHERE k.tenant = r.tenant AND k.run = r.run AND k.attempt = r.attempt) AS c
        ORDER BY r.changed_at, r.tenant COLLATE "C", r.run COLLATE "C"
        """, [.int8(Int64(limit))])
      return try rows.map(RunStatus.init)
    }
  }

  package func markPublished(
    _ runs: [PublishedRun], under lease: RelayLease, at now: Timestamp
  ) async throws -> Bool {
    try await transaction(.queue) { transaction in
      // Nobody takes the lease until this is stored.
      let holder = try await transaction.query(
        "SELECT holder FROM sv0.relay_leases WHERE relay = $1 FOR SHARE", [.text(lease.name)]
      ).first?.string("holder")
      let isKept = lease.mayRenew(from: holder)
      _ = try await transaction.execute(
        """
        UPDATE sv0.runs AS r
        SET \(isKept ? "published_version = p.version" : "version = r.version + 1")
        FROM unnest($1::text[], $2::text[], $3::int8[]) AS p (tenant, run, version)
        WHERE r.tenant = p.tenant AND r.run = p.run
          \(isKept ? "AND r.published_version < p.version" : "")
        """,
        [
          .texts(runs.map(\.run.tenant)), .texts(runs.map(\.run.run)),
          .int8s(runs.map(\.version)),
        ])
      return isKept
    }
  }
}

extension RelayLease {
  /// Takes or renews the lease, if `mayTake`.
  ///
  /// - Returns: whether this process has it.
  fileprivate nonisolated(nonsending) func take(
    at now: Timestamp, in transaction: PostgresTransaction
  ) async throws -> Bool {
    try await transaction.execute(
      """
      INSERT INTO sv0.relay_leases AS l (relay, holder, lease_until) VALUES ($1, $2, $3)
      ON CONFLICT (relay) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
      WHERE l.holder = excluded.holder OR l.lease_until <= $4
      """,
      [.text(name), .text(holder), .timestamp(Self.end(from: now)), .timestamp(now)]) == 1
  }
}

extension OutboxEntry {
  fileprivate init(_ row: PostgresRow) throws {
    let headers = try JSONDocument(parsing: Array(row.string("headers").utf8)).root.object()
    self.init(
      id: try row.int64("id"), tenant: try row.string("tenant"),
      message: OutgoingMessage(
        topic: try row.string("topic"), key: try row.bytes("key"),
        value: try row.bytesOrNil("value"),
        headers: try headers.map { MessageHeader($0.key, try $0.value.string()) }))
  }
}

extension RunStatus {
  fileprivate init(_ row: PostgresRow) throws {
    let run = try StoredRun(row)
    let rank = Int(try row.int64("priority"))
    guard Priority.allCases.indices.contains(rank) else {
      throw SchedulingError.unknownWord("priority", of: run.run)
    }
    let outcomes = try row.strings("outcomes")
    let records = try row.int64s("collection_records")
    let missing = try row.strings("missing")
    let messages = try row.strings("messages")
    self.init(
      run: run, priority: Priority.allCases[rank], version: try row.int64("version"),
      requestedAt: try row.timestamp("requested_at"), changedAt: try row.timestamp("changed_at"),
      collections: try row.strings("names").enumerated().map { index, name in
        guard let outcome = Outcome(rawValue: outcomes[index]) else {
          throw SchedulingError.unknownWord("outcome", of: run.run)
        }
        return CollectionReport(
          collection: name, attempt: run.machine.attempt, outcome: outcome,
          records: records[index],
          missing: missing[index].split(separator: "\n").map(String.init),
          message: messages[index].isEmpty ? nil : messages[index])
      })
  }
}
