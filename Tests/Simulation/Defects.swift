internal import Evaluation
internal import Loading
internal import Model
internal import Pipeline
internal import Scheduling

/// A mistake that is planted around the real workers, to see that an invariant catches it: what a
/// developer might get wrong, in as few words as possible.
public struct Defect: Sendable {
  public let name: String
  public let sentence: String
  /// The invariants of which at least one has to catch it.
  public let invariants: [Invariant]
  /// Before and after the body of a transaction, in the same one.
  fileprivate var before: @Sendable (String, inout DatabaseState) -> Void = { _, _ in }
  fileprivate var after: @Sendable (String, DatabaseState, inout DatabaseState) -> Void = {
    _, _, _ in
  }
  /// What it does with messages of a process before they are sent.
  fileprivate var sends: (@Sendable (LifeID, [OutgoingMessage]) -> [OutgoingMessage])?
  /// What it does with messages before they are handled.
  fileprivate var handles: (@Sendable (DatabaseState, Message) throws -> Message?)?
  fileprivate var commitsFirst = false
  fileprivate var writesStale = false
  var inFlight: Int?

  init(
    _ name: String, _ sentence: String, _ invariants: [Invariant],
    _ change: (inout Defect) -> Void
  ) {
    self.name = name
    self.sentence = sentence
    self.invariants = invariants
    change(&self)
  }

  func gate(_ context: ProcessContext, _ database: SimulatedDatabase) -> any TransactionGate {
    DefectGate(context: context, database: database, defect: self)
  }

  func producer(
    _ producer: any MessageProducer, _ context: ProcessContext
  ) -> any MessageProducer {
    sends.map { DefectProducer(base: producer, life: context.life, sends: $0) } ?? producer
  }

  func consumer(
    _ consumer: any MessageConsumer, _ context: ProcessContext
  ) -> any MessageConsumer {
    commitsFirst && context.life.process.hasPrefix("transformer")
      ? HastyConsumer(base: consumer) : consumer
  }

  func handler(_ handler: any BatchHandler, _ database: SimulatedDatabase) -> any BatchHandler {
    handles.map { DefectHandler(base: handler, database: database, handles: $0) } ?? handler
  }

  func evaluation(
    _ store: any EvaluationStore, _ database: SimulatedDatabase, _ context: ProcessContext
  ) -> any EvaluationStore {
    writesStale
      ? StaleEvaluationStore(base: store, database: database, gate: context) : store
  }
}

/// A gate whose transactions do more than they should.
private struct DefectGate: TransactionGate {
  let context: ProcessContext
  let database: SimulatedDatabase
  let defect: Defect

  func transaction<Value: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await context.transaction(what) {
      let before = database.state
      database.transaction(Checks.begins) { defect.before(what, &$0) }
      defer { database.transaction(Checks.ends + what) { defect.after(what, before, &$0) } }
      return try body()
    }
  }
}

private struct DefectProducer: MessageProducer {
  let base: any MessageProducer
  let life: LifeID
  let sends: @Sendable (LifeID, [OutgoingMessage]) -> [OutgoingMessage]

  func produce(_ messages: [OutgoingMessage]) async throws {
    try await base.produce(sends(life, messages))
  }
}

/// Commits what it was given before anybody has handled it.
private struct HastyConsumer: MessageConsumer {
  let base: any MessageConsumer

  func next() async throws -> ConsumerEvent? {
    let event = try await base.next()
    if case .messages(let messages)? = event, let last = messages.last {
      try? await base.commit([
        TopicPartition(topic: last.topic, partition: last.partition): last.offset + 1
      ])
    }
    return event
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws {
    try await base.assign(starts)
  }
  func unassign() async throws { try await base.unassign() }
  func commit(_ next: [TopicPartition: Int64]) async throws { try await base.commit(next) }
  func close(deadline: Duration) async { await base.close(deadline: deadline) }
}

private struct DefectHandler: BatchHandler {
  let base: any BatchHandler
  let database: SimulatedDatabase
  let handles: @Sendable (DatabaseState, Message) throws -> Message?

  var waitsForRoom: Bool { base.waitsForRoom }
  func starts(of partitions: [TopicPartition]) async throws -> [TopicPartition: StartOffset] {
    try await base.starts(of: partitions)
  }
  func revoked(_ partitions: [TopicPartition]) async { await base.revoked(partitions) }

  func handle(_ messages: [Message]) async throws {
    let state = database.state
    let changed = try messages.compactMap { try handles(state, $0) }
    if !changed.isEmpty { try await base.handle(changed) }
  }
}

/// Writes results whether or not somebody has evaluated since they were read.
private struct StaleEvaluationStore: EvaluationStore {
  let base: any EvaluationStore
  let database: SimulatedDatabase
  let gate: any TransactionGate

  func clocks() async throws -> [TenantClock] { try await base.clocks() }
  func read(_ tenant: String) async throws -> EvaluationReading? { try await base.read(tenant) }

  func write(_ result: EvaluationResult) async throws -> Bool {
    try await gate.transaction("evaluation.write") { [database] in
      database.transaction("evaluation.write") { state in
        var result = result
        let read = result.clock.graphVersion
        if let clock = state.tenants[result.clock.tenant] { result.clock = clock }
        result.clock.graphVersion = read
        return state.write(result)
      }
    }
  }
}

private struct Puzzled: Error {}

extension Defect {
  public static let all: [Defect] = inTheQueue + inTheLoader + inTheFlow + inTheEvaluator

  private static let inTheQueue: [Defect] = [
    Defect("no-overlap-policy", "A scope that is busy gets another run.", [.oneRun]) {
      $0.after = { what, before, state in
        guard what == "queue.admit" else { return }
        for (key, run) in state.runs.rows(where: { key, run in
          run.state == .skipped && before.runs[key] == nil
        }) {
          state.runs[key]?.stored.machine = RunMachine()
          _ = run
        }
      }
    },
    Defect("epoch-reused", "An epoch is given out twice.", [.epochs]) {
      $0.after = { what, before, state in
        guard what == "queue.admit" else { return }
        for (scope, epoch) in before.scopes.all where state.scopes[scope] != epoch {
          state.scopes[scope] = epoch
        }
      }
    },
    Defect("no-limit", "More runs are given out than there is room for.", [.inFlight]) {
      $0.inFlight = 1000
    },
    Defect("attempt-skipped", "An expired lease uses an attempt up.", [.attempts]) {
      $0.after = { what, before, state in
        guard what == "queue.change" else { return }
        for (key, run) in state.runs.rows(where: { $1.state == .queued })
        where before.runs[key]?.state == .dispatched || before.runs[key]?.state == .leased {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: .queued, attempt: machine.attempt + 1, failures: machine.failures,
            isHeard: machine.isHeard, leaseUntil: nil, records: machine.records,
            calls: machine.calls, reason: machine.reason)
        }
      }
    },
    Defect(
      "dispatch-apart", "A run is dispatched, and its message is forgotten.", [.dispatches]
    ) {
      $0.after = { what, before, state in
        guard what == "queue.dispatch" else { return }
        let known = Set(before.outbox.map(\.entry.id))
        state.outbox.removeAll { !known.contains($0.entry.id) }
      }
    },
    Defect("request-forgotten", "A request that comes again is a new scan.", [.requests]) {
      $0.handles = { state, message in
        guard message.topic == Topic.scanRequest,
          state.scans.contains(where: { $1.requestID == message.header("ce_id") })
        else { return message }
        var message = message
        message.headers = message.headers.map { header in
          header.name == "ce_id"
            ? MessageHeader("ce_id", "\(message.header("ce_id") ?? "")-\(message.offset)") : header
        }
        return message
      }
    },
    Defect("stale-progress", "What an older attempt says counts.", [.progress]) {
      $0.handles = { state, message in
        guard message.topic == Topic.scanProgress,
          var progress = try? Progress(reading: message.value),
          let run = state.runs.rows(where: { key, _ in key.run == progress.run }).first?.row
        else { return message }
        var message = message
        let told = progress.attempt
        progress.attempt = max(1, run.stored.machine.attempt)
        if progress.attempt != told { message.value = progress.json.bytes }
        return message
      }
    },
    Defect("no-lease", "A lease that ran out is not noticed.", [.settles]) {
      $0.after = { what, _, state in
        guard what == "queue.dispatch" || what == "queue.change" else { return }
        for (key, run) in state.runs.rows(where: { $1.stored.machine.leaseUntil != nil }) {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: machine.state, attempt: machine.attempt, failures: machine.failures,
            isHeard: machine.isHeard, leaseUntil: nil, records: machine.records,
            calls: machine.calls, reason: machine.reason)
        }
      }
    },
    Defect("deleted-early", "A promised message is deleted before it is sent.", [.outbox]) {
      $0.after = { what, _, state in
        if what == "queue.outbox" { state.outbox = [] }
      }
    },
    Defect("published-early", "A run counts as published before it is sent.", [.statuses]) {
      $0.after = { what, _, state in
        guard what == "queue.unpublishedRuns" else { return }
        for (key, run) in state.runs.all { state.runs[key]?.publishedVersion = run.version }
      }
    },
  ]

  private static let inTheLoader: [Defect] = [
    Defect(
      "position-apart", "The position moves in a transaction of its own, which is lost.",
      [.positions, .stagedOnce]
    ) {
      $0.after = { what, before, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in before.stagedPositions.all where row.next % 7 == 0 {
          state.stagedPositions[partition] = row
        }
      }
    },
    Defect("staged-again", "Messages below the position are staged again.", [.stagedOnce, .positions]) {
      $0.before = { what, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in state.stagedPositions.all {
          state.stagedPositions[partition]?.next = max(0, row.next - 3)
        }
      }
    },
    Defect("low-forgotten", "The durable position runs ahead of open attempts.", [.positions]) {
      $0.after = { what, _, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in state.stagedPositions.all {
          state.positions[partition]?.low = row.next
        }
      }
    },
    Defect(
      "absence-on-partial", "What a listing that broke off does not name is closed.",
      [.doubt, .graph]
    ) {
      $0.before = { what, state in
        guard what == "loading.apply" else { return }
        for (key, staged) in state.staged.all {
          state.staged[key]?.ends = staged.ends.map { ended in
            var ended = ended
            if ended.outcome == .partial, ended.collection == SimulatedCollection.role.rawValue {
              ended.outcome = .complete
              ended.records = Int64(staged.records.count { $0.collection == ended.collection })
            }
            return ended
          }
        }
      }
    },
    Defect("absence-on-taint", "An object that cannot be read is taken for gone.", [.doubt]) {
      $0.before = { what, state in
        guard what == "loading.apply" else { return }
        for (key, staged) in state.staged.all {
          let readable = staged.records.filter { !$0.isTainted }
          guard readable.count < staged.records.count else { continue }
          state.staged[key]?.records = readable
          state.staged[key]?.ends = staged.ends.map { ended in
            var ended = ended
            ended.records = Int64(
              Set(readable.filter { $0.collection == ended.collection }.map(\.sequence)).count)
            return ended
          }
        }
      }
    },
    Defect("no-suspects", "However much is gone at once, it is closed.", [.doubt]) {
      $0.after = { what, _, state in
        guard what == "loading.apply" else { return }
        for (scope, rows) in state.assertions.all {
          guard let edition = rows.open.all.first?.row.opened else { continue }
          _ = state.assertions[scope]?.close(as: edition) { $0.suspectSince != nil }
        }
      }
    },
    Defect("retirement-ignored", "A late attempt brings a retired scope back.", [.graph, .retired]) {
      $0.before = { what, state in
        if what == "loading.apply" { state.retirements = [] }
      }
      $0.after = { what, before, state in
        if what == "loading.apply" { state.retirements = before.retirements }
      }
    },
    Defect("token-on-partial", "The token moves though not everything was read.", [.tokens]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (key, row) in state.collections.all
        where row != before.collections[key] && row.outcome == .partial {
          state.collections[key]?.token = "t0"
        }
      }
    },
    Defect("version-unseen", "A change is not told to the evaluator.", [.versions, .settles]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (tenant, clock) in state.tenants.all where clock != before.tenants[tenant] {
          state.tenants[tenant]?.firstChangedAt = nil
        }
      }
    },
    Defect("applied-again", "An applied run takes a second attempt.", [.appliedOnce, .attempts]) {
      $0.before = { what, state in
        guard what == "loading.fail" || what == "loading.apply" else { return }
        for (key, run) in state.runs.rows(where: { $1.state == .evaluated }) {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: .extracted, attempt: machine.attempt, failures: machine.failures,
            isHeard: true, leaseUntil: nil, records: machine.records, calls: machine.calls,
            reason: nil)
        }
      }
    },
    Defect("history-pruned", "What is closed is deleted.", [.history]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (scope, rows) in before.assertions.all where !rows.closed.isEmpty {
          var fresh = ScopeAssertions()
          for (_, row) in state.assertions[scope]?.open.all ?? [] { _ = fresh.insert(row) }
          state.assertions[scope] = fresh
        }
      }
    },
  ]

  private static let inTheFlow: [Defect] = [
    Defect("commit-first", "Offsets are committed before the work is done.", [.outputFirst]) {
      $0.commitsFirst = true
    },
    Defect("letters-dropped", "What cannot be read is dropped in silence.", [.deadLetters]) {
      $0.sends = { _, messages in messages.filter { $0.topic != Topic.deadLetter } }
    },
    Defect("out-of-order", "Records of one batch are sent in no order.", [.rawOrder]) {
      $0.sends = { life, messages in
        life.process.hasPrefix("extractor") ? messages.reversed() : messages
      }
    },
    Defect("worker-dies", "A message that nobody understands ends its worker.", [.works]) {
      $0.handles = { _, message in
        if message.topic == Topic.graph, message.offset == 20 { throw Puzzled() }
        return message
      }
    },
  ]

  private static let inTheEvaluator: [Defect] = [
    Defect(
      "superseded-written", "A result is written though another was in between.",
      [.versions, .evaluated, .history, .findings, .works]
    ) { $0.writesStale = true },
    Defect("not-due", "A failed run is no reason to evaluate.", [.evaluated, .settles]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" || what == "queue.change" else { return }
        for (tenant, clock) in state.tenants.all where clock != before.tenants[tenant] {
          state.tenants[tenant]?.evaluatedVersion = clock.graphVersion
          for (key, run) in state.runs.rows(where: { key, run in
            key.tenant == tenant && run.state == .applied
          }) {
            _ = run
            state.runs[key]?.end(.evaluated, because: nil, at: Simulator.start)
          }
        }
      }
    },
    Defect("old-version-last", "An old version of a finding is sent after a new one.", [.findings])
    {
      $0.after = { what, before, state in
        guard what == "evaluation.write" else { return }
        for (id, change) in state.findings.all {
          guard let old = before.findings[id], old.life.version < change.life.version else {
            continue
          }
          state.promise(
            OutgoingMessage(
              topic: Topic.findings, key: Array(id.uid.utf8), value: old.event.bytes,
              headers: [MessageHeader("ce_id", "\(id.uid).\(old.life.version)")]),
            of: id.tenant, at: Simulator.start)
        }
      }
    },
  ]
}
