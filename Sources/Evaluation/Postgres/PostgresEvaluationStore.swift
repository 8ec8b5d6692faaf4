internal import JSONReader
internal import Model
public import PostgresClient
internal import Schema

/// The evaluator's store in Postgres.
///
/// Reading is one repeatable-read transaction; writing begins by locking the tenant's row.
public struct PostgresEvaluationStore: EvaluationStore {
  private let pool: PostgresPool
  private let graphs: GraphShelf

  /// - Parameter keepsGraphs: whether to keep graphs, so that the next reading of a tenant takes no
  ///   more than what has changed.
  public init(_ pool: PostgresPool, keepsGraphs: Bool = false) {
    self.pool = pool
    graphs = GraphShelf(capacity: keepsGraphs ? GraphShelf.capacity : 0)
  }

  /// Every transaction here may be repeated, so one whose COMMIT was not answered is tried again.
  /// A refusal of the tenant's own data is not the database's failure.
  nonisolated(nonsending) func transaction<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    do {
      return try await pool.withTransaction(options, body)
    } catch var error as PostgresError {
      if let errorClass = error.sqlState?.errorClass, Self.classesOfData.contains(errorClass) {
        throw EvaluationError.refused("\(error)")
      }
      if error.kind == .commitOutcomeUnknown { error.isRetriable = true }
      throw error
    }
  }

  /// Data exception, integrity violation, program limit exceeded.
  private static let classesOfData: Set<String> = ["22", "23", "54"]

  /// Every tenant's clock, in order of tenants.
  package func clocks() async throws -> [TenantClock] {
    try await transaction(.queue) { transaction in
      try await transaction.query("SELECT \(Self.clockColumns) FROM sv0.tenants")
        .map(Self.clock).sorted { $0.tenant.precedes($1.tenant) }
    }
  }

  /// The tenant's open assertions and its findings; `nil` for a tenant that does not exist.
  public func read(_ tenant: String) async throws -> EvaluationReading? {
    let options = TransactionOptions.tenant(tenant, isolation: .repeatableRead, readOnly: true)
    return try await transaction(options) { transaction in
      let rows = try await transaction.query(
        "SELECT \(Self.clockColumns) FROM sv0.tenants WHERE tenant = $1", [.text(tenant)])
      guard let clock = try rows.first.map(Self.clock) else { return nil }
      let storage = try await storage(of: clock, transaction)
      let collections = try await Self.collections(transaction, tenant)
      let graph = Graph(
        tenant: tenant, version: clock.graphVersion, storage,
        documents: try await Self.documents(transaction, tenant), collections: collections,
        calls: try await Self.calls(transaction, tenant, storage, collections),
        uses: try await Self.uses(transaction, tenant))
      graphs.keep(graph)
      let findings = try await Self.findings(transaction, tenant)
      let owners = try await OwnerStore.owners(transaction, tenant)
      return EvaluationReading(
        clock: clock, graph: graph, findings: findings, owners: OwnerRegister(owners),
        settled: try await Self.settled(transaction, clock),
        paths: try await Self.pathDigests(transaction, tenant))
    }
  }

  private nonisolated(nonsending) func storage(
    of clock: TenantClock, _ transaction: PostgresTransaction
  ) async throws -> GraphStorage {
    guard let known = graphs.take(clock.tenant), known.version <= clock.graphVersion else {
      return try await Self.storage(transaction)
    }
    if known.version == clock.graphVersion { return known.storage }
    if let revised = try await Self.storage(revising: known, transaction) { return revised }
    return try await Self.storage(transaction)
  }

  static let clockColumns =
    "tenant, graph_version, evaluated_version, first_changed_at, last_changed_at, next_due_at"

  static func clock(_ row: PostgresRow) throws -> TenantClock {
    TenantClock(
      tenant: try row.string(0), graphVersion: try row.int64(1),
      evaluatedVersion: try row.int64(2), firstChangedAt: try row.timestampOrNil(3),
      lastChangedAt: try row.timestampOrNil(4), nextDueAt: try row.timestampOrNil(5))
  }

  /// Those that an open policy node points to: others are history.
  private nonisolated(nonsending) static func documents(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [String: [UInt8]] {
    let rows = try await transaction.query(
      """
      SELECT digest, body FROM sv0.documents
      WHERE tenant = $1 AND digest IN (
        SELECT state->>'document' FROM sv0.nodes
        WHERE tenant = $1 AND closed_epoch IS NULL AND kind = 'policy')
      """, [.text(tenant)])
    return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.string(0), try $0.bytes(1)) })
  }

  private nonisolated(nonsending) static func collections(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [CollectionKey: CollectionStatus] {
    let rows = try await transaction.query(
      """
      SELECT scope, collection, outcome, outcome_epoch, outcome_at, completed_at, missing,
        applied_run
      FROM sv0.collections WHERE tenant = $1
      """, [.text(tenant)])
    return Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        let key = CollectionKey(scope: try row.string(0), collection: try row.string(1))
        guard let outcome = Outcome(rawValue: try row.string(2)) else {
          throw EvaluationError.unknownKind(of: key.description)
        }
        let status = CollectionStatus(
          outcome: outcome, epoch: try row.int64(3), at: try row.timestamp(4),
          completedAt: try row.timestampOrNil(5), missing: try row.strings(6),
          appliedRun: try row.stringOrNil(7))
        return (key, status)
      })
  }

  /// The requests that open assertions and complete listings point to.
  private nonisolated(nonsending) static func calls(
    _ transaction: PostgresTransaction, _ tenant: String, _ storage: GraphStorage,
    _ collections: [CollectionKey: CollectionStatus]
  ) async throws -> [Graph.CallList: [UInt8]] {
    var lists = storage.callLists
    for (key, status) in collections {
      if let run = status.appliedRun {
        lists.insert(Graph.CallList(run: run, collection: key.collection))
      }
    }
    let rows = try await transaction.query(
      """
      SELECT run, collection, calls FROM sv0.calls
      JOIN unnest($2::text[], $3::text[]) AS list (run, collection) USING (run, collection)
      WHERE tenant = $1
      """, [.text(tenant), .texts(lists.map(\.run)), .texts(lists.map(\.collection))])
    return Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        let list = Graph.CallList(run: try row.string(0), collection: try row.string(1))
        return (list, try row.bytes(2))
      })
  }

  /// Per subject and collection, the latest day.
  private nonisolated(nonsending) static func uses(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [LastUse] {
    try await transaction.query(
      """
      SELECT scope, collection, id, max(value COLLATE "C") FROM sv0.observed
      WHERE tenant = $1 AND fact = 'lastUsed' GROUP BY scope, collection, id
      UNION ALL
      SELECT scope, collection, subject, to_char(max(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
      FROM sv0.activity WHERE tenant = $1 GROUP BY scope, collection, subject
      """, [.text(tenant)]
    ).map { row in
      LastUse(
        subject: try row.string(2),
        collection: CollectionKey(scope: try row.string(0), collection: try row.string(1)),
        day: try row.string(3))
    }
  }

  private nonisolated(nonsending) static func findings(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [PublishedFinding] {
    // Of a resolved finding nothing but its life matters.
    try await transaction.query(
      """
      SELECT uid, rule, subject, scope, severity, state, version, digest, first_seen_at,
        changed_at, CASE WHEN state <> 'resolved' THEN event END, tombstoned_at, held
      FROM sv0.findings WHERE tenant = $1
      """, [.text(tenant)]
    ).map { row in
      let uid = try row.string(0)
      let event = try row.bytesOrNil(10).map { try members($0, of: uid) }
      guard let state = FindingState(rawValue: try row.string(5)),
        let severity = Severity(name: try row.string(4))
      else { throw EvaluationError.unknownKind(of: uid) }
      return PublishedFinding(
        key: FindingKey(
          uid: uid, rule: try row.string(1), subject: try row.string(2),
          scope: try row.string(3), severity: severity,
          inputs: OCSF.inputs(of: .object(event ?? [:]))),
        life: FindingLife(
          state: state, version: try row.int64(6), isHeld: try row.bool(12),
          digest: try row.string(7), firstSeenAt: try row.timestamp(8),
          changedAt: try row.timestamp(9), tombstonedAt: try row.timestampOrNil(11)),
        event: .object(event ?? [:]))
    }
  }

  static func members(_ bytes: [UInt8], of id: String) throws -> [String: JSON] {
    guard let document = try? JSONDocument(parsing: bytes),
      case .object(let members) = JSON(document.root)
    else { throw EvaluationError.unknownKind(of: id) }
    return members
  }
}
