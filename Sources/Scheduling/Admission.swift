internal import Model
internal import PostgresClient
internal import Schema

/// Turns a request into a scan and its runs, in one transaction.
struct Admission: Sendable {
  let store: Store
  let knownCollections: [Platform: [String]]
  let makeID: @Sendable (Timestamp) throws -> ULID
  let now: @Sendable () -> Timestamp

  enum Result: String {
    case accepted, rejected, repeated
  }

  func admit(_ identified: IdentifiedRequest) async throws -> Result {
    let request = identified.request
    return try await store.transaction(.tenant(request.tenant)) { transaction in
      let rows = try await transaction.query(
        "SELECT document FROM sv0.connections WHERE tenant = $1 AND connection = $2",
        [.text(request.tenant), .text(request.connection)])
      let scopes = try Self.scopes(
        for: request, document: rows.first?.string("document"), knownCollections)
      let at = now()
      let scan = try makeID(at).description
      guard try await insert(identified, as: scan, scopes, at: at, in: transaction) else {
        return .repeated
      }
      guard case .success(let scopes) = scopes else { return .rejected }
      try await insertRuns(of: scan, over: scopes, request, at: at, in: transaction)
      return .accepted
    }
  }

  /// The scopes that the request is about, in the order of their keys, or why it is rejected.
  private static func scopes(
    for request: ScanRequest, document: String?, _ knownCollections: [Platform: [String]]
  ) -> Swift.Result<[String], Refusal> {
    do throws(Refusal) {
      guard let document else {
        throw Refusal(
          "tenant \(request.tenant) has no connection \(request.connection); "
            + "`sv0 connection apply` makes one")
      }
      let connection = try ConnectionDocument(stored: document, of: request.connection)
      guard let known = knownCollections[connection.platform] else {
        throw Refusal("platform \(connection.platform.rawValue) has no connector in this scheduler")
      }
      _ = try connection.collections.patterns(asked: request.collections, known: known)
      let keys = try connection.accounts(asked: request.scopes).map { account in
        Scope(
          tenant: request.tenant, connection: request.connection, platform: connection.platform,
          account: account.id
        ).description
      }
      return .success(keys.sorted { $0.precedes($1) })
    } catch {
      return .failure(error)
    }
  }

  /// - Returns: whether the request is a new one.
  private nonisolated(nonsending) func insert(
    _ identified: IdentifiedRequest, as scan: String, _ scopes: Swift.Result<[String], Refusal>,
    at: Timestamp, in transaction: PostgresTransaction
  ) async throws -> Bool {
    let refusal: Refusal? = if case .failure(let refusal) = scopes { refusal } else { nil }
    let inserted = try await transaction.execute(
      """
      INSERT INTO sv0.scans
        (tenant, scan, source, request_id, status, reason, request, requested_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, source, request_id) DO NOTHING
      """,
      [
        .text(identified.request.tenant), .text(scan), .text(identified.source),
        .text(identified.id), .text(refusal == nil ? "accepted" : "rejected"),
        .text(refusal?.reason), .json(identified.request.json.bytes), .timestamp(at),
      ])
    return inserted == 1
  }

  private nonisolated(nonsending) func insertRuns(
    of scan: String, over scopes: [String], _ request: ScanRequest, at: Timestamp,
    in transaction: PostgresTransaction
  ) async throws {
    let tenant = PostgresValue.text(request.tenant)
    // In one order everywhere, so that two requests never wait for each other.
    let epochs = try await transaction.query(
      """
      INSERT INTO sv0.scopes AS s (tenant, scope, last_epoch)
      SELECT $1, k.scope, 1 FROM unnest($2::text[]) WITH ORDINALITY AS k (scope, place)
      ORDER BY k.place
      ON CONFLICT (tenant, scope) DO UPDATE SET last_epoch = s.last_epoch + 1
      RETURNING scope, last_epoch
      """, [tenant, .texts(scopes)])
    let pending = try await transaction.query(
      """
      SELECT scope, run FROM sv0.runs
      WHERE tenant = $1 AND scope = ANY($2) AND state IN ('queued', 'dispatched', 'leased')
      """, [tenant, .texts(scopes)])
    var busy: [String: String] = [:]
    for row in pending { busy[try row.string("scope")] = try row.string("run") }
    var columns = (
      runs: [String](), scopes: [String](), epochs: [Int64](), states: [String](),
      reasons: [String?]()
    )
    for row in epochs {
      let scope = try row.string("scope")
      columns.runs.append(try makeID(at).description)
      columns.scopes.append(scope)
      columns.epochs.append(try row.int64("last_epoch"))
      columns.states.append((busy[scope] == nil ? RunState.queued : .skipped).rawValue)
      columns.reasons.append(busy[scope].map { "run \($0) of this scope is not finished" })
    }
    let priority = Int64(Priority.allCases.firstIndex(of: request.priority) ?? 0)
    try await transaction.execute(
      """
      INSERT INTO sv0.runs (tenant, scan, priority, requested_at, allocated_at, changed_at,
        run, scope, epoch, state, reason)
      SELECT $1, $2, $3, $4, $4, $4, k.*
      FROM unnest($5::text[], $6::text[], $7::int8[], $8::text[], $9::text[]) AS k
      """,
      [
        tenant, .text(scan), .int8(priority), .timestamp(at), .texts(columns.runs),
        .texts(columns.scopes), .int8s(columns.epochs), .texts(columns.states),
        .texts(columns.reasons),
      ])
  }
}
