internal import JSONReader
internal import Model
public import PostgresClient
internal import Schema

/// The evaluator's store in Postgres.
///
/// Reading is one repeatable-read transaction; writing begins by locking the tenant's row.
public struct PostgresEvaluationStore: EvaluationStore {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

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
      let graph = Graph(
        tenant: tenant, version: clock.graphVersion,
        nodes: try await Self.nodes(transaction, tenant),
        edges: try await Self.edges(transaction, tenant),
        documents: try await Self.documents(transaction, tenant),
        collections: try await Self.collections(transaction, tenant),
        calls: try await Self.calls(transaction, tenant))
      return EvaluationReading(
        clock: clock, graph: graph, findings: try await Self.findings(transaction, tenant),
        standing: try await Self.standing(transaction, clock))
    }
  }

  static let clockColumns =
    "tenant, graph_version, evaluated_version, first_changed_at, last_changed_at, next_due_at"

  static func clock(_ row: PostgresRow) throws -> TenantClock {
    TenantClock(
      tenant: try row.string(0), graphVersion: try row.int64(1),
      evaluatedVersion: try row.int64(2), firstChangedAt: try row.timestampOrNil(3),
      lastChangedAt: try row.timestampOrNil(4), nextDueAt: try row.timestampOrNil(5))
  }

  private static let source =
    "scope, collection, object, receipt_sha256, receipt_run, receipt_call::int8"

  private static func provenance(_ row: PostgresRow) throws -> Provenance {
    Provenance(
      collection: CollectionKey(scope: try row.string(0), collection: try row.string(1)),
      object: try row.string(2), sha256: try row.string(3), run: try row.string(4),
      call: try row.int64(5))
  }

  private nonisolated(nonsending) static func nodes(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [Asserted<Node>] {
    try await transaction.query(
      """
      SELECT \(source), id, kind, type, name, defines, state FROM sv0.nodes
      WHERE tenant = $1 AND closed_epoch IS NULL
      """, [.text(tenant)]
    ).map { row in
      let id = try row.string(6)
      guard let kind = NodeKind(rawValue: try row.string(7)) else {
        throw EvaluationError.unknownKind(of: id)
      }
      return Asserted(
        Node(
          id: id, kind: kind, type: try row.string(8), name: try row.string(9),
          defines: try row.strings(10), state: try members(row.bytes(11), of: id)),
        try provenance(row))
    }
  }

  private nonisolated(nonsending) static func edges(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [Asserted<Edge>] {
    try await transaction.query(
      """
      SELECT \(source), kind, from_id, to_id, discriminator, basis, state FROM sv0.edges
      WHERE tenant = $1 AND closed_epoch IS NULL
      """, [.text(tenant)]
    ).map { row in
      let from = try row.string(7)
      guard let kind = EdgeKind(rawValue: try row.string(6)),
        let basis = Basis(rawValue: try row.string(10))
      else { throw EvaluationError.unknownKind(of: from) }
      return Asserted(
        Edge(
          kind, from: from, to: try row.string(8), discriminator: try row.string(9), basis: basis,
          state: try members(row.bytes(11), of: from)),
        try provenance(row))
    }
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
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [Graph.CallList: [UInt8]] {
    let rows = try await transaction.query(
      """
      SELECT run, collection, calls FROM sv0.calls
      WHERE tenant = $1 AND (run, collection) IN (
        SELECT receipt_run, collection FROM sv0.nodes WHERE tenant = $1 AND closed_epoch IS NULL
        UNION
        SELECT receipt_run, collection FROM sv0.edges WHERE tenant = $1 AND closed_epoch IS NULL
        UNION
        SELECT applied_run, collection FROM sv0.collections WHERE tenant = $1)
      """, [.text(tenant)])
    return Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        let list = Graph.CallList(run: try row.string(0), collection: try row.string(1))
        return (list, try row.bytes(2))
      })
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
