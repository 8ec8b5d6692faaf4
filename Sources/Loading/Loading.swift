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
///    (`SuspectRemovals`).
/// 7. A repeated `scan.started` drops what was staged of the attempt: its records come again.
/// 8. What cannot be read becomes a dead letter; the partition moves on.
/// 9. What is staged is bounded (`LoadingLimits`), and dropped once nobody can end it (`sweep`).
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
  let limits: LoadingLimits
  let kept: (@Sendable (TopicPartition) async throws -> Range<Int64>)?
  let log: Logger
  let now: @Sendable () -> Timestamp
  /// The generation under which each partition is owned, and what is known of its attempts.
  let partitions = Partitions()

  /// - Parameter kept: asks for the offsets that the topic keeps of a partition, from the first
  ///   message to behind the last. Without it, a position beyond the end is left to the broker to
  ///   refuse, and one whose mark the topic has forgotten cannot be read from.
  public init(
    pool: PostgresPool, producer: any MessageProducer, deadLetters: DeadLetters,
    limits: LoadingLimits = LoadingLimits(),
    kept: (@Sendable (TopicPartition) async throws -> Range<Int64>)? = nil, log: Logger,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.pool = pool
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
      let position = try await interruptible {
        try await pool.withTransaction(.staging) {
          try await Position.claim(partition, in: $0)
        }
      }
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
      try await interruptible { try await work(through: wanted, of: partition) }
    } catch let error as LoadingError {
      guard let lost = error.lostPartition else { throw error }
      log.warning("partition lost", metadata: ["error": "\(error)"])
      // The group is left, so nothing is owned until it has assigned partitions again.
      partitions.disownAll()
      throw PartitionLost(lost)
    }
  }

  /// Everything here may be done twice: what was committed is skipped.
  private func interruptible<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as PostgresError where error.kind == .commitOutcomeUnknown {
      throw LoadingError.interrupted("\(error)")
    }
  }

  private func work(through messages: [Message], of partition: TopicPartition) async throws {
    let generation = try partitions.generation(of: partition)
    var batch = StagingBatch()
    var previous: Message?
    for message in messages {
      switch try await triage(message, of: partition) {
      case .stage(let staged): batch.add(staged, message)
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
        try await stage(
          batch, upTo: message.offset, previous.map(Mark.init), of: partition, generation)
        batch = StagingBatch()
        try await apply(attempt, endedBy: Mark(message), of: partition, generation)
      }
      previous = message
    }
    if let last = messages.last {
      try await stage(batch, upTo: last.offset + 1, Mark(last), of: partition, generation)
    }
  }

  private func apply(
    _ attempt: Attempt, endedBy end: Mark, of partition: TopicPartition, _ generation: Int64
  ) async throws {
    let application = Application(
      pool: pool, attempt: attempt, partition: partition, generation: generation,
      end: end, at: now())
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
  /// The database server has crashed since the partition was claimed, and emptied staging.
  case stagingLost(TopicPartition)
  /// At the offset is not the message that was read there, or none.
  case recreated(TopicPartition, offset: Int64)
  /// Messages that were never staged are kept no longer.
  case gone(TopicPartition, Range<Int64>)
  /// It is not known whether the database has taken the work.
  case interrupted(String)

  public var isRetriable: Bool {
    if case .interrupted = self { true } else { false }
  }

  /// The partition that may be read on by whoever the group assigns it to next.
  var lostPartition: TopicPartition? {
    switch self {
    case .fenced(let partition), .stagingLost(let partition): partition
    case .recreated, .gone, .interrupted: nil
    }
  }

  public var description: String {
    switch self {
    case .fenced(let partition):
      "Another loader has taken over \(partition). This one writes nothing of it unless it is "
        + "assigned the partition again."
    case .stagingLost(let partition):
      "The database server has crashed and emptied what was staged of \(partition). It has to be "
        + "assigned again: then it is read from the oldest attempt that was under way."
    case .recreated(let partition, let offset):
      "\(partition) is not the partition that was read before: at offset \(offset) there is another "
        + "message, or none. The topic was deleted and made again, or restored from a backup. "
        + "Nothing of it was loaded. If that was on purpose, stop the loaders, run "
        + "\(Self.forgetting(partition)) as the database's owner, start them, and scan again."
    case .gone(let partition, let offsets):
      "\(partition) no longer keeps the offsets \(offsets.lowerBound) to \(offsets.upperBound - 1), "
        + "which were not loaded yet: the loader was down for longer than the topic's retention. "
        + "The graph keeps what it has. Run \(Self.forgetting(partition)) as the database's owner, "
        + "start the loaders, and scan again what was under way."
    case .interrupted(let why): "\(why) The same messages are handled again."
    }
  }

  private static func forgetting(_ partition: TopicPartition) -> String {
    "SELECT sv0.forget_positions('\(partition.topic)')"
  }
}

extension PostgresError {
  /// Data exceptions, integrity violations and exceeded limits of a value.
  /// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html, classes 22, 23, 54.
  var isAboutData: Bool { ["22", "23", "54"].contains(sqlState?.errorClass) }
}
