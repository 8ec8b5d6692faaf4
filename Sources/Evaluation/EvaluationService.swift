public import Logging
internal import Metrics
public import Model
public import PostgresClient
internal import Synchronization

/// The evaluator: judges every tenant whose graph has changed, or whose time has come.
///
/// Any number may run: whoever writes first counts, the others' work is thrown away.
///
/// ```swift
/// let service = EvaluationService(pool: pool, now: now, log: log)
/// let loop = PeriodicLoop(
///   name: "evaluator", interval: .seconds(1), health: health, log: log, body: service.turn)
/// ```
public final class EvaluationService: Sendable {
  public struct Settings: Sendable {
    /// A change is evaluated once nothing followed it for this long …
    public var quiet: Duration
    /// … and at the latest after this.
    public var maximumDelay: Duration
    /// How long a complete collection may be relied on.
    public var staleAfter: Duration
    public var thresholds: RuleThresholds

    public init(
      quiet: Duration = .seconds(10), maximumDelay: Duration = .seconds(60),
      staleAfter: Duration = .seconds(7 * 86400), thresholds: RuleThresholds = RuleThresholds()
    ) {
      self.quiet = quiet
      self.maximumDelay = maximumDelay
      self.staleAfter = staleAfter
      self.thresholds = thresholds
    }
  }

  private let store: any EvaluationStore
  private let settings: Settings
  private let now: @Sendable () -> Timestamp
  private let log: Logger
  private let turns = Mutex(TenantTurns())
  private let earlier = TenantShelf<EarlierEvaluation>(capacity: EarlierEvaluation.capacity)

  public convenience init(
    pool: PostgresPool, settings: Settings = Settings(), now: @escaping @Sendable () -> Timestamp,
    log: Logger
  ) {
    self.init(
      store: PostgresEvaluationStore(pool, keepsGraphs: true), settings: settings, now: now,
      log: log)
  }

  package init(
    store: any EvaluationStore, settings: Settings = Settings(),
    now: @escaping @Sendable () -> Timestamp, log: Logger
  ) {
    self.store = store
    self.settings = settings
    self.now = now
    self.log = log
  }

  /// Evaluates every tenant that is due; returns whether one was.
  ///
  /// A tenant that cannot be evaluated, now or as it is, stops no other one.
  /// - Throws: the store's error, where it concerns every tenant; what was written stays.
  public func turn() async throws -> Bool {
    var evaluated = false
    let clocks = try await store.clocks()
    let due = turns.withLock { turns in
      turns.order(clocks, at: now()) {
        $0.isDue(at: now(), quiet: settings.quiet, maximumDelay: settings.maximumDelay)
      }
    }
    for clock in due {
      do {
        try await evaluate(clock.tenant)
        turns.withLock { $0.succeeded(clock.tenant, at: now()) }
        evaluated = true
      } catch let error as EvaluationError {
        turns.withLock { $0.broke(clock, at: now()) }
        Counter(label: "sv0_evaluations_total", dimensions: [("result", "failed")]).increment()
        log.error(
          "a tenant cannot be evaluated",
          metadata: ["tenant": "\(clock.tenant)", "error": "\(error)"])
      } catch let error as any ClassifiedError where error.isRetriable {
        let pause = turns.withLock { $0.failed(clock.tenant, at: now()) }
        // While the store answers nobody, it is no tenant's own failure.
        _ = try await store.clocks()
        Counter(label: "sv0_evaluations_total", dimensions: [("result", "postponed")]).increment()
        log.warning(
          "a tenant's evaluation failed; trying again",
          metadata: [
            "tenant": "\(clock.tenant)", "error": "\(error)", "pause": "\(pause)",
          ])
      }
    }
    return evaluated
  }

  private func evaluate(_ tenant: String) async throws {
    // Before reading: a change that the reading misses is later than this.
    let at = now()
    guard let reading = try await store.read(tenant) else { return }
    let evaluation = Evaluation(
      of: reading.graph, at: at, staleAfter: settings.staleAfter, owners: reading.owners,
      thresholds: settings.thresholds, settled: reading.settled, keeps: true,
      after: earlier.take(tenant))
    if let kept = evaluation.kept { earlier.keep(kept, of: tenant, size: reading.graph.size) }
    let changes = evaluation.changes(since: reading.findings)
    let tombstones = Tombstones(reading.findings, changes, at: at)
    let written = try await store.write(
      EvaluationResult(
        clock: reading.clock, changes: changes, tombstones: tombstones.due,
        judged: evaluation.newlyJudged, baselines: evaluation.newBaselines,
        paths: evaluation.newPaths(since: reading.paths), inputs: inputs(reading, at),
        nextDueAt: [
          evaluation.nextDueAt, tombstones.nextDueAt, reading.settled.nextEnd(after: at),
        ].compactMap(\.self).min(), at: at))
    let result = written ? "written" : "superseded"
    Counter(label: "sv0_evaluations_total", dimensions: [("result", result)]).increment()
    guard written else { return }
    for change in changes {
      let state = change.life.isHeld ? "held" : change.life.state.rawValue
      Counter(label: "sv0_finding_changes_total", dimensions: [("state", state)]).increment()
    }
    report(evaluation, changes, reading)
  }

  private func report(
    _ evaluation: Evaluation, _ changes: [FindingChange], _ reading: EvaluationReading
  ) {
    log.info(
      "evaluated",
      metadata: [
        "tenant": "\(reading.clock.tenant)", "graphVersion": "\(reading.clock.graphVersion)",
        "nodes": "\(reading.graph.nodes.count)", "judged": "\(evaluation.reworked)",
        "changes": "\(changes.count)",
      ])
    for problem in evaluation.problems {
      log.warning(
        "results that depend on it are unknown",
        metadata: ["tenant": "\(reading.clock.tenant)", "problem": "\(problem)"])
    }
    for (name, definers) in reading.graph.conflicts.sorted(by: { $0.key.precedes($1.key) }) {
      log.warning(
        "a name has two definers; it joins nothing until one of them is gone",
        metadata: ["name": "\(name)", "definers": "\(definers.joined(separator: ", "))"])
    }
  }

  /// What the evaluation was made from, for the record.
  private func inputs(_ reading: EvaluationReading, _ at: Timestamp) -> JSON {
    let graph = reading.graph
    let thresholds = settings.thresholds
    let collections = graph.collections.sorted { $0.key.precedes($1.key) }
    return [
      "at": .string(at.description), "graphVersion": .integer(graph.version),
      "staleAfterSeconds": .integer(settings.staleAfter.components.seconds),
      "dormantAfterSeconds": .integer(thresholds.dormantAfter.components.seconds),
      "secretAgeSeconds": .integer(thresholds.secretAge.components.seconds),
      "expiryWarningSeconds": .integer(thresholds.expiryWarning.components.seconds),
      "owners": .array(reading.owners.owners.map(\.json)),
      "classifier": .integer(Int64(DataClassifier.version)),
      "rules": .array(
        Rule.all.map { ["id": .string($0.id), "version": .integer(Int64($0.version))] }),
      "collections": .array(
        collections.map { key, status in
          [
            "scope": .string(key.scope), "collection": .string(key.collection),
            "outcome": .string(status.outcome.rawValue), "epoch": .integer(status.epoch),
          ]
        }),
    ]
  }
}
