internal import CKafka
internal import Model

/// The consumer's thread: performs commands, reads both queues, sleeps until there is more.
///
/// 1. Messages are passed on only of partitions in `reading`; it is empty from a revocation until
///    the next `assign`.
/// 2. The event queue is read in every turn, so the group never waits for a busy caller.
/// 3. librdkafka is told to pause only where the offset to resume at is known: in 2.0.2 its own
///    memory of it can be ahead of what was delivered.
struct ConsumerLoop {
  private struct Reading {
    /// The offset after the last message read; `nil` until one was, since `assign` or `seek`.
    var next: Int64?
    var pause = Pause.none
  }

  private enum Pause {
    case none
    /// To be paused at the first message that arrives.
    case requested
    case paused(resumeAt: Int64)
  }

  /// What the group waits for.
  private enum Answer {
    case none, assign, unassign
  }

  private struct PendingSeek {
    let partition: TopicPartition
    let offset: Int64
    let answer: OneShot<Void>
    let deadline: ContinuousClock.Instant
  }

  let session: ConsumerSession
  let configuration: KafkaConfiguration
  let options: KafkaConsumer.Options
  let inbox: ConsumerInbox
  let mailbox: ConsumerMailbox
  let wakeUp: WakeUp

  /// What the group gave this member.
  private var assigned: Set<TopicPartition> = []
  private var answerOwed = Answer.none
  /// What librdkafka was told to fetch.
  private var fetching: Set<TopicPartition> = []
  /// What is passed on.
  private var reading: [TopicPartition: Reading] = [:]
  private var seeks: [PendingSeek] = []
  private var commits: [Int: OneShot<Void>] = [:]
  private var fetches: [Int: OneShot<[TopicPartition: Int64]>] = [:]
  private var lastNumber = 0
  private var closeDeadline: ContinuousClock.Instant?

  init(
    session: ConsumerSession, configuration: KafkaConfiguration, options: KafkaConsumer.Options,
    inbox: ConsumerInbox, mailbox: ConsumerMailbox, wakeUp: WakeUp
  ) {
    self.session = session
    self.configuration = configuration
    self.options = options
    self.inbox = inbox
    self.mailbox = mailbox
    self.wakeUp = wakeUp
  }

  mutating func run() {
    while true {
      for command in mailbox.receive() { perform(command) }
      if let closeDeadline { return shutDown(by: closeDeadline) }
      retrySeeks()
      let readEvents = read(session.events, atMost: 100)
      let readMessages = reading.isEmpty ? 0 : read(session.messages, atMost: 500)
      if readEvents == 0, readMessages == 0 {
        wakeUp.wait(milliseconds: seeks.isEmpty ? 500 : 10)
      }
    }
  }

  /// - Returns: how many events there were.
  private mutating func read(_ queue: OpaquePointer, atMost limit: Int) -> Int {
    var count = 0
    while count < limit {
      if queue == session.messages, inbox.isFull { break }
      guard let event = rd_kafka_queue_poll(queue, 0) else { break }
      take(event)
      rd_kafka_event_destroy(event)
      count += 1
    }
    return count
  }

  private mutating func shutDown(by deadline: ContinuousClock.Instant) {
    inbox.close()
    mailbox.close()
    if answerOwed != .none || options.group == nil { _ = unassign() }
    if options.group != nil {
      if let error = rd_kafka_consumer_close_queue(session.handle.pointer, session.closing) {
        // A fatal error: there is no group to leave.
        rd_kafka_error_destroy(error)
      } else {
        leaveGroup(by: deadline)
      }
    }
    for commit in commits.values { commit.resolve(.failure(.closed)) }
    for fetch in fetches.values { fetch.resolve(.failure(.closed)) }
    for seek in seeks { seek.answer.resolve(.failure(.closed)) }
    session.destroy()
    mailbox.stopped.resolve(.success(()))
  }

  private mutating func leaveGroup(by deadline: ContinuousClock.Instant) {
    while rd_kafka_consumer_closed(session.handle.pointer) == 0, ContinuousClock.now < deadline {
      guard let event = rd_kafka_queue_poll(session.closing, 50) else { continue }
      if rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
        _ = unassign()
      } else {
        take(event)
      }
      rd_kafka_event_destroy(event)
    }
  }
}

// MARK: Commands

extension ConsumerLoop {
  private mutating func perform(_ command: ConsumerCommand) {
    switch command {
    case .assign(let offsets, let answer): answer.resolve(assign(offsets))
    case .unassign(let answer): answer.resolve(unassign())
    case .seek(let partition, let offset, let answer): seek(partition, to: offset, answer)
    case .pause(let partitions, let answer): answer.resolve(pause(partitions))
    case .resume(let partitions, let answer): answer.resolve(resume(partitions))
    case .commit(let next, let answer): commit(next, answer)
    case .committed(let partitions, let answer): fetchCommitted(partitions, answer)
    case .close(let deadline): closeDeadline = ContinuousClock.now + deadline
    }
  }

  private mutating func assign(
    _ offsets: [TopicPartition: KafkaConsumer.StartOffset]
  ) -> Result<Void, KafkaError> {
    if options.group == nil {
      guard !offsets.values.contains(.committed) else {
        return .failure(.invalidState("Without a group there are no committed offsets to read."))
      }
    } else if answerOwed == .unassign {
      return .failure(
        KafkaError(
          .rebalanced, "The group takes the partitions back: call next() and unassign().",
          isRetriable: true))
    } else if let foreign = offsets.keys.filter({ !assigned.contains($0) }).min() {
      return .failure(
        KafkaError(
          .rebalanced, "\(foreign) is not assigned to this member (any more); call next().",
          topic: foreign.topic, partition: foreign.partition, isRetriable: true))
    }
    if !fetching.isEmpty { _ = session.unassign(fetching) }
    stopReading()
    let code = session.assign(offsets)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return .failure(KafkaError(code, while: "Assigning \(offsets.keys.sorted())"))
    }
    reading = offsets.mapValues { _ in Reading() }
    fetching = Set(offsets.keys)
    answerOwed = .none
    return .success(())
  }

  private mutating func unassign() -> Result<Void, KafkaError> {
    stopReading()
    answerOwed = .none
    let code = session.unassign(fetching)
    fetching = []
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return .failure(KafkaError(code, while: "Giving partitions up"))
    }
    return .success(())
  }

  private mutating func stopReading() {
    reading = [:]
    inbox.dropMessages()
    for seek in seeks { seek.answer.resolve(.failure(notRead(seek.partition))) }
    seeks = []
  }

  private mutating func seek(
    _ partition: TopicPartition, to offset: Int64, _ answer: OneShot<Void>
  ) {
    guard let current = reading[partition] else {
      return answer.resolve(.failure(notRead(partition)))
    }
    _ = inbox.dropMessages(of: partition)
    if case .paused = current.pause {
      reading[partition]?.pause = .paused(resumeAt: offset)
      return answer.resolve(.success(()))
    }
    let code = session.seek(partition, to: offset)
    switch code {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      reading[partition]?.next = nil
      answer.resolve(.success(()))
    case RD_KAFKA_RESP_ERR__STATE:
      // Its first fetch has not begun: librdkafka still asks for the committed offset.
      seeks.append(
        PendingSeek(
          partition: partition, offset: offset, answer: answer,
          deadline: ContinuousClock.now + .seconds(10)))
    default:
      answer.resolve(.failure(failure(code, "Seeking in", partition)))
    }
  }

  private mutating func retrySeeks() {
    let due = seeks
    seeks = []
    for pending in due {
      if ContinuousClock.now < pending.deadline {
        seek(pending.partition, to: pending.offset, pending.answer)
      } else {
        pending.answer.resolve(
          .failure(failure(RD_KAFKA_RESP_ERR__TIMED_OUT, "Seeking in", pending.partition)))
      }
    }
  }

  private mutating func pause(_ partitions: [TopicPartition]) -> Result<Void, KafkaError> {
    if let foreign = partitions.first(where: { reading[$0] == nil }) {
      return .failure(notRead(foreign))
    }
    for partition in partitions {
      guard let current = reading[partition], case .none = current.pause else { continue }
      let dropped = inbox.dropMessages(of: partition)
      if let resumeAt = dropped ?? current.next {
        session.pause(partition)
        reading[partition]?.pause = .paused(resumeAt: resumeAt)
      } else {
        reading[partition]?.pause = .requested
      }
    }
    return .success(())
  }

  private mutating func resume(_ partitions: [TopicPartition]) -> Result<Void, KafkaError> {
    for partition in partitions {
      guard let current = reading[partition] else { continue }
      if case .paused(let resumeAt) = current.pause {
        let code = session.seek(partition, to: resumeAt)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
          return .failure(failure(code, "Resuming", partition))
        }
        session.resume(partition)
        reading[partition]?.next = nil
      }
      reading[partition]?.pause = .none
    }
    return .success(())
  }

  private mutating func commit(_ next: [TopicPartition: Int64], _ answer: OneShot<Void>) {
    guard options.group != nil else {
      return answer.resolve(
        .failure(.invalidState("Without a group there is nothing to commit to.")))
    }
    lastNumber += 1
    let code = session.commit(next, number: lastNumber)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return answer.resolve(.failure(fatalError ?? KafkaError(code, while: "Committing offsets")))
    }
    commits[lastNumber] = answer
  }

  private mutating func fetchCommitted(
    _ partitions: [TopicPartition], _ answer: OneShot<[TopicPartition: Int64]>
  ) {
    guard let group = options.group else {
      return answer.resolve(
        .failure(.invalidState("Without a group there are no committed offsets.")))
    }
    lastNumber += 1
    fetches[lastNumber] = answer
    session.fetchCommitted(partitions, group: group, number: lastNumber)
  }

  private func notRead(_ partition: TopicPartition) -> KafkaError {
    KafkaError(
      .invalidState, "\(partition) is not being read by this consumer: assign it first.",
      topic: partition.topic, partition: partition.partition)
  }

  private func failure(
    _ code: rd_kafka_resp_err_t, _ action: String, _ partition: TopicPartition
  ) -> KafkaError {
    KafkaError(
      code, while: "\(action) \(partition)", topic: partition.topic,
      partition: partition.partition)
  }
}

// MARK: Events

extension ConsumerLoop {
  private mutating func take(_ event: OpaquePointer) {
    switch rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_FETCH:
      while let message = rd_kafka_event_message_next(event) { take(Message(message)) }
    case RD_KAFKA_EVENT_REBALANCE: takeRebalance(event)
    case RD_KAFKA_EVENT_OFFSET_COMMIT: takeCommitResult(event)
    case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT:
      let number = Int(bitPattern: rd_kafka_event_opaque(event))
      fetches.removeValue(forKey: number)?.resolve(groupOffsets(in: event))
    case RD_KAFKA_EVENT_ERROR: takeError(event)
    default: configuration.report(event)
    }
  }

  private mutating func take(_ message: Message) {
    let partition = TopicPartition(topic: message.topic, partition: message.partition)
    guard let current = reading[partition] else { return }
    switch current.pause {
    case .none:
      reading[partition]?.next = message.offset + 1
      inbox.append(message)
    case .requested:
      session.pause(partition)
      reading[partition]?.pause = .paused(resumeAt: message.offset)
    case .paused: break
    }
  }

  private mutating func takeRebalance(_ event: OpaquePointer) {
    let list = rd_kafka_event_topic_partition_list(event)
    let partitions = list.map { elements(of: $0).map { TopicPartition($0) }.sorted() } ?? []
    let code = rd_kafka_event_error(event)
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
      answerOwed = .assign
      assigned = Set(partitions)
      inbox.post(.success(.assigned(partitions)))
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
      answerOwed = .unassign
      let isLost = rd_kafka_assignment_lost(session.handle.pointer) != 0
      assigned = []
      stopReading()
      inbox.post(.success(.revoked(partitions, lost: isLost)), droppingMessages: true)
    default:
      assigned = []
      _ = unassign()
      inbox.post(.failure(KafkaError(code, while: "The group's rebalance")))
    }
  }

  private mutating func takeCommitResult(_ event: OpaquePointer) {
    let number = Int(bitPattern: rd_kafka_event_opaque(event))
    guard let answer = commits.removeValue(forKey: number) else { return }
    let code = rd_kafka_event_error(event)
    let list = rd_kafka_event_topic_partition_list(event)
    if let fatalError {
      answer.resolve(.failure(fatalError))
    } else if let list, let error = KafkaError.first(in: list, while: "Committing the offset of") {
      answer.resolve(.failure(error))
    } else if code != RD_KAFKA_RESP_ERR_NO_ERROR {
      answer.resolve(.failure(KafkaError(code, while: "Committing offsets")))
    } else {
      answer.resolve(.success(()))
    }
  }

  /// What broke the client: of that, every later call says only that it happened.
  private var fatalError: KafkaError? {
    guard let (code, text) = session.handle.fatalError else { return nil }
    return KafkaError(code, while: "The consumer", detail: text, isFatal: true)
  }

  private func takeError(_ event: OpaquePointer) {
    if rd_kafka_event_error_is_fatal(event) != 0, let fatalError {
      return inbox.post(.failure(fatalError))
    }
    let error = KafkaError(reading: event)
    if isForCaller(error) { inbox.post(.failure(error)) } else { configuration.report(event) }
  }

  /// Whether the caller must decide; what librdkafka repairs by itself is only reported.
  private func isForCaller(_ error: KafkaError) -> Bool {
    switch error.code {
    case .offsetOutOfRange, .unknownTopic, .memberFenced, .requestRefused: true
    // Without a group, the group that librdkafka insists on is nobody's concern.
    case .authorizationFailed: options.group != nil || error.topic != nil
    default: false
    }
  }
}
