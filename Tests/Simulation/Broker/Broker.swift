public import Model
internal import Synchronization

/// A broker with topics, consumer groups and what goes wrong with them.
///
/// Invariants:
/// 1. A message is stored once per call that took effect; a call that was not answered may have
///    stored all of its messages, or of each partition the first ones.
/// 2. Messages of a partition are delivered in order of offset, from the position that the owner
///    gave, and none that is not visible yet.
/// 3. After `revoked` was returned a member is given nothing until it answers an assignment.
public final class Broker: Sendable {
  struct State {
    var logs: [TopicPartition: PartitionLog] = [:]
    var partitions: [String: Int32] = [:]
    var groups: [String: ConsumerGroup] = [:]
    var consumers: [Int: Consumer] = [:]
    var lastConsumer = 0
    /// Everything that was ever stored, also what the topics no longer keep.
    var history: [Message] = []
  }

  /// A client's end of a membership.
  struct Consumer {
    var life: LifeID
    var group: String
    var topics: [String]
    var reset: OffsetReset
    var batch: Int
    var isStatic: Bool
    /// Its number as a member; changes when it joins again.
    var member: Int
    /// The next offset to deliver; empty while nothing may be delivered.
    var positions: [TopicPartition: Int64] = [:]
    var isFenced = false
    /// The session ended; what it held then, until it was told.
    var lost: [TopicPartition]?
    var isOutside = false
    var isClosed = false
    /// Continues a wait for the next event.
    var waiting: (@Sendable () -> Void)?
  }

  let kernel: Kernel
  let state: Mutex<State>
  let commits = Mutex(CommitObserver())

  struct CommitObserver {
    var tell: @Sendable (String, TopicPartition, Int64) -> Void = { _, _, _ in }
  }

  static let session = Duration.seconds(10)

  /// - Parameter topics: how many partitions each has.
  public init(_ kernel: Kernel, topics: [String: Int32]) {
    self.kernel = kernel
    var state = State()
    state.partitions = topics
    for (topic, count) in topics {
      for number in 0..<count {
        state.logs[TopicPartition(topic: topic, partition: number)] = PartitionLog()
      }
    }
    self.state = Mutex(state)
    kernel.observers.withLock { $0.silence = { [weak self] in self?.fellSilent($0) } }
  }

  // MARK: What anybody can look at

  /// What a topic keeps, by partition and offset.
  public func messages(of topic: String) -> [Message] {
    state.withLock { state in
      state.logs.keys.filter { $0.topic == topic }.sorted().flatMap {
        state.logs[$0]?.messages(from: 0) ?? []
      }
    }
  }

  /// What a partition keeps from an offset on, in order.
  func messages(of partition: TopicPartition, from offset: Int64 = 0) -> [Message] {
    state.withLock { $0.logs[partition]?.messages(from: offset) ?? [] }
  }

  /// Tells of every offset that a group commits.
  func observeCommits(_ observer: @escaping @Sendable (String, TopicPartition, Int64) -> Void) {
    commits.withLock { $0.tell = observer }
  }

  /// Everything that was ever stored, in order.
  public var history: [Message] { state.withLock { $0.history } }

  public func kept(_ partition: TopicPartition) -> Range<Int64> {
    state.withLock { $0.logs[partition]?.kept ?? 0..<0 }
  }

  /// The committed offsets of a group.
  public func committed(_ group: String) -> [TopicPartition: Int64] {
    state.withLock { $0.groups[group]?.committed ?? [:] }
  }

  /// How many messages the groups have not committed; zero when all is read.
  public var lag: Int64 {
    state.withLock { state in
      state.groups.values.reduce(0) { sum, group in
        let topics = Set(group.members.values.flatMap(\.topics))
        return sum
          + state.logs.filter { topics.contains($0.key.topic) }.reduce(0) { lag, log in
            lag + max(0, log.value.end - max(group.committed[log.key] ?? 0, log.value.base))
          }
      }
    }
  }

  // MARK: What goes wrong

  /// Retention takes what is below an offset.
  public func forget(_ partition: TopicPartition, below offset: Int64) {
    state.withLock { $0.logs[partition]?.forget(below: offset) }
    wake()
  }

  /// Deletes a topic and makes it again, empty.
  public func recreate(_ topic: String) {
    state.withLock { state in
      for partition in state.logs.keys where partition.topic == topic {
        state.logs[partition] = PartitionLog()
        for group in state.groups.keys { state.groups[group]?.committed[partition] = nil }
      }
    }
    wake()
  }

  /// Ends the sessions of a life's members, as when its heartbeats do not arrive.
  public func evict(_ life: LifeID) {
    let ids = state.withLock { state in
      state.consumers.filter { $0.value.life == life && !$0.value.isOutside }.keys.sorted()
    }
    for id in ids { endSession(of: id) }
  }

  /// Assigns all partitions of a group anew.
  public func rebalance(_ group: String) {
    state.withLock { $0.groups[group]?.rebalance() }
    wake()
  }

  /// A process stopped sending heartbeats: its sessions end unless it continues in time.
  func fellSilent(_ life: LifeID) {
    kernel.schedule(after: Self.session) {
      if !self.kernel.isAlive(life) || self.kernel.isPaused(life) { self.evict(life) }
    }
  }

  private func endSession(of id: Int) {
    state.withLock { state in
      guard let consumer = state.consumers[id], !consumer.isFenced else { return }
      guard let member = state.groups[consumer.group]?.remove(consumer.member) else { return }
      state.consumers[id]?.positions = [:]
      state.consumers[id]?.lost = member.holds ? member.assigned : []
      state.consumers[id]?.isOutside = true
    }
    wake()
  }

  // MARK: Producing

  /// Stores messages, of which the extent may leave the last ones of each partition out.
  func store(_ messages: [OutgoingMessage], _ extent: Extent) throws {
    let now = kernel.now
    let visibility = messages.map { _ in latency() }
    try state.withLock { state in
      var shares: [TopicPartition: Int] = [:]
      for (index, message) in messages.enumerated() {
        guard let count = state.partitions[message.topic] else {
          throw BrokerError(kind: .unknownTopic, what: message.topic)
        }
        let key = String(decoding: message.key ?? [], as: UTF8.self)
        let number = message.partition ?? partition(ofKey: key, among: count)
        let place = TopicPartition(topic: message.topic, partition: number)
        guard let log = state.logs[place] else {
          throw BrokerError(kind: .unknownTopic, what: "\(place)")
        }
        if case .part(let seed) = extent {
          let taken = shares[place, default: 0]
          shares[place] = taken + 1
          guard taken < (seed >> Int(number & 3)) % (messages.count + 1) else { continue }
        }
        let stored = Message(
          topic: message.topic, partition: number, offset: log.end, timestamp: now,
          key: message.key, value: message.value, headers: message.headers)
        state.logs[place]?.append(stored, visibleAt: kernel.time + visibility[index])
        state.history.append(stored)
      }
    }
    wake(Set(messages.map(\.topic)))
  }

  /// Most messages are seen at once, some a while later.
  private func latency() -> Duration {
    let roll = kernel.roll(1000, for: .visibility)
    return roll < 980 ? .microseconds(roll) : .milliseconds((roll - 979) * 40)
  }

  // MARK: Consumers waiting

  /// Lets everybody who waits for something look again, or for something of some topics.
  func wake(_ topics: Set<String>? = nil) {
    let waiting = state.withLock { state -> [@Sendable () -> Void] in
      state.consumers.keys.sorted().compactMap { id in
        guard let consumer = state.consumers[id], let waiting = consumer.waiting,
          topics.map({ !$0.isDisjoint(with: consumer.topics) }) ?? true
        else { return nil }
        state.consumers[id]?.waiting = nil
        return waiting
      }
    }
    for continues in waiting { continues() }
  }
}
