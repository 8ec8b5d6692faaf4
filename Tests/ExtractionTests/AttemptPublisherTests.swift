import Logging
import Model
import Pipeline
import PipelineTesting
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@testable import Extraction

/// Many units publish, one task sends: nobody waits for ever, and nothing follows what failed.
@Suite struct AttemptPublisherTests {
  private static let collections = (0..<8).map { "c\($0)" }

  /// Runs `body` with a publisher whose sending task lives as long; returns what was sent.
  private func publishing(
    _ producer: RecordingProducer,
    _ body: @escaping @Sendable (AttemptPublisher) async throws -> Void
  ) async throws {
    let attempt = TestAttempt(
      connector: FakeConnector(), transport: ScriptedTransport { _ in .init("") })
    let context = AttemptContext(
      transport: attempt.transport,
      surroundings: Surroundings(
        now: { attempt.clock.now }, sleep: attempt.clock.sleep, random: { 0 }),
      statistics: AttemptStatistics(),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    let publisher = AttemptPublisher(
      AttemptPublication(
        attempt.dispatch, execution: "e", connector: "fake/1", collections: Self.collections,
        at: attempt.clock.now),
      producer: producer,
      progress: ProgressReporter(dispatch: attempt.dispatch, producer: producer, context: context),
      context: context)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        await publisher.send()
        return false
      }
      group.addTask {
        try await body(publisher)
        return true
      }
      defer { group.cancelAll() }
      while let isBody = try await group.next(), !isBody {}
    }
  }

  private static func record(_ key: String) -> [Record] {
    [Record(key: key, bytes: [0x7B, 0x7D], call: 0)]
  }

  private static func isRecord(_ message: OutgoingMessage) -> Bool {
    message.headers.contains { header in
      header.value.map { String(decoding: $0, as: UTF8.self).contains(";seq=") } == true
    }
  }

  /// Publishes from eight tasks at once; their errors in order of their names.
  private static func publishEverywhere(
    _ publisher: AttemptPublisher
  ) async -> [(any Error)?] {
    await withTaskGroup(of: (String, (any Error)?).self) { group in
      for name in collections {
        group.addTask {
          do {
            for key in 0..<5 { try await publisher.publish(record("\(key)"), to: name) }
            return (name, nil)
          } catch {
            return (name, error)
          }
        }
      }
      var errors: [String: any Error] = [:]
      for await (name, error) in group { errors[name] = error }
      return collections.map { errors[$0] }
    }
  }

  @Test func aFailureForGoodWakesWhoeverWaits() async throws {
    let batches = Mutex(0)
    let producer = RecordingProducer { batch in
      guard Self.isRecord(batch[0]) else { return }
      let count = batches.withLock { count in
        count += 1
        return count
      }
      if count == 2 { throw ScriptedProducerError(isRetriable: false) }
    }
    try await publishing(producer) { publisher in
      try await publisher.open()
      let errors = await Self.publishEverywhere(publisher)
      #expect(errors.allSatisfy { $0 is ExtractionError })
      // Who comes later does not wait.
      await #expect(throws: ExtractionError.self) {
        try await publisher.publish(Self.record("late"), to: "c0")
      }
    }
    #expect(batches.withLock { $0 } == 2, "nothing is sent after what failed")
  }

  @Test func cancellingWhileSendingWakesWhoeverWaits() async throws {
    let begun = Mutex(false)
    let producer = RecordingProducer { batch in
      guard Self.isRecord(batch[0]) else { return }
      begun.withLock { $0 = true }
      try await Task.sleep(for: .seconds(3600))
    }
    let errors = Mutex<[(any Error)?]>([])
    let task = Task {
      try await publishing(producer) { publisher in
        try await publisher.open()
        let all = await Self.publishEverywhere(publisher)
        errors.withLock { $0 = all }
      }
    }
    #expect(await eventually { begun.withLock { $0 } })
    task.cancel()
    _ = await task.result
    #expect(errors.withLock { $0.count } == 8)
    #expect(errors.withLock { $0.allSatisfy { $0 is CancellationError } })
    #expect(producer.messages.count == 1, "only scan.started was acknowledged")
  }

  @Test func aUnitThatIsCancelledWhileItWaitsStopsNobodyElse() async throws {
    let begun = Mutex(false)
    let mayPass = Mutex(false)
    let producer = RecordingProducer { batch in
      guard Self.isRecord(batch[0]) else { return }
      begun.withLock { $0 = true }
      _ = await eventually { mayPass.withLock { $0 } }
      try Task.checkCancellation()
    }
    try await publishing(producer) { publisher in
      try await publisher.open()
      try await withThrowingTaskGroup(of: Void.self) { group in
        let impatient = Task { try await publisher.publish(Self.record("x"), to: "c0") }
        #expect(await eventually { begun.withLock { $0 } })
        group.addTask { try await publisher.publish(Self.record("y"), to: "c1") }
        impatient.cancel()
        mayPass.withLock { $0 = true }
        _ = await impatient.result
        try await group.waitForAll()
      }
    }
    #expect(producer.messages.filter(Self.isRecord).count == 2)
  }

  /// Brokers that fail at random, and attempts that are stopped at random.
  @Test(arguments: 0..<50)
  func nobodyWaitsForEverWhateverFails(_ seed: Int) async throws {
    let produced = Mutex(0)
    let isStopped = seed % 3 == 0
    let producer = RecordingProducer { _ in
      let number = produced.withLock { number in
        number += 1
        return number
      }
      await Task.yield()
      if (number &* 7 &+ seed) % 5 == 0 { throw ScriptedProducerError(isRetriable: true) }
      if !isStopped, seed % 4 == 1, number == seed {
        throw ScriptedProducerError(isRetriable: false)
      }
    }
    let task = Task {
      try await publishing(producer) { publisher in
        try await publisher.open()
        let errors = await Self.publishEverywhere(publisher).compactMap(\.self)
        if let first = errors.first { throw first }
        for name in Self.collections {
          try await publisher.end(name, .complete, calls: CallLog())
        }
        try await publisher.close(.complete)
      }
    }
    if isStopped {
      _ = await eventually { produced.withLock { $0 } > seed % 20 }
      task.cancel()
    }
    let result = await task.result
    let published = PublishedAttempt(producer.messages, log: [])
    #expect(published.faults == [])
    for name in Self.collections {
      let records = published.records(of: name)
      #expect(records.map(\.sequence) == Array(0..<Int64(records.count)))
    }
    if case .success = result {
      #expect(published.ended != nil && published.records.count == 40)
    } else {
      #expect(published.ended == nil)
    }
  }

  @Test func anAttemptThatDrainsWhileItSendsSaysSoAndEnds() async throws {
    let begun = Mutex(false)
    let producer = RecordingProducer { batch in
      guard Self.isRecord(batch[0]) else { return }
      begun.withLock { $0 = true }
      try await Task.sleep(for: .seconds(3600))
    }
    let attempt = TestAttempt(
      connector: FakeConnector(units: [.publishing("one", "x"), .publishing("two", "y")]),
      transport: ScriptedTransport { _ in .init("") }, producer: producer)
    let worker = attempt.worker()
    try await testGracefulShutdown { trigger in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        try await worker.handle([attempt.message])
        #expect(await eventually { begun.withLock { $0 } })
        trigger.triggerGracefulShutdown()
        try await group.waitForAll()
      }
    }
    let published = PublishedAttempt(producer.messages, log: [])
    #expect(published.ending?.outcome == .failed)
    #expect(published.ending?.message == "worker was stopped")
    #expect(published.ended == nil && published.records == [])
  }

  @Test func theLastWordGivesUpAtItsDeadline() async throws {
    let tries = Mutex(0)
    let producer = RecordingProducer { batch in
      guard batch[0].topic == Topic.scanProgress else { return }
      tries.withLock { $0 += 1 }
      throw ScriptedProducerError(isRetriable: true)
    }
    let attempt = TestAttempt(
      connector: FakeConnector(), transport: ScriptedTransport { _ in .init("") },
      producer: producer, limits: ExtractionLimits(lastWord: .seconds(1)))
    let worker = attempt.worker()
    try await testGracefulShutdown { trigger in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        try await worker.handle([attempt.message])
        #expect(await eventually { tries.withLock { $0 } > 0 })
        trigger.triggerGracefulShutdown()
        try await group.waitForAll()
      }
    }
    #expect(PublishedAttempt(producer.messages, log: []).ending == nil)
  }
}

@Suite struct SlotsTests {
  @Test func roomIsGivenInTheOrderInWhichItWasAskedFor() async throws {
    let slots = Slots(1)
    try await slots.reserve(1)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<4 {
        group.addTask {
          try await slots.reserve(1)
          return number
        }
        #expect(await eventually { slots.waiting == number + 1 })
      }
      for number in 0..<4 {
        slots.release()
        let granted = try await group.next()
        #expect(granted == number)
        #expect(slots.waiting == max(0, 3 - number))
      }
    }
  }

  @Test func aBatchLargerThanTheLimitIsTakenOnceAllIsFree() async throws {
    let slots = Slots(2)
    try await slots.reserve(1)
    let batch = Task { try await slots.reserve(3) }
    #expect(await eventually { slots.waiting == 1 })
    slots.release()
    try await batch.value
    #expect(slots.waiting == 0)
  }

  @Test func aReservationThatIsCancelledHoldsNothing() async throws {
    let slots = Slots(1)
    try await slots.reserve(1)
    let first = Task { try await slots.reserve(1) }
    #expect(await eventually { slots.waiting == 1 })
    let second = Task { try await slots.reserve(1) }
    #expect(await eventually { slots.waiting == 2 })
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    slots.release()
    try await second.value
  }
}
