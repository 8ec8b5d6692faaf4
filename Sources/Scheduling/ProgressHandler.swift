public import Model
public import Pipeline
public import PostgresClient
internal import Schema

/// Folds what extractors say into the runs' rows.
///
/// Invariants:
/// 1. The messages of a batch about one run are handled together, in their order.
/// 2. Of a collection, what the newest attempt said last counts, until the apply says otherwise.
/// 3. Progress of a run that is not there (erased, or another tenant's) is counted and ignored.
public struct ProgressHandler: BatchHandler {
  private let store: Store
  private let limits: SchedulingLimits
  private let now: @Sendable () -> Timestamp

  public init(
    pool: PostgresPool, limits: SchedulingLimits = SchedulingLimits(),
    now: @escaping @Sendable () -> Timestamp
  ) {
    store = Store(pool: pool)
    self.limits = limits
    self.now = now
  }

  private struct Report {
    var scope: Scope
    var progress: [Progress]
  }

  public func handle(_ messages: [Message]) async throws {
    var order: [String] = []
    var reports: [String: Report] = [:]
    for message in messages {
      guard let key = message.key.flatMap({ String(validating: $0, as: UTF8.self) }),
        let scope = Scope(key)
      else {
        throw BadMessage(
          "malformed", "the key is no scope key tenant/connection/platform/account")
      }
      let progress = try Progress(reading: message.value)
      if let known = reports[progress.run], known.scope != scope {
        throw BadMessage("tenant", "run \(progress.run) is named under two scopes")
      }
      if reports[progress.run] == nil { order.append(progress.run) }
      reports[progress.run, default: Report(scope: scope, progress: [])].progress.append(progress)
    }
    for run in order {
      if let report = reports[run] { try await handle(report, of: run) }
    }
  }

  private func handle(_ report: Report, of run: String) async throws {
    let at = now()
    let tenant = report.scope.tenant
    let state = try await store.change(run: run, of: tenant, at: at) { stored, transaction in
      guard stored.scope == report.scope.description else {
        throw BadMessage("tenant", "run \(run) belongs to another scope than the key's")
      }
      var greatest = RunMachine.Action.ignore
      for progress in report.progress {
        var action = stored.machine.handle(.progress(progress), at: at, limits: limits)
        if action == .ignore { tally("sv0_progress_ignored_total", ("reason", "superseded")) }
        if case .collectionEnded = progress.phase, action > .ignore,
          try await record(progress, of: stored, in: transaction)
        {
          action = max(action, .store)
        }
        greatest = max(greatest, action)
      }
      return greatest
    }
    if state == nil {
      tally(
        "sv0_progress_ignored_total", by: report.progress.count, ("reason", "unknown-run"))
    }
  }

  /// - Returns: whether it says something new.
  private nonisolated(nonsending) func record(
    _ progress: Progress, of stored: StoredRun, in transaction: PostgresTransaction
  ) async throws -> Bool {
    guard
      case .collectionEnded(let collection, let outcome, let records, let missing, let message) =
        progress.phase
    else { return false }
    return try await transaction.execute(
      """
      INSERT INTO sv0.run_collections AS c
        (tenant, run, collection, attempt, outcome, records, missing, message)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (tenant, run, collection) DO UPDATE SET attempt = excluded.attempt,
        outcome = excluded.outcome, records = excluded.records, missing = excluded.missing,
        message = excluded.message
      WHERE (c.attempt, c.outcome, c.records, c.missing, c.message) IS DISTINCT FROM
        (excluded.attempt, excluded.outcome, excluded.records, excluded.missing, excluded.message)
      """,
      [
        .text(stored.tenant), .text(stored.run), .text(collection), .int4(Int32(progress.attempt)),
        .text(outcome.rawValue), .int8(records), .texts(missing), .text(message),
      ]) > 0
  }
}
