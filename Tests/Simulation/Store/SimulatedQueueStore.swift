package import Model
package import Scheduling

/// The queue's database, as one process reaches it.
package struct SimulatedQueueStore: QueueStore {
  private let access: DatabaseAccess

  package init(database: SimulatedDatabase, gate: any TransactionGate) {
    access = DatabaseAccess(database: database, gate: gate, store: "queue")
  }

  package func store(_ connection: ConnectionDocument, at now: Timestamp) async throws {
    try await access.transaction("store") { $0.store(connection, at: now) }
  }

  package func scheduledConnections() async throws -> [(FairOrder.Connection, document: String)] {
    try await access.reading("scheduledConnections") { $0.scheduledConnections() }
  }

  package func admit(
    _ request: IdentifiedRequest, by admission: Admission, at now: Timestamp
  ) async throws -> Admission.Result {
    try await access.transaction("admit") { try $0.admit(request, by: admission, at: now) }
  }

  package func dispatch(_ dispatching: Dispatching, at now: Timestamp) async throws -> [RunKey] {
    try await access.transaction("dispatch") { $0.dispatch(dispatching, at: now) }
  }

  package func silentRuns(at now: Timestamp, limit: Int) async throws -> [RunKey] {
    try await access.reading("silentRuns") { $0.silentRuns(at: now, limit: limit) }
  }

  package func change(
    _ run: RunKey, at now: Timestamp,
    _ decide: @escaping @Sendable (inout StoredRun) throws -> RunChange
  ) async throws -> ChangedRun? {
    try await access.transaction("change") { try $0.change(run, at: now, decide) }
  }

  package func runs(ofScan scan: String, tenant: String) async throws -> [StoredRun]? {
    try await access.reading("runs") { $0.runs(ofScan: scan, tenant: tenant) }
  }

  package func outbox(
    of topics: [String], upTo limit: OutboxLimit, under lease: RelayLease, at now: Timestamp
  ) async throws -> [OutboxEntry]? {
    try await access.transaction("outbox") {
      $0.outbox(of: topics, upTo: limit, under: lease, at: now)
    }
  }

  package func deleteOutbox(_ ids: [Int64]) async throws {
    try await access.transaction("deleteOutbox") { $0.deleteOutbox(ids) }
  }

  package func renew(_ lease: RelayLease, at now: Timestamp) async throws -> Bool {
    try await access.transaction("renew") { $0.renew(lease, at: now) }
  }

  package func unpublishedRuns(
    limit: Int, under lease: RelayLease, at now: Timestamp
  ) async throws -> [RunStatus]? {
    try await access.transaction("unpublishedRuns") {
      $0.unpublishedRuns(limit: limit, under: lease, at: now)
    }
  }

  package func markPublished(
    _ runs: [PublishedRun], under lease: RelayLease, at now: Timestamp
  ) async throws -> Bool {
    try await access.transaction("markPublished") {
      $0.markPublished(runs, under: lease, at: now)
    }
  }

  package func origin(
    of collection: AppliedCollection, in scope: Scope
  ) async throws -> AppliedOrigin? {
    try await access.reading("origin") { $0.origin(of: collection, in: scope) }
  }

  package func admit(
    _ replay: ReplayAdmission, at now: Timestamp
  ) async throws -> ReplayAdmission.Result {
    try await access.transaction("admit replay") { try $0.admit(replay, at: now) }
  }
}
