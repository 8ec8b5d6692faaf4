/// The loader: graph messages become rows, one transaction per attempt.
///
/// Invariants:
/// 1. A message is staged at most once: the position moves in the transaction that stages it, and
///    messages below the position are skipped.
/// 2. A position is moved only by the owner whose generation it carries; a loader that lost its
///    partition writes nothing and ends.
/// 3. An attempt is applied once, whole, and only while it is the current attempt of its run.
/// 4. A collection is applied only from a newer epoch than the one it was last applied from.
/// 5. Absence closes a row only in a `full` collection that ended `complete`, of which every record
///    was counted, and whose record was not tainted (`Removal`).
/// 6. A repeated `scan.started` drops what was staged of the attempt: its records come again.
/// 7. What cannot be read becomes a dead letter; the partition moves on.
///
/// ```
/// message ──► Triage ──► Staging (COPY + position) ──► scan.ended ──► Apply (diff, history)
///                │                                                      │
///                └──► dead letter                                       └──► snapshot (wake-up)
/// ```
public import Logging
internal import Metrics
public import Model
public import Pipeline
public import PostgresClient

public struct Loader: BatchHandler {
  let pool: PostgresPool
  let producer: any MessageProducer
  let deadLetters: DeadLetters
  let log: Logger
  let now: @Sendable () -> Timestamp
  /// The generation under which each partition is owned, and what is known of its attempts.
  let partitions = Partitions()

  public init(
    pool: PostgresPool, producer: any MessageProducer, deadLetters: DeadLetters, log: Logger,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.pool = pool
    self.producer = producer
    self.deadLetters = deadLetters
    self.log = log
    self.now = now
  }

  public func starts(
    of partitions: [TopicPartition]
  ) async throws -> [TopicPartition: StartOffset] {
    var starts: [TopicPartition: StartOffset] = [:]
    for partition in partitions {
      let claim = try await Position.claim(partition, in: pool)
      self.partitions.own(partition, generation: claim.generation)
      starts[partition] = claim.start
    }
    return starts
  }

  public func revoked(_ partitions: [TopicPartition]) async {
    for partition in partitions { self.partitions.disown(partition) }
  }

  /// Stages the messages in order, and applies every attempt that ends among them.
  public func handle(_ messages: [Message]) async throws {
    do {
      try await work(through: messages)
    } catch let error as PostgresError where error.kind == .commitOutcomeUnknown {
      // Everything here may be done twice: what was committed is skipped.
      throw LoadingError.interrupted("\(error)")
    }
  }

  private func work(through messages: [Message]) async throws {
    guard let first = messages.first else { return }
    let partition = TopicPartition(topic: first.topic, partition: first.partition)
    let generation = try partitions.generation(of: partition)
    var batch = StagingBatch()
    for message in messages {
      switch try await triage(message, of: partition) {
      case .stage(let staged): batch.add(staged)
      case .ignore(let why):
        Counter(label: "sv0_loader_ignored_total", dimensions: [("reason", why)]).increment()
      case .refuse(let bad):
        try await deadLetters.add(message, because: bad)
        log.warning(
          "dead letter",
          metadata: [
            "reason": "\(bad)", "position": "\(partition)@\(message.offset)",
          ])
      case .end(let attempt):
        try await stage(batch, upTo: message.offset, of: partition, generation)
        batch = StagingBatch()
        try await apply(attempt, endedAt: message.offset, of: partition, generation)
      }
    }
    if let last = messages.last {
      try await stage(batch, upTo: last.offset + 1, of: partition, generation)
    }
  }

  private func apply(
    _ attempt: Attempt, endedAt offset: Int64, of partition: TopicPartition, _ generation: Int64
  ) async throws {
    let application = Application(
      pool: pool, attempt: attempt, partition: partition, generation: generation,
      nextOffset: offset + 1, at: now())
    let applied: Applied?
    do {
      applied = try await application.run()
    } catch let error as PostgresError where error.isAboutData {
      // The data, not the database, is at fault: trying again cannot help, and neither may one
      // attempt stop the partition.
      log.error("attempt failed", metadata: attempt.metadata.merging(["error": "\(error)"]) { $1 })
      try await application.fail(because: "the database refused its data: \(error)")
      applied = nil
    }
    partitions.forget(attempt, of: partition)
    guard let applied else { return }
    log.info("applied", metadata: attempt.metadata.merging(applied.metadata) { $1 })
    applied.count()
    let snapshot = Snapshot(
      tenant: attempt.scope.tenant, scope: attempt.scope.description, run: attempt.run,
      epoch: applied.epoch, graphVersion: applied.graphVersion)
    try await producer.produce(
      OutgoingMessage(
        topic: Topic.snapshot, key: Array(attempt.scope.tenant.utf8), value: snapshot.json.bytes))
  }
}

/// One execution of a run, as its messages name it.
struct Attempt: Hashable, Sendable {
  var scope: Scope
  var run: String
  var number: Int

  var metadata: Logger.Metadata {
    ["scope": "\(scope)", "run": "\(run)", "attempt": "\(number)"]
  }
}

public enum LoadingError: ClassifiedError, CustomStringConvertible {
  /// Somebody else has claimed the partition since.
  case fenced(TopicPartition)
  /// It is not known whether the database has taken the work.
  case interrupted(String)

  public var isRetriable: Bool {
    if case .interrupted = self { true } else { false }
  }

  public var description: String {
    switch self {
    case .fenced(let partition):
      "Another loader has taken over \(partition). This one writes nothing more and ends; its "
        + "supervisor starts it again."
    case .interrupted(let why): "\(why) The same messages are handled again."
    }
  }
}

extension PostgresError {
  /// Data exceptions, integrity violations and exceeded limits of a value.
  /// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html, classes 22, 23, 54.
  var isAboutData: Bool { ["22", "23", "54"].contains(sqlState?.errorClass) }
}
