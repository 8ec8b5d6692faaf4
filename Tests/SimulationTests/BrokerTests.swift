import Logging
import Model
import Pipeline
import Simulation
import Synchronization
import Testing

/// The real consumer loop over the simulated broker, with a handler that only remembers.
@Suite struct BrokerTests {
  private static let count = 60

  private struct Outcome: Equatable {
    var handled: Set<Int64>
    var deliveries: Int
    var fingerprint: Fingerprint
    var problems: [String]
  }

  private static func run(seed: UInt64, faults: Bool) -> Outcome {
    let kernel = Kernel(seed: seed, start: Timestamp(milliseconds: 1_790_000_000_000))
    let broker = Broker(kernel, topics: ["t": 3])
    let handled = Handled()
    for number in 1...2 {
      kernel.add("reader-\(number)") { context in
        let log = Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() })
        try await ConsumerLoop(
          name: "reader", handler: RememberingHandler(context: context, handled: handled),
          deadLetters: DeadLetters(
            stage: .loader, producer: context.producer(broker), now: context.now),
          health: Health(now: context.now), log: log, sleep: context.sleep
        ) {
          context.consumer(broker, group: "g", topics: ["t"], batch: 5)
        }.run()
      }
    }
    kernel.add("writer") { context in
      for number in 0..<Self.count {
        try await context.producer(broker).produce(
          OutgoingMessage(topic: "t", partition: Int32(number % 3), key: nil, value: [1]))
        try await context.sleep(.milliseconds(200))
      }
      try await context.sleep(.seconds(86_400))
    }
    if faults {
      for second in 0..<12 {
        kernel.schedule(after: .milliseconds(second * 1000 + 300)) {
          let reader = "reader-\(1 + kernel.roll(2, for: "test"))"
          guard let life = kernel.current(reader) else { return }
          switch kernel.roll(5, for: "test") {
          case 0: kernel.crash(life)
          case 1:
            kernel.pause(life)
            kernel.schedule(after: .seconds(kernel.roll(20, for: "test"))) { kernel.resume(life) }
          case 2: kernel.stop(life)
          case 3: broker.evict(life)
          default: broker.rebalance("g")
          }
        }
      }
    }
    kernel.run { broker.lag == 0 && kernel.steps > 2000 || kernel.steps > 200_000 }
    kernel.shutDown()

    return Outcome(
      handled: handled.all, deliveries: handled.deliveries, fingerprint: kernel.fingerprint,
      problems: kernel.problems + (kernel.steps > 200_000 ? ["does not settle"] : []))
  }

  @Test func everyMessageIsHandledWhateverHappensToTheReaders() {
    for seed in 1...60 as ClosedRange<UInt64> {
      let outcome = Self.run(seed: seed, faults: true)
      #expect(outcome.handled.count == Self.count, "seed \(seed)")
      #expect(outcome.problems == [], "seed \(seed)")
    }
  }

  @Test func withoutFaultsEveryMessageIsHandledOnce() {
    let outcome = Self.run(seed: 1, faults: false)
    #expect(outcome.deliveries == Self.count)
  }

  @Test func theSameSeedIsTheSameScheduleAndAnotherIsNot() {
    let outcomes = (1...8).map { Self.run(seed: UInt64($0), faults: true) }
    for (index, outcome) in outcomes.enumerated() {
      #expect(Self.run(seed: UInt64(index + 1), faults: true) == outcome)
    }
    #expect(Set(outcomes.map(\.fingerprint)).count == outcomes.count)
  }
}

private final class Handled: Sendable {
  private let state = Mutex((all: Set<Int64>(), deliveries: 0))

  var all: Set<Int64> { state.withLock { $0.all } }
  var deliveries: Int { state.withLock { $0.deliveries } }

  func add(_ message: Message) {
    state.withLock { state in
      state.all.insert(Int64(message.partition) << 32 | message.offset)
      state.deliveries += 1
    }
  }
}

private struct RememberingHandler: BatchHandler {
  let context: ProcessContext
  let handled: Handled

  func handle(_ messages: [Message]) async throws {
    try await context.transaction("remember") {
      for message in messages { handled.add(message) }
    }
  }
}
