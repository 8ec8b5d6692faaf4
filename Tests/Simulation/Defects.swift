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
  var before: @Sendable (String, inout DatabaseState) -> Void = { _, _ in }
  var after: @Sendable (String, DatabaseState, inout DatabaseState) -> Void = {
    _, _, _ in
  }
  /// What it does with messages of a process before they are sent.
  var sends: (@Sendable (LifeID, [OutgoingMessage]) -> [OutgoingMessage])?
  /// What it does with messages before they are handled.
  var handles: (@Sendable (DatabaseState, Message) throws -> Message?)?
  var commitsFirst = false
  var writesStale = false
  var stagesAll = false
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
  func record(
    _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
  ) async throws -> Int { try await base.record(order, of: tenant, by: person, at: now) }

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
