public import Logging
internal import Metrics
internal import Model
public import ServiceLifecycle

/// Feeds a consumer's messages to a handler, and commits what the handler has finished.
///
/// Invariants:
/// 1. An offset is committed only after `handle` returned for every message below it, or its dead
///    letter was acknowledged.
/// 2. A retriable failure repeats the same messages; nothing later of the partition is handled first.
/// 3. After `revoked` was answered, nothing of those partitions is handled or committed.
/// 4. On graceful shutdown the messages in hand are finished and committed, then the group is left.
/// 5. A handler that lost a partition writes nothing more for it; the loop leaves the group, joins it
///    again and starts only from a new assignment.
///    If the group has given the member's place to another process of the same name, that one is left
///    alone: the loop ends with what the group says.
/// 6. It never waits for one answer of the group only: an assignment that was taken back while its
///    answer was prepared is followed by the event that says so. One that failed otherwise is
///    answered again when nothing else happens.
/// 7. An error that is neither retriable nor a `BadMessage` is our bug: it ends the loop with
///    nothing committed, because dead-lettering a whole topic for it would be worse.
/// 8. A commit that failed for now is made again when nothing else happens, so that the group's
///    offsets, and the lag that people watch, come to say what was handled.
public struct ConsumerLoop: Service {
  private let name: String
  private let handler: any BatchHandler
  private let deadLetters: DeadLetters
  private let persistence: Persistence
  private let health: Health
  private let log: Logger
  private let drainDeadline: Duration
  private let sleep: Sleep
  private let join: @Sendable () throws -> any MessageConsumer

  /// - Parameter join: makes a member of the consumer group; called again when it must be left.
  public init(
    name: String, handler: any BatchHandler, deadLetters: DeadLetters, health: Health,
    log: Logger, drainDeadline: Duration = .seconds(20),
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) },
    join: @escaping @Sendable () throws -> any MessageConsumer
  ) {
    self.name = name
    self.join = join
    self.handler = handler
    self.deadLetters = deadLetters
    self.health = health
    self.log = log
    self.drainDeadline = drainDeadline
    self.sleep = sleep
    persistence = Persistence(name: name, health: health, log: log, sleep: sleep)
  }

  public func run() async throws {
    defer { health.ended(name) }
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      health.turned(name, obstacle: "waiting for partitions")
      do {
        return try await membership(try join())
      } catch let lost as PartitionLost {
        log.warning("joining again", metadata: ["loop": "\(name)", "error": "\(lost)"])
      }
    }
  }

  /// Consumes as one member of the group, and leaves it whatever happens.
  private func membership(_ consumer: any MessageConsumer) async throws {
    let result: Result<Void, any Error>
    do {
      try await consume(consumer)
      result = .success(())
    } catch is CancellationError {
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await consumer.close(deadline: drainDeadline)
    try result.get()
  }

  private func consume(_ consumer: any MessageConsumer) async throws {
    var unanswered: [TopicPartition]?
    var uncommitted: [TopicPartition: Int64] = [:]
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      switch try await persistence.run({ try await nextEvent(consumer) }) {
      case .closed: return
      case .idle:
        health.turned(name)
        if let partitions = unanswered {
          unanswered = try await assign(partitions, consumer, &uncommitted) ? nil : partitions
        }
        try await commit(&uncommitted, consumer)
      case .event(.assigned(let partitions)):
        // Without word of a revocation, too, others may have read on meanwhile.
        uncommitted = [:]
        unanswered = try await assign(partitions, consumer, &uncommitted) ? nil : partitions
      case .event(.revoked(let partitions, let lost)):
        unanswered = nil
        uncommitted = [:]
        await handler.revoked(partitions)
        try await persistence.run { try await consumer.unassign() }
        log.info(
          "revoked",
          metadata: ["loop": "\(name)", "partitions": "\(partitions)", "lost": "\(lost)"])
        health.turned(name, obstacle: "waiting for partitions")
      case .event(.messages(let messages)):
        try await process(messages, consumer)
        guard let last = messages.last else { continue }
        uncommitted[last.place] = last.offset + 1
        try await commit(&uncommitted, consumer)
      }
    }
    if !Task.isCancelled { try await commit(&uncommitted, consumer) }
  }

  /// Answers `assigned`; returns whether the group took the answer.
  ///
  /// - Parameter uncommitted: what is below an offset that the handler begins at was handled before,
  ///   though perhaps not committed.
  private func assign(
    _ partitions: [TopicPartition], _ consumer: any MessageConsumer,
    _ uncommitted: inout [TopicPartition: Int64]
  ) async throws -> Bool {
    let starts = try await persistence.run { try await handler.starts(of: partitions) }
    do {
      try await consumer.assign(starts)
    } catch let error where isRetriable(error) {
      log.notice("cannot begin yet", metadata: ["loop": "\(name)", "error": "\(error)"])
      return false
    }
    for case (let partition, .offset(let offset)) in starts { uncommitted[partition] = offset }
    log.info("assigned", metadata: ["loop": "\(name)", "partitions": "\(partitions)"])
    health.turned(name, obstacle: nil)
    return true
  }

  private func process(_ messages: [Message], _ consumer: any MessageConsumer) async throws {
    if handler.waitsForRoom { health.waits(name) }
    do {
      do {
        try await persistence.run { try await handler.handle(messages) }
      } catch is BadMessage {
        try await processSingly(messages)
      }
    } catch let lost as PartitionLost {
      try await confirmMembership(messages, consumer)
      throw lost
    }
    Counter(label: "sv0_messages_total", dimensions: [("loop", name)])
      .increment(by: messages.count)
    health.turned(name, obstacle: nil)
  }

  /// Asks the group whether this member still has its place: joining again would put a healthy
  /// successor of the same name out.
  ///
  /// - Throws: what the group says, unless that passes.
  private func confirmMembership(
    _ messages: [Message], _ consumer: any MessageConsumer
  ) async throws {
    guard let first = messages.first else { return }
    // Only members may commit. What is below was handled, so nothing is changed by it.
    var below = [first.place: first.offset]
    try await commit(&below, consumer)
  }

  /// Commits, unless it fails for now: then what is to be committed is kept.
  private func commit(
    _ next: inout [TopicPartition: Int64], _ consumer: any MessageConsumer
  ) async throws {
    guard !next.isEmpty else { return }
    do {
      try await consumer.commit(next)
      next = [:]
    } catch let error where isRetriable(error) {
      log.notice("cannot commit yet", metadata: ["loop": "\(name)", "error": "\(error)"])
    }
  }

  private func processSingly(_ messages: [Message]) async throws {
    for message in messages {
      do {
        try await persistence.run { try await handler.handle([message]) }
      } catch let bad as BadMessage {
        try await persistence.run { try await deadLetters.add(message, because: bad) }
        Counter(
          label: "sv0_dead_letters_total", dimensions: [("loop", name), ("class", bad.errorClass)]
        ).increment()
        log.warning(
          "dead letter",
          metadata: [
            "loop": "\(name)", "reason": "\(bad)",
            "position": "\(message.topic)[\(message.partition)]@\(message.offset)",
          ])
      }
    }
  }

  private enum Turn: Sendable {
    case event(ConsumerEvent)
    case idle, closed
  }

  /// The next event, or `idle` when the process drains, and after a few seconds so that the loop is
  /// seen to turn.
  ///
  /// All tasks are awaited: an event that arrives while another one wins is not lost.
  private func nextEvent(_ consumer: any MessageConsumer) async throws -> Turn {
    try await withThrowingTaskGroup(of: Turn.self) { group in
      group.addTask {
        do {
          return try await consumer.next().map { .event($0) } ?? .closed
        } catch is CancellationError {
          return .idle
        }
      }
      group.addTask {
        try? await sleep(.seconds(5))
        return .idle
      }
      group.addTask {
        await untilDraining()
        return .idle
      }
      var turn = Turn.idle
      for try await finished in group {
        group.cancelAll()
        if case .idle = finished { continue }
        turn = finished
      }
      return turn
    }
  }
}

extension Message {
  fileprivate var place: TopicPartition { TopicPartition(topic: topic, partition: partition) }
}
