import AWSConnector
import Logging
import Model
import Pipeline
import Synchronization
import Testing

@testable import Transformation

/// The transformer in its loop, with a broker that fails at each position of the output.
@Suite struct CommitTests {
  /// Six messages of one attempt, of which two are bad: seven of the graph and dead letters.
  private static let input = [
    rawMessage(scanStarted.json.text, content: .scanStarted, offset: 10),
    rawMessage(userRecord, content: userContent(sequence: 0), offset: 11),
    rawMessage("broken", content: userContent(sequence: 1, key: "b"), offset: 12),
    rawMessage(userRecord, header: nil, offset: 13),
    rawMessage(
      collectionEnded.json.text, content: .collectionEnded(collection: "aws.iam.user"), offset: 14),
    rawMessage(scanEnded.json.text, content: .scanEnded, offset: 15),
  ]
  private static let outputs = 7

  private func run(_ broker: Broker) async throws {
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let now: @Sendable () -> Timestamp = { Timestamp(milliseconds: 0) }
    let deadLetters = DeadLetters(stage: .transformer, producer: broker, now: now)
    try await ConsumerLoop(
      name: "transformer",
      handler: TransformationHandler(
        transformer: Transformer(platform: .aws, normalizer: AWSNormalizer()), producer: broker,
        deadLetters: deadLetters, log: log),
      deadLetters: deadLetters, health: Health(now: now), log: log, sleep: Self.sleep
    ) { broker }.run()
  }

  /// Pauses between tries are over at once, the loop's idle time never is.
  private static let sleep: Sleep = { duration in
    if duration >= .seconds(5) { try await Task.sleep(for: .seconds(3600)) }
  }

  @Test(arguments: 0...Self.outputs)
  func theInputIsCommittedOnlyAfterEveryOutputDeadLettersIncludedIsAcknowledged(
    failingAt position: Int
  ) async throws {
    let broker = Broker(Self.input, failingAt: position, tries: 3, isRetriable: true)
    try await run(broker)
    // `position` messages are stored by each failing try, and all of them by the last one.
    #expect(broker.events == ["failed", "failed", "failed", "acknowledged 7", "commit 16"])
    #expect(broker.stored.count == 3 * position + Self.outputs)
    #expect(broker.stored.suffix(Self.outputs).filter { $0.topic == Topic.deadLetter }.count == 2)
  }

  @Test(arguments: 0...Self.outputs)
  func nothingIsCommittedIfAnOutputIsRefusedForGood(at position: Int) async throws {
    let broker = Broker(Self.input, failingAt: position, tries: 1, isRetriable: false)
    await #expect(throws: Broker.Refusal.self) { try await run(broker) }
    #expect(broker.events == ["failed"])
  }
}

/// A broker that stores the messages before a position of a batch and then fails, as often as told;
/// and the consumer of the input, which ends after one batch.
private final class Broker: MessageProducer, MessageConsumer {
  struct Refusal: ClassifiedError {
    var isRetriable: Bool
  }

  private struct State {
    var input: [ConsumerEvent]
    var tries: Int
    var stored: [OutgoingMessage] = []
    var events: [String] = []
  }

  private let state: Mutex<State>
  private let position: Int
  private let isRetriable: Bool

  init(_ input: [Message], failingAt position: Int, tries: Int, isRetriable: Bool) {
    let partition = TopicPartition(topic: Topic.raw(.aws), partition: 3)
    state = Mutex(State(input: [.assigned([partition]), .messages(input)], tries: tries))
    self.position = position
    self.isRetriable = isRetriable
  }

  var stored: [OutgoingMessage] { state.withLock { $0.stored } }
  var events: [String] { state.withLock { $0.events } }

  func produce(_ messages: [OutgoingMessage]) async throws {
    try state.withLock { state in
      guard state.tries == 0 else {
        state.tries -= 1
        state.stored += messages.prefix(position)
        state.events.append("failed")
        throw Refusal(isRetriable: isRetriable)
      }
      state.stored += messages
      state.events.append("acknowledged \(messages.count)")
    }
  }

  func next() async throws -> ConsumerEvent? {
    state.withLock { $0.input.isEmpty ? nil : $0.input.removeFirst() }
  }

  func commit(_ next: [TopicPartition: Int64]) async throws {
    state.withLock { state in
      for offset in next.values { state.events.append("commit \(offset)") }
    }
  }

  func assign(_ starts: [TopicPartition: StartOffset]) async throws {}
  func unassign() async throws {}
  func close(deadline: Duration) async {}
}
