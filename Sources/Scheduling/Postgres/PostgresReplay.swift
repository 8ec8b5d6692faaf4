package import Model
internal import PostgresClient
internal import Schema

extension PostgresQueueStore {
  package func admit(
    _ replay: ReplayAdmission, at now: Timestamp
  ) async throws -> ReplayAdmission.Result {
    let key: [PostgresValue] = [.text(replay.scope.tenant), .text(replay.scope.description)]
    return try await transaction(.tenant(replay.scope.tenant)) { transaction in
      let lastEpoch = try await transaction.query(
        "SELECT last_epoch FROM sv0.scopes WHERE tenant = $1 AND scope = $2 FOR UPDATE", key
      ).first?.int64("last_epoch")
      let unapplied = try await transaction.query(
        """
        SELECT \(StoredRun.columns) FROM sv0.runs AS r WHERE tenant = $1 AND scope = $2
          AND state IN ('queued', 'dispatched', 'leased', 'extracted') ORDER BY epoch LIMIT 1
        """, key
      ).first.map(StoredRun.init)
      let collections = try await transaction.query(
        """
        SELECT collection, applied_run, applied_attempt, applied_epoch, applied_outcome,
          applied_kind, applied_records, token, raw_partition, raw_from, raw_to
        FROM sv0.collections WHERE tenant = $1 AND scope = $2 AND applied_run IS NOT NULL
        ORDER BY collection COLLATE "C"
        """, key
      ).map(AppliedCollection.init)
      let decision = try replay.decide(
        lastEpoch: lastEpoch, unapplied: unapplied, collections: collections, at: now)
      switch decision {
      case .refuse(let why): return .refused(why)
      case .admit(let scan, let run, let replay):
        try await transaction.execute(
          "UPDATE sv0.scopes SET last_epoch = $3 WHERE tenant = $1 AND scope = $2",
          key + [.int8(replay.epoch)])
        _ = try await scan.insert(in: transaction)
        try await NewRun.insert([run], in: transaction)
        return .admitted(replay)
      }
    }
  }
}

extension AppliedCollection {
  fileprivate init(_ row: PostgresRow) throws {
    let run = try row.string("applied_run")
    // Without these it was applied before they were recorded.
    let outcome = Outcome(rawValue: try row.stringOrNil("applied_outcome") ?? "partial")
    let kind = CollectionKind(rawValue: try row.stringOrNil("applied_kind") ?? "full")
    guard let outcome, let kind else { throw SchedulingError.unknownWord("collection", of: run) }
    var raw: RawRange?
    if let partition = try row.int64OrNil("raw_partition"),
      let from = try row.int64OrNil("raw_from"),
      let to = try row.int64OrNil("raw_to"), from <= to
    {
      raw = RawRange(partition: Int32(partition), offsets: from...to)
    }
    self.init(
      collection: try row.string("collection"), run: run,
      attempt: Int(try row.int64("applied_attempt")), epoch: try row.int64("applied_epoch"),
      outcome: outcome, kind: kind, records: try row.int64OrNil("applied_records") ?? 0,
      token: try row.stringOrNil("token"), raw: raw)
  }
}
