import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(2)))
struct GroupTests {
  @Test("a restarted member goes on after what was committed")
  func commitAndRestart() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let group = KafkaFixture.uniqueName("group")
    try await KafkaFixture.fill(topic, 0..<20)
    let partition = TopicPartition(topic: topic, partition: 0)

    let first = try KafkaFixture.member(of: group, [topic], instance: "one")
    #expect(try await first.nextAssignment() == [partition])
    #expect(try await first.committed([partition]).isEmpty)
    try await first.assign([partition: .offset(5)])
    #expect(try await first.messages(15).compactMap(\.number) == Array(5..<20))
    try await first.commit([partition: 12])
    #expect(try await first.committed([partition]) == [partition: 12])
    await first.close(deadline: .seconds(10))

    let second = try KafkaFixture.member(of: group, [topic], instance: "one")
    #expect(try await second.nextAssignment() == [partition])
    try await second.assign([partition: .committed])
    #expect(try await second.messages(8).compactMap(\.number) == Array(12..<20))
    await second.close(deadline: .seconds(10))
  }

  @Test("nothing is fetched before assign, and only what was assigned may be")
  func nothingBeforeAssign() async throws {
    let topic = try await KafkaFixture.makeTopic()
    try await KafkaFixture.fill(topic, 0..<10)
    let partition = TopicPartition(topic: topic, partition: 0)
    let member = try KafkaFixture.member(
      of: KafkaFixture.uniqueName("group"), [topic], instance: "one",
      properties: ["auto.offset.reset": "earliest"])
    #expect(try await member.nextAssignment() == [partition])
    let foreign = TopicPartition(topic: topic, partition: 9)
    let error = await #expect(throws: KafkaError.self) {
      try await member.assign([foreign: .beginning])
    }
    #expect(error?.code == .rebalanced)
    try await member.assign([partition: .offset(8)])
    #expect(try await member.messages(2).compactMap(\.number) == [8, 9])
    await member.close(deadline: .seconds(10))
  }

  @Test("without a committed offset the default is an error, not a guess")
  func noCommittedOffset() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let partition = TopicPartition(topic: topic, partition: 0)
    let member = try KafkaFixture.member(
      of: KafkaFixture.uniqueName("group"), [topic], instance: "one")
    #expect(try await member.nextAssignment() == [partition])
    try await member.assign([partition: .committed])
    let error = await #expect(throws: KafkaError.self) { try await member.next() }
    #expect(error?.code == .offsetOutOfRange)
    #expect(error?.topic == topic)
    await member.close(deadline: .seconds(10))
  }

  @Test("a second member shares the partitions; revoked ones deliver nothing more")
  func rebalance() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 4)
    let group = KafkaFixture.uniqueName("group")
    for partition in 0..<4 {
      try await KafkaFixture.fill(topic, partition: Int32(partition), 0..<500)
    }
    let first = try KafkaFixture.member(of: group, [topic], instance: "one")
    let all = try await first.nextAssignment()
    #expect(all.count == 4)
    try await first.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, .beginning) }))
    _ = try await first.messages(1)

    let second = try KafkaFixture.member(of: group, [topic], instance: "two")
    let secondShare = Task { try await second.nextAssignment() }
    var firstShare: [TopicPartition] = []
    var isRevoked = false
    while firstShare.isEmpty, let event = try await first.next() {
      switch event {
      case .messages: #expect(!isRevoked)
      case .revoked(let partitions, let isLost):
        #expect(Set(partitions) == Set(all))
        #expect(!isLost)
        isRevoked = true
        try await first.unassign()
      case .assigned(let partitions): firstShare = partitions
      }
    }
    try await first.assign(Dictionary(uniqueKeysWithValues: firstShare.map { ($0, .end) }))
    let other = try await secondShare.value
    #expect(firstShare.count == 2)
    #expect(Set(firstShare + other) == Set(all))
    try await second.assign([:])
    await first.close(deadline: .seconds(10))
    await second.close(deadline: .seconds(10))
  }

  @Test("a static member that restarts keeps its partitions, and its peer notices nothing")
  func staticMembership() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 4)
    let group = KafkaFixture.uniqueName("group")
    let first = try KafkaFixture.member(of: group, [topic], instance: "one")
    let all = try await first.nextAssignment()
    try await first.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, .beginning) }))
    let second = try KafkaFixture.member(of: group, [topic], instance: "two")
    let pending = Task { try await second.nextAssignment() }
    #expect(try await first.next() == .revoked(all, lost: false))
    try await first.unassign()
    let firstShare = try await first.nextAssignment()
    try await first.assign(Dictionary(uniqueKeysWithValues: firstShare.map { ($0, .beginning) }))
    let secondShare = try await pending.value
    try await second.assign(Dictionary(uniqueKeysWithValues: secondShare.map { ($0, .beginning) }))

    await second.close(deadline: .seconds(10))
    let restarted = try KafkaFixture.member(of: group, [topic], instance: "two")
    #expect(try await restarted.nextAssignment() == secondShare)
    try await restarted.assign(
      Dictionary(uniqueKeysWithValues: secondShare.map { ($0, .beginning) }))

    // The peer's next event is a message, not a revocation.
    try await KafkaFixture.fill(topic, partition: firstShare[0].partition, 0..<1)
    #expect(try await first.messages(1).first?.number == 0)
    await first.close(deadline: .seconds(10))
    await restarted.close(deadline: .seconds(10))
  }

  @Test("a member that is slow with a batch keeps its partitions")
  func slowHandler() async throws {
    let topic = try await KafkaFixture.makeTopic()
    try await KafkaFixture.fill(topic, 0..<200)
    let partition = TopicPartition(topic: topic, partition: 0)
    let group = KafkaFixture.uniqueName("group")
    var options = KafkaConsumer.Options(group: group, topics: [topic], instance: "one")
    options.batchCount = 10
    options.bufferedCount = 20
    let member = try KafkaConsumer(
      KafkaFixture.configuration([
        "session.timeout.ms": "6000", "max.poll.interval.ms": "6000",
      ]), options)
    #expect(try await member.nextAssignment() == [partition])
    try await member.assign([partition: .beginning])
    let first = try await member.messages(1).compactMap(\.number)
    // The work: longer than max.poll.interval.ms, and the buffer is full.
    try await Task.sleep(for: .seconds(7))
    let rest = try await member.messages(200 - first.count).compactMap(\.number)
    #expect(first + rest == Array(0..<200))
    try await member.commit([partition: 200])
    await member.close(deadline: .seconds(10))
  }

  @Test("a group that refuses the member's settings says so")
  func refusedSettings() async throws {
    let topic = try await KafkaFixture.makeTopic()
    let member = try KafkaConsumer(
      KafkaFixture.configuration(["session.timeout.ms": "10", "heartbeat.interval.ms": "5"]),
      .init(group: KafkaFixture.uniqueName("group"), topics: [topic]))
    let error = await #expect(throws: KafkaError.self) { try await member.next() }
    #expect(error?.code == .requestRefused)
    await member.close(deadline: .seconds(5))
  }

  @Test("closing a member of an unreachable cluster ends at its deadline")
  func closeUnreachable() async throws {
    let member = try KafkaConsumer(
      KafkaConfiguration(bootstrapServers: KafkaFixture.unreachable),
      .init(group: "any", topics: ["any"]))
    await member.close(deadline: .seconds(5))
    #expect(try await member.next() == nil)
  }
}
