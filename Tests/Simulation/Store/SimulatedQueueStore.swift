package import Model
package import Scheduling

/// The queue's database, as one process reaches it.
package struct SimulatedQueueStore: QueueStore {
  private let database: SimulatedDatabase
  private let gate: any TransactionGate

  package init(database: SimulatedDatabase, gate: any TransactionGate) {
    self.database = database
    self.gate = gate
  }

  private func transaction<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (inout DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gate.transaction("queue.\(name)") { [database] in
      try database.transaction("queue.\(name)", body)
    }
  }

  private func reading<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gate.transaction("queue.\(name)") { [database] in try database.reading(body) }
  }

  package func store(_ connection: ConnectionDocument, at now: Timestamp) async throws {
    try await transaction("store") { $0.store(connection, at: now) }
  }

  package func scheduledConnections() async throws -> [(FairOrder.Connection, document: String)] {
    try await reading("scheduledConnections") { $0.scheduledConnections() }
  }

  package func admit(
    _ request: IdentifiedRequest, by admission: Admission, at now: Timestamp
  ) async throws -> Admission.Result {
    try await transaction("admit") { try $0.admit(request, by: admission, at: now) }
  }

  package func dispatch(_ dispatching: Dispatching, at now: Timestamp) async throws -> [RunKey] {
    try await transaction("dispatch") { $0.dispatch(dispatching, at: now) }
  }

  package func silentRuns(at now: Timestamp, limit: Int) async throws -> [RunKey] {
    try await reading("silentRuns") { $0.silentRuns(at: now, limit: limit) }
  }

  package func change(
    _ run: RunKey, at now: Timestamp,
    _ decide: @escaping @Sendable (inout StoredRun) throws -> RunChange
  ) async throws -> ChangedRun? {
    try await transaction("change") { try $0.change(run, at: now, decide) }
  }

  package func runs(ofScan scan: String, tenant: String) async throws -> [StoredRun]? {
    try await reading("runs") { $0.runs(ofScan: scan, tenant: tenant) }
  }

  package func outbox(
    of topics: [String], upTo limit: OutboxLimit, under lease: RelayLease, at now: Timestamp
  ) async throws -> [OutboxEntry]? {
    try await transaction("outbox") {
      $0.outbox(of: topics, upTo: limit, under: lease, at: now)
    }
  }

  package func deleteOutbox(_ ids: [Int64]) async throws {
    try await transaction("deleteOutbox") { $0.deleteOutbox(ids) }
  }

  package func renew(_ lease: RelayLease, at now: Timestamp) async throws -> Bool {
    try await transaction("renew") { $0.renew(lease, at: now) }
  }

  package func unpublishedRuns(
    limit: Int, under lease: RelayLease, at now: Timestamp
  ) async throws -> [RunStatus]? {
    try await transaction("unpublishedRuns") {
      $0.unpublishedRuns(limit: limit, under: lease, at: now)
    }
  }

  package func markPublished(
    _ runs: [PublishedRun], under lease: RelayLease, at now: Timestamp
  ) async throws -> Bool {
    try await transaction("markPublished") {
      $0.markPublished(runs, under: lease, at: now)
    }
  }

  package func admit(
    _ replay: ReplayAdmission, at now: Timestamp
  ) async throws -> ReplayAdmission.Result {
    try await transaction("admit replay") { try $0.admit(replay, at: now) }
  }
}
