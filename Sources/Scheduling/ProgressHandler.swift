public import Model
public import Pipeline
public import PostgresClient

/// Folds what extractors say into the runs' rows.
///
/// Invariants:
/// 1. The messages of a batch about one run are handled together, in their order.
/// 2. Of a collection, what the newest attempt said last counts, until the apply says otherwise.
/// 3. Progress of a run that is not there (erased, or another tenant's) is counted and ignored.
public struct ProgressHandler: BatchHandler {
  private let store: any QueueStore
  private let limits: SchedulingLimits
  private let now: @Sendable () -> Timestamp

  public init(
    pool: PostgresPool, limits: SchedulingLimits = SchedulingLimits(),
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(store: PostgresQueueStore(pool: pool), limits: limits, now: now)
  }

  package init(
    store: any QueueStore, limits: SchedulingLimits, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
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
    let key = RunKey(tenant: report.scope.tenant, run: run)
    let changed = try await store.change(key, at: at) { [limits] stored in
      guard stored.scope == report.scope.description else {
        throw BadMessage("tenant", "run \(run) belongs to another scope than the key's")
      }
      var change = RunChange(.ignore)
      for progress in report.progress {
        let action = stored.machine.handle(.progress(progress), at: at, limits: limits)
        if action == .ignore { tally("sv0_progress_ignored_total", ("reason", "superseded")) }
        if action > .ignore, let collection = CollectionReport(progress) {
          change.collections.append(collection)
        }
        change.action = max(change.action, action)
      }
      return change
    }
    if changed == nil {
      tally(
        "sv0_progress_ignored_total", by: report.progress.count, ("reason", "unknown-run"))
    }
  }
}

extension CollectionReport {
  /// `nil` when the progress is not about a collection's end.
  fileprivate init?(_ progress: Progress) {
    guard
      case .collectionEnded(let collection, let outcome, let records, let missing, let message) =
        progress.phase
    else { return nil }
    self.init(
      collection: collection, attempt: progress.attempt, outcome: outcome, records: records,
      missing: missing, message: message)
  }
}
