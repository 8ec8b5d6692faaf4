internal import Model
public import Pipeline
internal import Synchronization

/// Where a consumer begins where nothing is committed or the offset is not kept.
public enum OffsetReset: Sendable {
  case earliest, latest, error
}

/// A process's producer.
struct SimulatedProducer: MessageProducer {
  let broker: Broker
  let life: LifeID
  /// What was not sent by then is given up (librdkafka's `message.timeout.ms`).
  let timeout: Duration

  func produce(_ messages: [OutgoingMessage]) async throws {
    guard let first = messages.first else { return }
    let limit = broker.kernel.time + timeout
    try await broker.kernel.perform(.produce, of: life, "\(messages.count) to \(first.topic)") {
      extent in
      guard broker.kernel.time <= limit else { throw SimulatedFailure.refused(.produce) }
      try broker.store(messages, extent)
    }
  }
}

/// A process's member of a consumer group.
final class SimulatedConsumer: MessageConsumer {
  private let broker: Broker
  private let id: Int
  private let life: LifeID

  fileprivate init(_ broker: Broker, _ id: Int, _ life: LifeID) {
    self.broker = broker
    self.id = id
    self.life = life
  }

  func next() async throws -> ConsumerEvent? {
    let number = broker.kernel.newNumber()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard broker.kernel.register(number, .next, life, nil, continuation) else { return }
        poll(number, continuation)
      }
    } onCancel: {
      broker.kernel.cancel(number)
    }
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws {
    try await broker.kernel.perform(.assign, of: life, "assign") { [broker, id] _ in
      try broker.assign(id, starts)
    }
  }

  func unassign() async throws {
    try await broker.kernel.perform(.assign, of: life, "unassign") { [broker, id] _ in
      broker.unassign(id)
    }
  }

  func commit(_ next: [TopicPartition: Int64]) async throws {
    let what = next.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    try await broker.kernel.perform(.commit, of: life, what.joined(separator: ",")) {
      [broker, id] _ in try broker.commit(id, next)
    }
  }

  func close(deadline: Duration) async { broker.close(id, life) }

  /// Looks now, and again whenever there may be something, until there is or the wait is given up.
  private func poll(_ number: UInt64, _ continuation: Kernel.Waiting<ConsumerEvent?>) {
    let kernel = broker.kernel
    let latency = 100 + kernel.roll(2000, for: "\(life.process) next")
    kernel.schedule(after: .microseconds(latency), of: life) { [self] in
      guard kernel.isOpen(number) else { return }
      switch broker.take(id) {
      case .success(.some(let event)):
        guard kernel.close(number) else { return }
        kernel.trace(life.description, "next \(event.summary)")
        continuation.resume(returning: event)
      case .success(.none):
        if broker.isClosed(id) {
          guard kernel.close(number) else { return }
          return continuation.resume(returning: nil)
        }
        broker.whenChanged(id) { [self] in
          if kernel.isOpen(number) { poll(number, continuation) }
        }
      case .failure(let error):
        guard kernel.close(number) else { return }
        kernel.trace(life.description, "next \(error)")
        continuation.resume(throwing: error)
      }
    }
  }
}

extension ConsumerEvent {
  fileprivate var summary: String {
    switch self {
    case .assigned(let partitions): "assigned \(partitions)"
    case .revoked(let partitions, let lost): "revoked \(partitions)\(lost ? " lost" : "")"
    case .messages(let messages):
      "\(messages[0].topic)[\(messages[0].partition)] \(messages[0].offset) +\(messages.count)"
    }
  }
}

extension ProcessContext {
  public func producer(
    _ broker: Broker, timeout: Duration = .seconds(300)
  ) -> any MessageProducer {
    SimulatedProducer(broker: broker, life: life, timeout: timeout)
  }

  /// A member of a group, which joins at once.
  public func consumer(
    _ broker: Broker, group: String, topics: [String], from reset: OffsetReset = .earliest,
    batch: Int = 1000, isStatic: Bool = true
  ) -> any MessageConsumer {
    SimulatedConsumer(
      broker,
      broker.join(
        life, group: group, topics: topics, reset: reset, batch: batch, isStatic: isStatic), life)
  }
}

extension Broker {
  fileprivate func join(
    _ life: LifeID, group: String, topics: [String], reset: OffsetReset, batch: Int,
    isStatic: Bool
  ) -> Int {
    let id = state.withLock { state in
      state.lastConsumer += 1
      let id = state.lastConsumer
      if state.groups[group] == nil {
        state.groups[group] = ConsumerGroup(
          partitions: state.partitions.filter { topics.contains($0.key) })
      }
      state.consumers[id] = Consumer(
        life: life, group: group, topics: topics, reset: reset, batch: batch, isStatic: isStatic,
        member: id)
      state.enter(id, isReturning: false)
      return id
    }
    wake()
    return id
  }

  fileprivate func isClosed(_ id: Int) -> Bool {
    state.withLock { $0.consumers[id]?.isClosed ?? true }
  }

  fileprivate func whenChanged(_ id: Int, _ action: @escaping @Sendable () -> Void) {
    let later = state.withLock { state -> VirtualTime? in
      state.consumers[id]?.waiting = action
      return state.nextVisibility(for: id)
    }
    guard let later else { return }
    let wait = Duration.microseconds(max(1, later.microseconds - kernel.time.microseconds))
    kernel.schedule(after: wait) {
      let continues = self.state.withLock { state in
        defer { state.consumers[id]?.waiting = nil }
        return state.consumers[id]?.waiting
      }
      continues?()
    }
  }

  /// The next event for a consumer; `nil` when there is none yet.
  fileprivate func take(_ id: Int) -> Result<ConsumerEvent?, BrokerError> {
    let (share, turn) = (
      kernel.roll(1 << 16, for: "batch"), kernel.roll(1 << 16, for: "turn")
    )
    let time = kernel.time
    return state.withLock { $0.take(id, at: time, share: share, turn: turn) }
  }

  fileprivate func assign(
    _ id: Int, _ starts: [TopicPartition: StartOffset]
  ) throws(BrokerError) {
    let isTaken = state.withLock { state -> Bool in
      guard let consumer = state.consumers[id], !consumer.isFenced, !consumer.isClosed,
        state.groups[consumer.group]?.assign(consumer.member, starts.keys.sorted()) == true
      else { return false }
      var positions: [TopicPartition: Int64] = [:]
      for (partition, start) in starts {
        let kept = state.logs[partition]?.kept ?? 0..<0
        positions[partition] =
          switch start {
          case .beginning: kept.lowerBound
          case .end: kept.upperBound
          case .offset(let offset): offset
          case .committed: state.groups[consumer.group]?.committed[partition] ?? -1
          }
      }
      state.consumers[id]?.positions = positions
      return true
    }
    guard isTaken else {
      throw BrokerError(kind: .rebalanced, what: "assign of \(starts.keys.sorted())")
    }
  }

  fileprivate func unassign(_ id: Int) {
    state.withLock { state in
      guard let consumer = state.consumers[id] else { return }
      state.consumers[id]?.positions = [:]
      if consumer.isOutside, !consumer.isFenced, !consumer.isClosed {
        state.enter(id, isReturning: true)
      } else {
        state.groups[consumer.group]?.unassign(consumer.member)
      }
    }
    wake()
  }

  fileprivate func commit(
    _ id: Int, _ next: [TopicPartition: Int64]
  ) throws(BrokerError) {
    let (refusal, group) = state.withLock { state -> (BrokerError.Kind?, String) in
      guard let consumer = state.consumers[id], !consumer.isClosed else { return (.closed, "") }
      guard !consumer.isFenced else { return (.fenced, "") }
      guard let group = state.groups[consumer.group], group.isMember(consumer.member) else {
        return (.rebalanced, "")
      }
      for (partition, offset) in next {
        state.groups[consumer.group]?.committed[partition] = offset
      }
      return (nil, consumer.group)
    }
    if let refusal { throw BrokerError(kind: refusal, what: "commit") }
    let observer = commits.withLock { $0 }
    for (partition, offset) in next.sorted(by: { $0.key < $1.key }) {
      observer.tell(group, partition, offset)
    }
  }

  fileprivate func close(_ id: Int, _ life: LifeID) {
    guard kernel.isAlive(life) else { return }
    let keepsPlace = state.withLock { state -> Bool in
      guard let consumer = state.consumers[id], !consumer.isClosed else { return false }
      state.consumers[id]?.isClosed = true
      state.consumers[id]?.positions = [:]
      return state.groups[consumer.group]?.close(consumer.member) ?? false
    }
    if keepsPlace {
      kernel.schedule(after: Self.session) {
        self.state.withLock { state in
          guard let consumer = state.consumers[id] else { return }
          _ = state.groups[consumer.group]?.remove(consumer.member)
        }
        self.wake()
      }
    }
    wake()
  }
}

extension Broker.State {
  /// Makes the consumer a (new) member of its group. One that comes back after its session ended,
  /// and finds another under its instance id, is fenced.
  fileprivate mutating func enter(_ id: Int, isReturning: Bool) {
    guard let consumer = consumers[id] else { return }
    let instance = consumer.isStatic ? consumer.life.process : nil
    if isReturning, groups[consumer.group]?.hasMember(instance) ?? false {
      consumers[id]?.isFenced = true
      return
    }
    lastConsumer += 1
    consumers[id]?.member = lastConsumer
    consumers[id]?.isOutside = false
    consumers[id]?.lost = nil
    let replaced = groups[consumer.group]?.join(
      lastConsumer, instance: instance, topics: consumer.topics)
    for (other, old) in consumers where old.member == replaced {
      consumers[other]?.isFenced = true
      consumers[other]?.positions = [:]
    }
  }

  fileprivate func nextVisibility(for id: Int) -> VirtualTime? {
    consumers[id]?.positions.compactMap { logs[$0.key]?.visibility(of: $0.value) }.min()
  }

  fileprivate mutating func take(
    _ id: Int, at time: VirtualTime, share: Int, turn: Int
  ) -> Result<ConsumerEvent?, BrokerError> {
    guard var consumer = consumers[id], !consumer.isClosed else { return .success(nil) }
    if consumer.isFenced {
      return .failure(BrokerError(kind: .fenced, what: consumer.life.process))
    }
    if consumer.isOutside {
      guard let lost = consumer.lost, !lost.isEmpty else {
        enter(id, isReturning: true)
        return take(id, at: time, share: share, turn: turn)
      }
      consumers[id]?.lost = []
      return .success(.revoked(lost, lost: true))
    }
    switch groups[consumer.group]?.takeEvent(consumer.member) {
    case .assigned(let partitions): return .success(.assigned(partitions))
    case .revoked(let partitions, let lost):
      consumers[id]?.positions = [:]
      return .success(.revoked(partitions, lost: lost))
    case .failed(let error): return .failure(error)
    case nil: break
    }
    let owned = consumer.positions.keys.sorted()
    for index in owned.indices {
      let partition = owned[(index + turn) % owned.count]
      guard let position = consumer.positions[partition], let log = logs[partition] else {
        continue
      }
      var from = position
      if position < log.base || position > log.end {
        switch consumer.reset {
        case .earliest: from = log.base
        case .latest: from = log.end
        case .error:
          return .failure(
            BrokerError(kind: .offsetOutOfRange, what: "\(partition) at \(position)"))
        }
      }
      let found = log.visible(from: from, at: time, atMost: 1 + share % consumer.batch)
      consumer.positions[partition] = from + Int64(found.count)
      consumers[id] = consumer
      if !found.isEmpty { return .success(.messages(found)) }
    }
    return .success(nil)
  }
}
