internal import Model
internal import Pipeline
internal import PostgresClient

/// The diff of one attempt's staged rows against the open rows of its scope, in SQL.
///
/// Everything is set-based over the collections that a plan names, so its cost is that of the rows
/// and not of the number of collections. Unchanged rows are not touched.
struct Difference {
  let tenant: String
  let scope: String
  let run: String
  let attempt: Int32
  let epoch: Int64
  /// The epoch's allocation time: the validity intervals of the history are in it.
  let at: Timestamp
  /// When the outcome became known here.
  let readAt: Timestamp

  struct Changes: Equatable {
    var opened = 0
    var closed = 0
    var suspected = 0
  }

  /// A suspect is closed when it is still absent this much later.
  static let suspicion = Duration.seconds(24 * 3600)

  private var staged: [PostgresValue] { [.text(run), .int4(attempt)] }
  private var scoped: [PostgresValue] { [.text(tenant), .text(scope)] }

  /// Leaves the newest record of each object.
  func dropRepeats(in transaction: PostgresTransaction) async throws {
    let rows = try await transaction.query(
      """
      SELECT count(*) AS rows, count(DISTINCT (collection, object)) AS objects
      FROM sv0.staged_objects WHERE run = $1 AND attempt = $2
      """, staged)
    let records = try rows[0].int64("rows")
    // Small tables need no statistics; large ones are ruined by a plan for an empty table.
    if records > 10_000 { _ = try await transaction.query("SELECT sv0.analyze_staging()") }
    guard try records != rows[0].int64("objects") else { return }
    _ = try await transaction.pipeline(
      AssertionTable.all.map { PostgresStatement($0.dropSuperseded, staged) })
  }

  /// What the plans are made from, in order of collection.
  func counts(in transaction: PostgresTransaction) async throws -> [CollectionCount] {
    let rows = try await transaction.query(
      """
      SELECT e.body, coalesce(o.sequences, 0) AS sequences, coalesce(o.unreadable, 0) AS unreadable,
        coalesce(g.objects, 0) AS objects, coalesce(g.absent, 0) AS absent, c.applied_epoch,
        (SELECT max(epoch) FROM sv0.retirements r WHERE r.tenant = $1 AND r.scope = $2
          AND (r.collection IN ('', e.collection)
            OR starts_with(e.collection, r.collection || '@'))) AS retired_epoch
      FROM (SELECT DISTINCT ON (collection) collection, body FROM sv0.staged_ends
        WHERE run = $3 AND attempt = $4 ORDER BY collection) e
      LEFT JOIN (SELECT collection, count(DISTINCT sequence) AS sequences,
          count(*) FILTER (WHERE tainted AND object = '') AS unreadable
        FROM sv0.staged_objects WHERE run = $3 AND attempt = $4 GROUP BY collection) o
        USING (collection)
      LEFT JOIN (SELECT collection, count(*) AS objects, count(*) FILTER (WHERE NOT EXISTS (
            SELECT FROM sv0.staged_objects s WHERE s.run = $3 AND s.attempt = $4
              AND s.collection = present.collection AND s.object = present.object)) AS absent
        FROM (SELECT collection, object FROM sv0.nodes
            WHERE tenant = $1 AND scope = $2 AND closed_epoch IS NULL
          UNION SELECT collection, object FROM sv0.edges
            WHERE tenant = $1 AND scope = $2 AND closed_epoch IS NULL) present
        GROUP BY collection) g USING (collection)
      LEFT JOIN sv0.collections c
        ON c.tenant = $1 AND c.scope = $2 AND c.collection = e.collection
      ORDER BY e.collection COLLATE "C"
      """, scoped + staged)
    return try rows.map { row in
      CollectionCount(
        ended: try CollectionEnded(reading: Array(row.string("body").utf8)),
        distinctSequences: try row.int64("sequences"),
        taintedWithoutKey: try row.int64("unreadable"),
        openObjects: try row.int64("objects"), absentObjects: try row.int64("absent"),
        appliedEpoch: try row.int64OrNil("applied_epoch"),
        retiredEpoch: try row.int64OrNil("retired_epoch"))
    }
  }

  /// Writes what the plans allow, as graph version `version`.
  func write(
    _ plans: [CollectionPlan], version: Int64, in transaction: PostgresTransaction
  ) async throws -> Changes {
    let written = PostgresValue.texts(plans.filter(\.writes).map(\.collection))
    let closing = PostgresValue.texts(names(plans, .closed))
    let suspected = PostgresValue.texts(names(plans, .suspected))
    let rows = scoped + staged + [written]
    let versioned = rows + [.int8(epoch), .timestamp(at), .int8(version)]
    let absence = [closing, suspected, .timestamp(at + (.zero - Self.suspicion))]
    var statements: [PostgresStatement] = []
    for table in AssertionTable.all {
      statements += [
        PostgresStatement(table.closeChanged, versioned),
        PostgresStatement(table.openMissing, versioned),
        PostgresStatement(table.clearSuspects, rows),
        PostgresStatement(table.closeAbsent, versioned + absence),
        PostgresStatement(table.markSuspects, rows + [suspected, .timestamp(at)]),
      ]
    }
    let results = try await transaction.pipeline(statements).map(\.affectedRows)
    _ = try await transaction.pipeline(facts(written) + plans.flatMap(record))
    var changes = Changes()
    for first in stride(from: 0, to: results.count, by: 5) {
      changes.closed += results[first] + results[first + 3]
      changes.opened += results[first + 1]
      changes.suspected += results[first + 4]
    }
    return changes
  }

  private func names(_ plans: [CollectionPlan], _ absence: CollectionPlan.Absence) -> [String] {
    plans.filter { $0.writes && $0.absence == absence }.map(\.collection)
  }

  /// What has no versions: documents, facts about use, the requests behind the receipts.
  private func facts(_ written: PostgresValue) -> [PostgresStatement] {
    [
      PostgresStatement(
        """
        INSERT INTO sv0.documents (tenant, digest, body)
        SELECT DISTINCT ON (digest) $1, digest, body FROM sv0.staged_documents
        WHERE run = $2 AND attempt = $3 AND collection = ANY($4)
        ON CONFLICT DO NOTHING
        """, [.text(tenant)] + staged + [written]),
      PostgresStatement(
        """
        INSERT INTO sv0.observed AS o (tenant, scope, collection, object, id, fact, value,
          receipt_sha256)
        SELECT DISTINCT ON (s.collection, s.object, s.id, f.key) $1, $2, s.collection, s.object,
          s.id, f.key, f.value, s.receipt_sha256
        FROM sv0.staged_nodes s, json_each_text(s.observed) f
        WHERE s.run = $3 AND s.attempt = $4 AND s.collection = ANY($5)
        ON CONFLICT (tenant, scope, collection, object, id, fact) DO UPDATE
          SET value = excluded.value, receipt_sha256 = excluded.receipt_sha256
          WHERE o.value COLLATE "C" < excluded.value
        """, scoped + staged + [written]),
      PostgresStatement(
        """
        INSERT INTO sv0.calls (tenant, run, collection, attempt, calls)
        SELECT DISTINCT ON (collection) $1, run, collection, attempt, body -> 'calls'
        FROM sv0.staged_ends WHERE run = $2 AND attempt = $3
        ON CONFLICT DO NOTHING
        """, [.text(tenant)] + staged),
    ]
  }

  /// How the collection ended: for the scope, and for the run.
  private func record(_ plan: CollectionPlan) -> [PostgresStatement] {
    let ending: [PostgresValue] = [
      .text(plan.collection), .text(plan.outcome.rawValue), .texts(plan.missing),
      .text(plan.message),
    ]
    let ofRun = PostgresStatement(
      """
      INSERT INTO sv0.run_collections AS r (tenant, run, collection, outcome, missing, message,
        attempt, records)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, run, collection) DO UPDATE SET outcome = excluded.outcome,
        missing = excluded.missing, message = excluded.message, attempt = excluded.attempt,
        records = excluded.records
      """,
      [.text(tenant), .text(run)] + ending + [.int4(attempt), .int8(plan.records)])
    guard !plan.isRetired else { return [ofRun] }
    let isProof = plan.writes && plan.outcome.provesAbsence
    let ofScope = PostgresStatement(
      """
      INSERT INTO sv0.collections AS c (tenant, scope, collection, outcome, missing, message,
        outcome_epoch, outcome_at, applied_epoch, applied_run, applied_attempt, completed_at,
        completed_epoch)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      ON CONFLICT (tenant, scope, collection) DO UPDATE SET
        outcome = excluded.outcome, missing = excluded.missing, message = excluded.message,
        outcome_epoch = excluded.outcome_epoch, outcome_at = excluded.outcome_at,
        applied_epoch = coalesce(excluded.applied_epoch, c.applied_epoch),
        applied_run = coalesce(excluded.applied_run, c.applied_run),
        applied_attempt = coalesce(excluded.applied_attempt, c.applied_attempt),
        completed_at = coalesce(excluded.completed_at, c.completed_at),
        completed_epoch = coalesce(excluded.completed_epoch, c.completed_epoch)
      WHERE c.outcome_epoch < excluded.outcome_epoch
      """,
      scoped + ending + [
        .int8(epoch), .timestamp(readAt), .int8(plan.applies ? epoch : nil),
        .text(plan.applies ? run : nil), plan.applies ? .int4(attempt) : .null,
        .timestamp(isProof ? at : nil), .int8(isProof ? epoch : nil),
      ])
    return [ofScope, ofRun]
  }
}
