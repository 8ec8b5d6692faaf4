internal import Model

/// A consumer group with eager assignment and static membership. Pure.
///
/// ```
/// stable ──join, leave, eviction──► preparing ──every member has let go──► stable, generation + 1
/// ```
///
/// Invariants:
/// 1. A partition is assigned to one member of a generation at most, and only when every member of
///    the one before has let go of its own, or was evicted.
/// 2. Of a static instance there is one member; a new one takes the place of the old one, which is
///    fenced.
/// 3. Only members commit.
/// 4. A closed or dead static member keeps its place until its session ends.
struct ConsumerGroup: Sendable {
  enum Event: Sendable {
    case assigned([TopicPartition])
    case revoked([TopicPartition], lost: Bool)
    case failed(BrokerError)
  }

  /// What the group waits for from a member.
  enum Owed: Sendable {
    case nothing, assign, unassign
  }

  struct Member: Sendable {
    var instance: String?
    var topics: [String]
    var assigned: [TopicPartition] = []
    var owed = Owed.nothing
    /// Overtakes messages.
    var events: [Event] = []
    var isClosed = false

    /// Whether it holds its partitions, and was not told to let go of them.
    var holds: Bool {
      switch owed {
      case .nothing: true
      case .assign: false
      case .unassign: events.contains { if case .revoked = $0 { true } else { false } }
      }
    }
  }

  private(set) var generation = 0
  private(set) var isPreparing = false
  private(set) var members: [Int: Member] = [:]
  var committed: [TopicPartition: Int64] = [:]

  /// The topics' partitions, as they are when the group assigns.
  var partitions: [String: Int32]

  init(partitions: [String: Int32]) { self.partitions = partitions }

  private var ids: [Int] { members.keys.sorted() }

  func hasMember(_ instance: String?) -> Bool {
    instance != nil && members.values.contains { $0.instance == instance }
  }

  func isMember(_ id: Int) -> Bool { members[id] != nil }
  func hasEvent(_ id: Int) -> Bool { members[id].map { !$0.events.isEmpty } ?? false }

  /// Adds a member; a static one may replace its predecessor, whose id is returned.
  mutating func join(_ id: Int, instance: String?, topics: [String]) -> Int? {
    let old = ids.first { instance != nil && members[$0]?.instance == instance }
    guard let old, let place = members.removeValue(forKey: old) else {
      members[id] = Member(instance: instance, topics: topics)
      rebalance()
      return nil
    }
    var member = Member(instance: instance, topics: topics)
    if !isPreparing {
      member.assigned = place.assigned
      member.events = [.assigned(place.assigned)]
      member.owed = .assign
    }
    members[id] = member
    complete()
    return old
  }

  /// Takes a member out: it left, or its session ended.
  mutating func remove(_ id: Int) -> Member? {
    guard let member = members.removeValue(forKey: id) else { return nil }
    rebalance()
    return member
  }

  mutating func close(_ id: Int) -> Bool {
    guard let member = members[id] else { return false }
    if member.instance == nil {
      _ = remove(id)
      return false
    }
    members[id]?.isClosed = true
    members[id]?.events = []
    members[id]?.owed = .nothing
    // It holds nothing any more, so the group need not wait for it.
    if isPreparing {
      members[id]?.assigned = []
      complete()
    }
    return true
  }

  mutating func takeEvent(_ id: Int) -> Event? {
    guard hasEvent(id) else { return nil }
    return members[id]?.events.removeFirst()
  }

  /// - Returns: whether the member may read them.
  mutating func assign(_ id: Int, _ partitions: [TopicPartition]) -> Bool {
    guard let member = members[id], member.owed != .unassign,
      partitions.allSatisfy({ member.assigned.contains($0) })
    else { return false }
    members[id]?.owed = .nothing
    return true
  }

  mutating func unassign(_ id: Int) {
    guard members[id]?.owed == .unassign else { return }
    members[id]?.owed = .nothing
    members[id]?.assigned = []
    complete()
  }

  /// Assigns anew although nobody came or went.
  mutating func rebalance() {
    isPreparing = true
    for id in ids {
      guard let member = members[id], !member.isClosed else {
        members[id]?.assigned = []
        continue
      }
      guard !member.assigned.isEmpty || member.owed == .assign, member.owed != .unassign else {
        continue
      }
      // An assignment that was not seen yet is simply not given.
      if case .assigned = member.events.last {
        members[id]?.events.removeLast()
        members[id]?.assigned = []
        members[id]?.owed = .nothing
      } else {
        members[id]?.events.append(.revoked(member.assigned, lost: false))
        members[id]?.owed = .unassign
      }
    }
    complete()
  }

  private mutating func complete() {
    guard isPreparing, !ids.contains(where: { members[$0]?.owed == .unassign }) else { return }
    isPreparing = false
    generation += 1
    var shares: [Int: [TopicPartition]] = [:]
    var turn = 0
    for topic in partitions.keys.sorted(by: { $0.precedes($1) }) {
      let readers = ids.filter { members[$0]?.topics.contains(topic) ?? false }
      guard !readers.isEmpty else { continue }
      for number in 0..<(partitions[topic] ?? 0) {
        shares[readers[turn % readers.count], default: []].append(
          TopicPartition(topic: topic, partition: number))
        turn += 1
      }
    }
    for id in ids {
      let share = shares[id] ?? []
      members[id]?.assigned = share
      guard members[id]?.isClosed == false else { continue }
      members[id]?.events.append(.assigned(share))
      members[id]?.owed = .assign
    }
  }
}
