import Logging
import Model
import Pipeline
import PipelineTesting
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite struct ConsumerLoopTests {
  static let partition = TopicPartition(topic: "t", partition: 0)

  static func message(_ offset: Int64) -> Message {
    Message(
      topic: "t", partition: 0, offset: offset, timestamp: Timestamp(milliseconds: 0),
      key: Array("k".utf8), value: Array("v\(offset)".utf8))
  }

  @Test func whatWasHandledIsCommitted() async throws {
    let fixture = LoopFixture(events: [
      .assigned([Self.partition]), .messages([Self.message(0), Self.message(1)]),
    ])
    try await fixture.run(until: { $0.committed == [Self.partition: 2] })
    #expect(fixture.handler.handled == [[0, 1]])
    #expect(fixture.health.obstacles.isEmpty)
  }

  @Test func aRetriableFailureRepeatsTheSameMessagesAndSaysWhy() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      failures: [Passing(), Passing()])
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(fixture.handler.handled == [[0], [0], [0]])
  }

  @Test func ofABatchOnlyTheBadMessageBecomesADeadLetter() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]),
        .messages([Self.message(0), Self.message(1), Self.message(2)]),
      ], bad: [1])
    try await fixture.run(until: { $0.committed == [Self.partition: 3] })
    #expect(fixture.handler.handled == [[0, 1, 2], [0], [1], [2]])
    let letters = fixture.producer.messages
    #expect(letters.map(\.topic) == [Topic.deadLetter])
    #expect(letters.first?.value == Array("v1".utf8))
    #expect(
      letters.first?.headers.contains(MessageHeader("sv0.errors.offset", "1")) == true)
  }

  @Test func nothingIsCommittedBeforeTheDeadLetterIsAcknowledged() async throws {
    let refusals = Mutex(3)
    let committed = Mutex<[Bool]>([])
    let consumer = Mutex<ListedConsumer?>(nil)
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0), Self.message(1)])],
      bad: [1],
      producer: RecordingProducer { _ in
        committed.withLock { $0.append(consumer.withLock { $0?.committed.isEmpty == false }) }
        let isRefused = refusals.withLock { left in
          left -= 1
          return left >= 0
        }
        if isRefused { throw Passing() }
      })
    consumer.withLock { $0 = fixture.consumer }
    try await fixture.run(until: { $0.committed == [Self.partition: 2] })
    #expect(committed.withLock { $0 } == [false, false, false, false])
    #expect(fixture.producer.messages.map(\.topic) == [Topic.deadLetter])
  }

  @Test func everyPauseIsTheInjectedSleep() async throws {
    let pauses = Mutex<[Duration]>([])
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      failures: [Passing(), Passing(), Passing()],
      sleep: { duration in
        pauses.withLock { $0.append(duration) }
        // Between events: until there is one.
        if duration == .seconds(5) { try await Task.sleep(for: .seconds(3600)) }
      })
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    let retries = pauses.withLock { $0.filter { $0 != .seconds(5) } }
    #expect(retries == [100, 200, 400].map { .milliseconds($0) })
  }

  @Test func anIdleLoopIsSeenToTurn() async throws {
    let clock = ManualClock()
    let fixture = LoopFixture(
      events: [.assigned([Self.partition])], now: { clock.now }, sleep: clock.sleep)
    let start = clock.now
    let health = fixture.health
    try await fixture.run(until: { _ in
      health.stalled.isEmpty && clock.now - start > Health.stallLimit * 2
    })
    #expect(fixture.consumer.isClosed)
  }

  @Test func anErrorThatIsOurBugEndsTheLoopWithNothingCommitted() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      failures: [Bug()])
    await #expect(throws: Bug.self) { try await fixture.loop.run() }
    #expect(fixture.consumer.committed.isEmpty)
    #expect(fixture.consumer.isClosed)
  }

  @Test func whoLostAPartitionJoinsAgainAndIsGivenItAnew() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .messages([Self.message(0)]), .assigned([Self.partition]),
        .messages([Self.message(0)]),
      ], failures: [PartitionLost(Self.partition)])
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(fixture.handler.handled == [[0], [0]])
    #expect(fixture.consumer.answers == ["assign", "commit", "assign", "commit"])
  }

  /// Another process of the same static membership took its place while it was stopped: joining
  /// again would put that healthy one out.
  @Test func whoseMembershipWasTakenOverDoesNotJoinAgain() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .messages([Self.message(0)]), .assigned([Self.partition]),
      ], failures: [PartitionLost(Self.partition)], commitFailures: [TakenOver()])
    await #expect(throws: TakenOver.self) { try await fixture.loop.run() }
    #expect(fixture.consumer.answers == ["assign", "commit refused"])
    #expect(fixture.consumer.isClosed)
  }

  @Test func whoCannotAskTheGroupForItsPlaceJoinsAgain() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .messages([Self.message(0)]), .assigned([Self.partition]),
        .messages([Self.message(0)]),
      ], failures: [PartitionLost(Self.partition)], commitFailures: [Passing()])
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(fixture.consumer.answers == ["assign", "commit refused", "assign", "commit"])
  }

  /// No message follows whose commit would cover it.
  @Test func aCommitThatFailedIsMadeAgainWhenNothingElseHappens() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      commitFailures: [Passing(), Passing()], sleep: ManualClock().sleep)
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(fixture.handler.handled == [[0]])
    #expect(
      fixture.consumer.answers == ["assign", "commit refused", "commit refused", "commit"])
  }

  @Test func aCommitThatFailedIsMadeAgainBeforeTheGroupIsLeft() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      commitFailures: [Passing()])
    try await fixture.run(until: { $0.answers.contains("commit refused") })
    #expect(fixture.consumer.committed == [Self.partition: 1])
  }

  @Test func whatWasToBeCommittedOfARevokedPartitionIsNot() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .messages([Self.message(0)]),
        .revoked([Self.partition], lost: true),
      ], commitFailures: [Passing()])
    try await fixture.run(until: { $0.answers.contains("unassign") })
    #expect(fixture.consumer.committed.isEmpty)
  }

  /// As after a session that ended before a revocation was answered: somebody else may have
  /// committed more since.
  @Test func whatWasToBeCommittedUnderAnEarlierAssignmentIsNot() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .messages([Self.message(0)]), .assigned([]),
      ], commitFailures: [Passing()])
    try await fixture.run(until: { $0.answers.count == 3 })
    #expect(fixture.consumer.answers == ["assign", "commit refused", "assign"])
  }

  /// A handler that keeps its own positions has handled what is below them, whoever committed it.
  @Test func whereTheHandlerBeginsIsCommitted() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition])], starts: .offset(7), sleep: ManualClock().sleep)
    try await fixture.run(until: { $0.committed == [Self.partition: 7] })
    #expect(fixture.consumer.answers == ["assign", "commit"])
  }

  @Test func drainingWhileAFailureLastsCommitsNothing() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      failures: Array(repeating: Passing(), count: 100))
    try await fixture.run(until: { _ in fixture.handler.handled.count >= 2 })
    #expect(fixture.consumer.committed.isEmpty)
    #expect(fixture.consumer.isClosed)
  }

  /// The group takes partitions back while their answer is prepared.
  @Test func anAssignmentThatWasTakenBackIsGivenUpAndNotRepeated() async throws {
    let fixture = LoopFixture(
      events: [
        .assigned([Self.partition]), .revoked([Self.partition], lost: false),
        .assigned([Self.partition]), .messages([Self.message(0)]),
      ], refusedAssignments: 1)
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(fixture.consumer.answers == ["assign refused", "unassign", "assign", "commit"])
  }

  @Test func anAssignmentThatFailedForNowIsAnsweredAgain() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])], refusedAssignments: 2,
      sleep: ManualClock().sleep)
    try await fixture.run(until: { $0.committed == [Self.partition: 1] })
    #expect(
      fixture.consumer.answers == ["assign refused", "assign refused", "assign", "commit"])
  }

  @Test func revokedPartitionsAreGivenBackOnlyAfterTheHandlerLetGo() async throws {
    let fixture = LoopFixture(events: [
      .assigned([Self.partition]), .messages([Self.message(0)]),
      .revoked([Self.partition], lost: false),
    ])
    try await fixture.run(until: { $0.answers.contains("unassign") })
    #expect(
      fixture.consumer.answers == ["assign", "commit", "unassign"])
    #expect(fixture.handler.revokedBeforeAnswer)
  }
}

struct Passing: ClassifiedError {
  var isRetriable: Bool { true }
}

struct Bug: Error {}

struct TakenOver: ClassifiedError {
  var isRetriable: Bool { false }
}

/// A loop over a list of events.
struct LoopFixture {
  let consumer: ListedConsumer
  let handler: ListedHandler
  let producer: RecordingProducer
  let health: Health
  let loop: ConsumerLoop

  init(
    events: [ConsumerEvent], failures: [any Error] = [], bad: Set<Int64> = [],
    producer: RecordingProducer = RecordingProducer(), refusedAssignments: Int = 0,
    commitFailures: [any Error] = [], starts: StartOffset = .committed,
    now: @escaping @Sendable () -> Timestamp = { Timestamp(milliseconds: 0) },
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) }
  ) {
    self.producer = producer
    let health = Health(now: now)
    self.health = health
    consumer = ListedConsumer(
      events, refusedAssignments: refusedAssignments, commitFailures: commitFailures)
    handler = ListedHandler(failures: failures, bad: bad, starts: starts, consumer: consumer)
    loop = ConsumerLoop(
      name: "test", handler: handler,
      deadLetters: DeadLetters(
        stage: .loader, producer: producer, now: { Timestamp(milliseconds: 0) }),
      health: health, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      sleep: sleep
    ) { [consumer] in consumer }
  }

  /// Runs until the condition holds, then drains and returns.
  func run(until condition: @escaping @Sendable (ListedConsumer) -> Bool) async throws {
    let consumer = consumer
    let loop = loop
    try await testGracefulShutdown { trigger in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await loop.run() }
        #expect(await eventually { condition(consumer) })
        trigger.triggerGracefulShutdown()
        try await group.waitForAll()
      }
    }
  }
}

/// Gives its events one after another, messages once it was assigned, then nothing until it is
/// closed.
final class ListedConsumer: MessageConsumer {
  private struct State {
    var events: [ConsumerEvent]
    var committed: [TopicPartition: Int64] = [:]
    var answers: [String] = []
    var refusedAssignments: Int
    var commitFailures: [any Error]
    var isAssigned = false
    var isClosed = false

    mutating func next() -> ConsumerEvent? {
      if case .messages = events.first, !isAssigned { return nil }
      return events.isEmpty ? nil : events.removeFirst()
    }
  }

  private let state: Mutex<State>

  init(_ events: [ConsumerEvent], refusedAssignments: Int, commitFailures: [any Error]) {
    state = Mutex(
      State(
        events: events, refusedAssignments: refusedAssignments, commitFailures: commitFailures))
  }

  var committed: [TopicPartition: Int64] { state.withLock { $0.committed } }
  var answers: [String] { state.withLock { $0.answers } }
  var isClosed: Bool { state.withLock { $0.isClosed } }

  func next() async throws -> ConsumerEvent? {
    if let event = state.withLock({ $0.next() }) {
      return event
    }
    try await Task.sleep(for: .seconds(3600))
    return nil
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws {
    let isRefused = state.withLock { state in
      state.refusedAssignments -= 1
      state.isAssigned = state.refusedAssignments < 0
      return !state.isAssigned
    }
    answer(isRefused ? "assign refused" : "assign")
    if isRefused { throw Passing() }
  }

  func unassign() async throws { answer("unassign") }

  func commit(_ next: [TopicPartition: Int64]) async throws {
    let failure: (any Error)? = state.withLock { state in
      state.commitFailures.isEmpty ? nil : state.commitFailures.removeFirst()
    }
    answer(failure == nil ? "commit" : "commit refused")
    if let failure { throw failure }
    state.withLock { $0.committed.merge(next) { _, new in new } }
  }

  func close(deadline: Duration) async { state.withLock { $0.isClosed = true } }

  private func answer(_ name: String) { state.withLock { $0.answers.append(name) } }
}

/// Fails as listed, then takes everything but the bad offsets.
final class ListedHandler: BatchHandler {
  private struct State {
    var failures: [any Error]
    var handled: [[Int64]] = []
    var revokedBeforeAnswer = false
  }

  private let state: Mutex<State>
  private let bad: Set<Int64>
  private let start: StartOffset
  private let consumer: ListedConsumer

  init(
    failures: [any Error], bad: Set<Int64>, starts start: StartOffset, consumer: ListedConsumer
  ) {
    state = Mutex(State(failures: failures))
    self.bad = bad
    self.start = start
    self.consumer = consumer
  }

  var handled: [[Int64]] { state.withLock { $0.handled } }
  var revokedBeforeAnswer: Bool { state.withLock { $0.revokedBeforeAnswer } }

  func starts(of partitions: [TopicPartition]) async throws -> [TopicPartition: StartOffset] {
    Dictionary(uniqueKeysWithValues: partitions.map { ($0, start) })
  }

  func handle(_ messages: [Message]) async throws {
    let failure: (any Error)? = state.withLock { state in
      state.handled.append(messages.map(\.offset))
      return state.failures.isEmpty ? nil : state.failures.removeFirst()
    }
    if let failure { throw failure }
    if messages.contains(where: { bad.contains($0.offset) }) {
      throw BadMessage("malformed", "planted")
    }
  }

  func revoked(_ partitions: [TopicPartition]) async {
    let answered = consumer.answers.contains("unassign")
    state.withLock { $0.revokedBeforeAnswer = !answered }
  }
}
