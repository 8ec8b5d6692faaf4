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
    #expect(fixture.consumer.answers == ["assign", "assign", "commit"])
  }

  @Test func drainingWhileAFailureLastsCommitsNothing() async throws {
    let fixture = LoopFixture(
      events: [.assigned([Self.partition]), .messages([Self.message(0)])],
      failures: Array(repeating: Passing(), count: 100))
    try await fixture.run(until: { _ in fixture.handler.handled.count >= 2 })
    #expect(fixture.consumer.committed.isEmpty)
    #expect(fixture.consumer.isClosed)
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

/// A loop over a list of events.
struct LoopFixture {
  let consumer: ListedConsumer
  let handler: ListedHandler
  let producer = RecordingProducer()
  let health = Health(now: { Timestamp(milliseconds: 0) })
  let loop: ConsumerLoop

  init(events: [ConsumerEvent], failures: [any Error] = [], bad: Set<Int64> = []) {
    consumer = ListedConsumer(events)
    handler = ListedHandler(failures: failures, bad: bad, consumer: consumer)
    let producer = producer
    loop = ConsumerLoop(
      name: "test", handler: handler,
      deadLetters: DeadLetters(
        stage: .loader, producer: producer, now: { Timestamp(milliseconds: 0) }),
      health: health, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
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

/// Gives its events one after another, then nothing until it is closed.
final class ListedConsumer: MessageConsumer {
  private struct State {
    var events: [ConsumerEvent]
    var committed: [TopicPartition: Int64] = [:]
    var answers: [String] = []
    var isClosed = false
  }

  private let state: Mutex<State>

  init(_ events: [ConsumerEvent]) { state = Mutex(State(events: events)) }

  var committed: [TopicPartition: Int64] { state.withLock { $0.committed } }
  var answers: [String] { state.withLock { $0.answers } }
  var isClosed: Bool { state.withLock { $0.isClosed } }

  func next() async throws -> ConsumerEvent? {
    if let event = state.withLock({ $0.events.isEmpty ? nil : $0.events.removeFirst() }) {
      return event
    }
    try await Task.sleep(for: .seconds(3600))
    return nil
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws { answer("assign") }
  func unassign() async throws { answer("unassign") }

  func commit(_ next: [TopicPartition: Int64]) async throws {
    answer("commit")
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
  private let consumer: ListedConsumer

  init(failures: [any Error], bad: Set<Int64>, consumer: ListedConsumer) {
    state = Mutex(State(failures: failures))
    self.bad = bad
    self.consumer = consumer
  }

  var handled: [[Int64]] { state.withLock { $0.handled } }
  var revokedBeforeAnswer: Bool { state.withLock { $0.revokedBeforeAnswer } }

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
