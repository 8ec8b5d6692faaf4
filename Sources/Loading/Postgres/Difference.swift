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

  private var staged: [PostgresValue] { [.text(run), .int4(attempt)] }
  private var scoped: [PostgresValue] { [.text(tenant), .text(scope)] }

  /// Leaves the assertions of the newest record of each object, and marks the object as removed if
  /// that record says so and all of its records could be read.
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
      AssertionTable.all.map { PostgresStatement($0.dropSuperseded, staged) } + [
        PostgresStatement(
          """
          UPDATE sv0.staged_objects s SET removed = NOT s.removed FROM (
            SELECT collection, object, NOT bool_or(tainted)
                AND (array_agg(removed ORDER BY sequence DESC, removed))[1] AS removed
            FROM sv0.staged_objects WHERE run = $1 AND attempt = $2
            GROUP BY collection, object HAVING count(*) > 1 AND bool_or(removed)) w
          WHERE s.run = $1 AND s.attempt = $2 AND s.collection = w.collection
            AND s.object = w.object AND s.removed <> w.removed
          """, staged)
      ])
  }

  /// What the plans are made from, in order of collection.
  func counts(in transaction: PostgresTransaction) async throws -> [CollectionCount] {
    let rows = try await transaction.query(
      """
      SELECT e.body, coalesce(o.sequences, 0) AS sequences, coalesce(o.tainted, 0) AS tainted,
        coalesce(o.unreadable, 0) AS unreadable, c.token, c.applied_epoch,
        (SELECT max(epoch) FROM sv0.retirements r WHERE r.tenant = $1 AND r.scope = $2
          AND \(Retirement.covering("r.collection", "e.collection"))) AS retired_epoch
      FROM (SELECT DISTINCT ON (collection) collection, body FROM sv0.staged_ends
        WHERE run = $3 AND attempt = $4 ORDER BY collection) e
      LEFT JOIN (SELECT collection, count(DISTINCT sequence) AS sequences,
          count(*) FILTER (WHERE tainted) AS tainted,
          count(*) FILTER (WHERE tainted AND object = '') AS unreadable
        FROM sv0.staged_objects WHERE run = $3 AND attempt = $4 GROUP BY collection) o
        USING (collection)
      LEFT JOIN sv0.collections c
        ON c.tenant = $1 AND c.scope = $2 AND c.collection = e.collection
      ORDER BY e.collection COLLATE "C"
      """, scoped + staged)
    var counts = try rows.map { row in
      CollectionCount(
        ended: try CollectionEnded(reading: Array(row.string("body").utf8)),
        distinctSequences: try row.int64("sequences"), tainted: try row.int64("tainted"),
        taintedWithoutKey: try row.int64("unreadable"), token: try row.stringOrNil("token"),
        appliedEpoch: try row.int64OrNil("applied_epoch"),
        retiredEpoch: try row.int64OrNil("retired_epoch"))
    }
    let asking = counts.filter(\.asksForAbsence).map(\.ended.collection)
    guard !asking.isEmpty else { return counts }
    let found = try await absences(asking, in: transaction)
    for index in counts.indices {
      guard let (objects, absent) = found[counts[index].ended.collection] else { continue }
      counts[index].openObjects = objects
      counts[index].absentObjects = absent
    }
    return counts
  }

  /// Of each of the collections, how many objects are open, and how many of them absent.
  private func absences(
    _ collections: [String], in transaction: PostgresTransaction
  ) async throws -> [String: (Int64, Int64)] {
    let rows = try await transaction.query(
      """
      SELECT collection, count(*) AS objects, count(*) FILTER (WHERE NOT EXISTS (
          SELECT FROM sv0.staged_objects s WHERE s.run = $3 AND s.attempt = $4
            AND s.collection = present.collection AND s.object = present.object
            AND NOT s.removed)) AS absent
      FROM (SELECT collection, object FROM sv0.nodes
          WHERE tenant = $1 AND scope = $2 AND collection = ANY($5) AND closed_epoch IS NULL
        UNION SELECT collection, object FROM sv0.edges
          WHERE tenant = $1 AND scope = $2 AND collection = ANY($5) AND closed_epoch IS NULL
        ) present
      GROUP BY collection
      """, scoped + staged + [.texts(collections)])
    return Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        (try row.string("collection"), (try row.int64("objects"), try row.int64("absent")))
      })
  }

  /// Writes what the plans allow, as graph version `version`.
  func write(
    _ plans: [CollectionPlan], version: Int64, in transaction: PostgresTransaction
  ) async throws -> Applied.Changes {
    let written = PostgresValue.texts(plans.filter(\.writes).map(\.collection))
    let rows = scoped + staged + [written]
    let versioned = [.int8(epoch), .timestamp(at), .int8(version)] as [PostgresValue]
    let absent = names(plans, .absent)
    let suspected = names(plans, .suspects)
    let unsaid = names(plans, .unsaid)
    let named = names(plans, .named)
    let before = PostgresValue.timestamp(at + (.zero - CollectionPlan.suspicion))
    var statements: [(WritableKeyPath<Applied.Changes, Int>?, PostgresStatement)] = []
    for table in AssertionTable.all {
      statements += [
        (\.closed, PostgresStatement(table.closeChanged, rows + versioned)),
        (\.opened, PostgresStatement(table.openMissing, rows + versioned)),
        (nil, PostgresStatement(table.clearSuspects, rows)),
      ]
      if !absent.isEmpty || !suspected.isEmpty {
        let values = rows + versioned + [.texts(absent), .texts(suspected), before]
        statements.append((\.closed, PostgresStatement(table.closeAbsent, values)))
      }
      if !unsaid.isEmpty {
        // No suspect has waited since then.
        let never = PostgresValue.timestamp(Timestamp(milliseconds: 0))
        let values = rows + versioned + [.texts([]), .texts(unsaid), never]
        statements.append((\.closed, PostgresStatement(table.closeAbsent, values)))
      }
      if !suspected.isEmpty {
        let values = rows + [.texts(suspected), .timestamp(at)]
        statements.append((\.suspected, PostgresStatement(table.markSuspects, values)))
      }
      if !named.isEmpty {
        let values = scoped + staged + [.texts(named)] + versioned
        statements.append((\.closed, PostgresStatement(table.closeNamed, values)))
      }
    }
    let results = try await transaction.pipeline(statements.map(\.1))
    _ = try await transaction.pipeline(
      facts(written) + plans.flatMap(record))
    var changes = Applied.Changes()
    for (statement, result) in zip(statements, results) {
      if let change = statement.0 { changes[keyPath: change] += result.affectedRows }
    }
    return changes
  }

  /// Writes what is staged in one collection, as graph version `version`, and closes nothing but
  /// the versions that it replaces.
  ///
  /// - Returns: whether anything changed.
  func add(
    _ collection: String, version: Int64, in transaction: PostgresTransaction
  ) async throws -> Bool {
    let rows = scoped + staged + [.texts([collection])]
    let versioned = rows + [.int8(epoch), .timestamp(at), .int8(version)]
    let statements = AssertionTable.all.flatMap { table in
      [
        PostgresStatement(table.closeChanged, versioned),
        PostgresStatement(table.openMissing, versioned),
        PostgresStatement(table.clearSuspects, rows),
      ]
    }
    return try await transaction.pipeline(statements + facts(.texts([collection])))
      .contains { $0.affectedRows > 0 }
  }

  private func names(_ plans: [CollectionPlan], _ closing: CollectionPlan.Closing) -> [String] {
    plans.filter { $0.writes && $0.closes == closing }.map(\.collection)
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
        INSERT INTO sv0.activity AS a (tenant, scope, collection, subject, action, target, at,
          receipt_sha256, receipt_partition, receipt_offset, receipt_run, receipt_call)
        SELECT DISTINCT ON (collection, subject, action, target) $1, $2, collection, subject,
          action, target, at, receipt_sha256, receipt_partition, receipt_offset, $3, receipt_call
        FROM sv0.staged_activity WHERE run = $3 AND attempt = $4 AND collection = ANY($5)
        ORDER BY collection, subject, action, target, at DESC, sequence, receipt_offset
        \(Self.keepLatest)
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

  /// Facts about use that are older than what is known, or as old, change nothing.
  static let keepLatest = """
    ON CONFLICT (tenant, scope, collection, subject, action, target) DO UPDATE
      SET at = excluded.at, receipt_sha256 = excluded.receipt_sha256,
        receipt_partition = excluded.receipt_partition, receipt_offset = excluded.receipt_offset,
        receipt_run = excluded.receipt_run, receipt_call = excluded.receipt_call
      WHERE a.at < excluded.at
    """

  /// How the collection ended: for the scope, and for the run.
  private func record(_ plan: CollectionPlan) -> [PostgresStatement] {
    let ending: [PostgresValue] = [
      .text(plan.collection), .text(plan.outcome.rawValue), .texts(plan.ended.missing),
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
    let ofScope = PostgresStatement(
      """
      INSERT INTO sv0.collections AS c (tenant, scope, collection, outcome, missing, message,
        outcome_epoch, outcome_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, scope, collection) DO UPDATE SET
        outcome = excluded.outcome, missing = excluded.missing, message = excluded.message,
        outcome_epoch = excluded.outcome_epoch, outcome_at = excluded.outcome_at
      WHERE c.outcome_epoch < excluded.outcome_epoch
      """, scoped + ending + [.int8(epoch), .timestamp(plan.known(at: readAt))])
    return [ofRun, ofScope] + (plan.applies ? [applied(plan)] : [])
  }

  /// What the collection holds from now on. Though a newer run may have failed meanwhile, whose
  /// outcome stays.
  private func applied(_ plan: CollectionPlan) -> PostgresStatement {
    let ended = plan.ended
    var token: [PostgresValue] = [.bool(false), .text(nil)]
    if case .set(let new) = plan.token { token = [.bool(true), .text(new)] }
    return PostgresStatement(
      """
      UPDATE sv0.collections AS c SET applied_run = $3, applied_attempt = $4, applied_epoch = $6,
        applied_kind = $7, applied_outcome = $8, applied_records = $9,
        token = CASE WHEN $10 THEN $11 ELSE token END,
        completed_at = coalesce($12, completed_at),
        completed_epoch = coalesce($13, completed_epoch), listed_at = coalesce($14, listed_at),
        (raw_partition, raw_from, raw_to) = (
          SELECT min(receipt_partition), min(receipt_offset), max(receipt_offset)
          FROM sv0.staged_objects s
          WHERE s.run = $3 AND s.attempt = $4 AND s.collection = c.collection
          HAVING count(*) = count(receipt_offset))
      WHERE tenant = $1 AND scope = $2 AND collection = $5
      """,
      scoped + staged + [
        .text(plan.collection), .int8(epoch), .text(ended.kind.rawValue),
        .text(ended.outcome.rawValue), .int8(ended.records),
      ] + token + [
        .timestamp(plan.isCurrent ? plan.known(at: at) : nil),
        .int8(plan.provesAbsence ? epoch : nil),
        .timestamp(plan.provesAbsence ? at : nil),
      ])
  }
}
