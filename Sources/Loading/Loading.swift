/// The loader: graph messages become rows, one transaction per attempt.
///
/// Invariants:
/// 1. A message is staged at most once: the position moves in the transaction that stages it, and
///    messages below the position are skipped.
/// 2. A position is moved only by the owner whose generation it carries; a loader that lost a
///    partition writes nothing of it, drops what it remembers, and leaves the group with
///    `PartitionLost`: it claims again only what is assigned to it then.
/// 3. Nothing is staged unless the message that the position was left at is still there, or the
///    topic has forgotten it (`Position`).
/// 4. An attempt is applied once, whole, and only while it is the current attempt of its run.
/// 5. A collection is applied only from a newer epoch than the one it was last applied from, and
///    than the one in which it or its scope was retired (`Retirement`).
/// 6. Absence closes a row only in a `full` collection that ended `complete`, of which every record
///    was counted, and whose record was not tainted (`Removal`), or when a person confirms it
///    (`SuspectRemovals`). A `delta` closes only what its records name as removed, and only onto
///    the token that it began from.
/// 7. Of an attempt, one execution counts: the one whose first `scan.started` came last. That drops
///    what was staged of the others, and what they say from then on is ignored. What an execution
///    says twice, late or not, is staged twice and counted once.
/// 8. What cannot be read becomes a dead letter; the partition moves on.
/// 9. What is staged is bounded (`LoadingLimits`), and dropped once nobody can end it (`sweep`).
/// 10. A replayed record of a finished attempt adds to what that attempt left, and never removes;
///    if anything else was applied since, it is superseded (`Replay`).
///
/// ```
/// message ──► Triage ──► Staging (COPY + position) ──► scan.ended ──► Apply (diff, history)
///                │                                                      │
///                ├──► dead letter                                       ├──► snapshot (wake-up)
///                └──► replayed, of a finished attempt ──► Upsert ───────┘
/// ```
public import Logging
internal import Metrics
public import Model
public import Pipeline
public import PostgresClient

public struct Loader: BatchHandler {
  let store: any LoadingStore
  let producer: any MessageProducer
  let deadLetters: DeadLetters
  let limits: LoadingLimits
  let kept: (@Sendable (TopicPartition) async throws -> Range<Int64>)?
  let log: Logger
  let now: @Sendable () -> Timestamp
  /// The generation under which each partition is owned, and what is known of its attempts.
  let partitions = Partitions()
  let aging = Aging()

  /// - Parameter kept: asks for the offsets that the topic keeps of a partition, from the first
  ///   message to behind the last. Without it, a position beyond the end is left to the broker to
  ///   refuse, and one whose mark the topic has forgotten cannot be read from.
  public init(
    pool: PostgresPool, producer: any MessageProducer, deadLetters: DeadLetters,
    limits: LoadingLimits = LoadingLimits(),
    kept: (@Sendable (TopicPartition) async throws -> Range<Int64>)? = nil, log: Logger,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresLoadingStore(pool: pool), producer: producer, deadLetters: deadLetters,
      limits: limits, kept: kept, log: log, now: now)
  }

  package init(
    store: any LoadingStore, producer: any MessageProducer, deadLetters: DeadLetters,
    limits: LoadingLimits, kept: (@Sendable (TopicPartition) async throws -> Range<Int64>)?,
    log: Logger, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.producer = producer
    self.deadLetters = deadLetters
    self.limits = limits
    self.kept = kept
    self.log = log
    self.now = now
  }

  /// - Throws: `LoadingError.recreated` or `.gone` where reading on would be wrong.
  public func starts(
    of partitions: [TopicPartition]
  ) async throws -> [TopicPartition: StartOffset] {
    var starts: [TopicPartition: StartOffset] = [:]
    for partition in partitions {
      let position = try await store.claim(partition)
      starts[partition] = try position.start(of: partition, keeping: await kept?(partition))
      self.partitions.own(partition, position)
    }
    return starts
  }

  public func revoked(_ partitions: [TopicPartition]) async {
    for partition in partitions { self.partitions.disown(partition) }
  }

  /// Stages the messages in order, and applies every attempt that ends among them.
  ///
  /// - Throws: as the protocol says; `LoadingError.recreated`, which a person has to look at.
  public func handle(_ messages: [Message]) async throws {
    guard let first = messages.first else { return }
    let partition = TopicPartition(topic: first.topic, partition: first.partition)
    do {
      let wanted = try partitions.wanted(of: messages, partition)
      try await work(through: wanted, of: partition)
    } catch let error as LoadingError {
      guard let lost = error.lostPartition else { throw error }
      log.warning("partition lost", metadata: ["error": "\(error)"])
      // The group is left, so nothing is owned until it has assigned partitions again.
      partitions.disownAll()
      throw PartitionLost(lost)
    }
  }

  /// Everything here may be done twice: what was committed is skipped.
  private func work(through messages: [Message], of partition: TopicPartition) async throws {
    let claim = try partitions.claim(of: partition)
    var batch = StagingBatch()
    var previous: Message?
    for message in messages {
      switch try await triage(message, of: partition) {
      case .begin(let attempt, let execution):
        let known = executions(of: attempt, batch, partition)
        if known.contains(execution) {
          ignore("repeated")
        } else {
          batch.begin(attempt, knowing: known + [execution], message)
        }
      case .stage(let staged, let execution):
        let known = executions(of: staged.attempt, batch, partition)
        // Without its beginning, it is the first that is known.
        if known.last ?? execution == execution {
          batch.add(staged, knowing: known.isEmpty ? [execution] : known, message)
        } else {
          ignore("other-execution")
        }
      case .upsert(let replayed): try await upsert(replayed, under: claim)
      case .ignore(let why): ignore(why)
      case .refuse(let bad):
        try await deadLetters.add(message, because: bad)
        log.warning(
          "dead letter",
          metadata: [
            "reason": "\(bad)", "position": "\(partition)@\(message.offset)",
          ])
      case .end(let attempt, let execution):
        guard executions(of: attempt, batch, partition).last ?? execution == execution else {
          ignore("other-execution")
          break
        }
        try await stage(batch, upTo: message.offset, previous.map(Mark.init), under: claim)
        batch = StagingBatch()
        try await apply(attempt, endedBy: Mark(message), under: claim)
      }
      previous = message
    }
    if let last = messages.last {
      try await stage(batch, upTo: last.offset + 1, Mark(last), under: claim)
    }
  }

  /// What is known when the batch is staged: the last one counts.
  private func executions(
    of attempt: Attempt, _ batch: StagingBatch, _ partition: TopicPartition
  ) -> [String] {
    batch.executions[attempt] ?? partitions.executions(of: attempt, partition)
  }

  private func ignore(_ why: String) {
    Counter(label: "sv0_loader_ignored_total", dimensions: [("reason", why)]).increment()
  }

  private func apply(
    _ attempt: Attempt, endedBy end: Mark, under claim: Claim
  ) async throws {
    let ending = Ending(attempt, under: claim, end: end, at: now())
    let applied: Applied?
    do {
      applied = try await store.apply(ending)
    } catch let error as RefusedData {
      // The data, not the database, is at fault: trying again cannot help, and neither may one
      // attempt stop the partition.
      log.error("attempt failed", metadata: attempt.metadata.merging(["error": "\(error)"]) { $1 })
      try await store.fail(ending, because: "the database refused its data: \(error)")
      applied = nil
    }
    partitions.forget(attempt, of: claim.partition)
    guard let applied else { return }
    log.info("applied", metadata: attempt.metadata.merging(applied.metadata) { $1 })
    applied.count()
    try await wake(attempt, epoch: applied.epoch, graphVersion: applied.graphVersion)
  }

  /// Tells that the tenant has a new version of the graph.
  func wake(_ attempt: Attempt, epoch: Int64, graphVersion: Int64) async throws {
    let snapshot = Snapshot(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      epoch: epoch, graphVersion: graphVersion)
    try await producer.produce(
      OutgoingMessage(
        topic: Topic.snapshot, key: Array(attempt.scope.tenant.utf8), value: snapshot.json.bytes))
  }
}

/// One execution of a run, as its messages name it.
package struct Attempt: Hashable, Sendable {
  package var scope: Scope
  package var run: String
  package var number: Int

  package init(scope: Scope, run: String, number: Int) {
    self.scope = scope
    self.run = run
    self.number = number
  }

  var metadata: Logger.Metadata {
    ["scope": "\(scope)", "run": "\(run)", "attempt": "\(number)"]
  }
}
