internal import ArgumentParser
internal import Model
internal import PostgresClient
internal import Schema

/// Follows a request until every run of its scan has come to an end.
struct ScanWatch {
  let pool: PostgresPool
  let tenant: String
  let output: OutputFormat

  private struct Run {
    var run: String
    var scope: String
    var state: RunState
    var reason: String
    var line: String
  }

  /// - Throws: `Failure` 65 when the request was rejected, 75 when the time is over; exit code 1
  ///   after listing what was not complete.
  func follow(_ request: CloudEvent, for limit: Duration) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var printed: [String: String] = [:]
    while true {
      if let runs = try await runs(of: request), !runs.isEmpty {
        for run in runs where printed[run.run] != run.line {
          Terminal.complain("  \(run.line)")
          printed[run.run] = run.line
        }
        if runs.allSatisfy(\.state.isFinal) { return try await conclude(runs) }
      }
      guard clock.now < deadline else {
        throw Failure(
          .tryAgain,
          "the scan has not ended within \(limit). It goes on: follow it with `sv0 scan show`, "
            + "and see whether the workers run (/readyz says what they wait for).")
      }
      try await clock.sleep(for: .milliseconds(250))
    }
  }

  private func runs(of request: CloudEvent) async throws -> [Run]? {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      let scan = try await transaction.query(
        "SELECT scan, status, reason FROM sv0.scans WHERE source = $1 AND request_id = $2",
        [.text(request.source), .text(request.id)]
      ).first
      guard let scan else { return nil }
      if try scan.string("status") == "rejected" {
        throw Failure(
          .badData, "the request was rejected: \(try scan.stringOrNil("reason") ?? "no reason")")
      }
      let rows = try await transaction.query(
        """
        SELECT run, scope, epoch, state, records, calls, coalesce(reason, '') AS reason,
          (SELECT count(*) FROM sv0.run_collections c WHERE c.tenant = r.tenant AND c.run = r.run)
            AS collections
        FROM sv0.runs r WHERE scan = $1 ORDER BY scope COLLATE "C"
        """, [.text(try scan.string("scan"))])
      return try rows.map(read)
    }
  }

  private func read(_ row: PostgresRow) throws -> Run {
    guard let state = RunState(rawValue: try row.string("state")) else {
      throw Failure(.bug, "the database holds a run state that this version does not know")
    }
    let scope = try row.string("scope")
    let reason = try row.string("reason")
    let counts =
      "\(try row.int64("collections")) collections, \(try row.int64("records")) records, "
      + "\(try row.int64("calls")) calls"
    let parts = [scope, "epoch \(try row.int64("epoch"))", state.rawValue, counts, reason]
    return Run(
      run: try row.string("run"), scope: scope, state: state, reason: reason,
      line: parts.filter { !$0.isEmpty }.joined(separator: "  "))
  }

  private func conclude(_ runs: [Run]) async throws {
    let ids = runs.map(\.run)
    let rows = try await pool.withTransaction(.tenant(tenant, readOnly: true)) {
      try await $0.query(
        """
        SELECT r.scope, c.collection, c.outcome, c.records, c.missing, coalesce(c.message, '')
          AS message
        FROM sv0.run_collections c JOIN sv0.runs r USING (tenant, run)
        WHERE run = ANY($1) ORDER BY r.scope COLLATE "C", c.collection COLLATE "C"
        """, [.texts(ids)])
    }
    var incomplete = runs.contains { $0.state != .evaluated }
    for row in rows {
      let outcome = try row.string("outcome")
      let isFine = ["complete", "unchanged", "unsupported"].contains(outcome)
      if !isFine { incomplete = true }
      switch output {
      case .json:
        Terminal.print(
          JSON.object([
            "scope": .string(try row.string("scope")),
            "collection": .string(try row.string("collection")), "outcome": .string(outcome),
            "records": .integer(try row.int64("records")),
            "missing": .strings(try row.strings("missing")),
            "message": .string(try row.string("message")),
          ]).text)
      case .text:
        let missing = try row.strings("missing").map { "missing \($0)" }
        let details = (missing + [try row.string("message")]).filter { !$0.isEmpty }
        Terminal.print(
          (["\(isFine ? " " : "!") \(outcome)", try row.string("collection")]
            + ["\(try row.int64("records")) records"] + details).joined(separator: "  "))
      }
    }
    if incomplete { throw ExitCode(Failure.Code.outcome.rawValue) }
  }
}
