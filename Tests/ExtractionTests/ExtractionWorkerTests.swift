import Extraction
import Logging
import Model
import Pipeline
import PipelineTesting
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite struct ExtractionWorkerTests {
  private let silent = ScriptedTransport { _ in .init("") }

  private func attempt(
    _ units: [ExtractionUnit], producer: RecordingProducer = RecordingProducer(),
    limits: ExtractionLimits = ExtractionLimits()
  ) -> TestAttempt {
    TestAttempt(
      connector: FakeConnector(units: units), transport: silent, producer: producer, limits: limits)
  }

  /// A unit that begins and then waits to be cancelled.
  private func endless(_ begun: Counter) -> ExtractionUnit {
    ExtractionUnit(collections: ["endless"]) { output in
      begun.add()
      try await output.collections[0].publish([Record(key: "x", bytes: [0x7B, 0x7D], call: 0)])
      try await Task.sleep(for: .seconds(3600))
    }
  }

  private final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
  }

  @Test func aUnitThatFailsEndsOnlyItsCollections() async {
    struct Unexpected: Error {}
    let published = await attempt([
      .publishing("one", "x", "y"),
      ExtractionUnit(collections: ["two", "three"]) { output in
        try await output["two"]?.end(.complete)
        throw Unexpected()
      },
    ]).run()
    #expect(published.outcomes == ["one": .complete, "two": .complete, "three": .failed])
    #expect(published.records(of: "one").map(\.key) == ["x", "y"])
    #expect(published.ended?.outcome == .partial)
    #expect(published.faults == [])
  }

  @Test func whatKindOfListingItWasTravelsWithTheEnd() async throws {
    func unit(_ name: String, _ result: CollectionResult) -> ExtractionUnit {
      ExtractionUnit(collections: [name]) { output in
        try await output.collections[0].publish([Record(key: "x", bytes: [0x7B, 0x7D], call: 0)])
        try await output.collections[0].end(result)
      }
    }
    let published = await attempt([
      unit("changes", .changes(from: "t1", to: "t2")), unit("use", .activity(token: "u2")),
      unit("listing", .complete(token: "l2")), unit("plain", .complete),
    ]).run()
    let changes = try #require(published.end(of: "changes"))
    #expect(changes.kind == .delta && changes.from == "t1" && changes.token == "t2")
    #expect(changes.outcome == .complete && changes.records == 1)
    let use = try #require(published.end(of: "use"))
    #expect(use.kind == .activity && use.from == nil && use.token == "u2")
    let listing = try #require(published.end(of: "listing"))
    #expect(listing.kind == .full && listing.token == "l2")
    let plain = try #require(published.end(of: "plain"))
    #expect(plain.kind == .full && plain.token == nil)
    #expect(published.ended?.outcome == .complete)
    #expect(!published.log.joined().contains("t2"), "tokens are not logged")
  }

  @Test func unitsPublishAtTheSameTimeIntoOneOrder() async {
    let keys = (0..<50).map(String.init)
    let units = (0..<8).map { index in
      ExtractionUnit(collections: ["c\(index)"]) { output in
        for key in keys {
          try await output.collections[0].publish([Record(key: key, bytes: [0x7B, 0x7D], call: 0)])
        }
      }
    }
    let published = await attempt(units).run()
    #expect(published.faults == [])
    for index in 0..<8 {
      let records = published.records(of: "c\(index)")
      #expect(records.map(\.key) == keys)
      #expect(records.map(\.sequence) == Array(0..<50))
    }
  }

  @Test func aBatchThatFailsForNowIsRepeatedAsItWas() async {
    let refusals = Counter()
    let seen = Mutex<[[OutgoingMessage]]>([])
    let producer = RecordingProducer { batch in
      guard batch.first?.topic == Topic.raw(.aws) else { return }
      seen.withLock { $0.append(batch) }
      guard refusals.count < 2 else { return }
      refusals.add()
      throw ScriptedProducerError(isRetriable: true)
    }
    let published = await attempt([.publishing("one", "x")], producer: producer).run()
    #expect(published.ended?.outcome == .complete)
    let first = seen.withLock { $0.prefix(3) }
    #expect(Set(first.map { $0.map(\.value) }).count == 1)
  }

  @Test func aBrokerThatRefusesForGoodFailsTheAttempt() async {
    let producer = RecordingProducer { batch in
      if batch.first?.topic == Topic.raw(.aws) { throw ScriptedProducerError(isRetriable: false) }
    }
    let published = await attempt([.publishing("one", "x")], producer: producer).run()
    #expect(published.ended == nil)
    #expect(published.ending?.outcome == .failed)
    #expect(published.ending?.message?.contains("broker") == true)
  }

  @Test func aUnitThatTakesTooLongEnds() async {
    var attempt = attempt([endless(Counter()), .publishing("one", "x")])
    let producer = attempt.producer
    attempt.timeLimit = {
      _ = await eventually {
        PublishedAttempt(producer.messages, log: []).outcome(of: "one") != nil
      }
    }
    #expect(await attempt.run().outcomes == ["endless": .failed, "one": .complete])
  }

  @Test func aUnitThatRunsOutOfTimeWhilePublishingDisturbsNothing() async {
    let begun = Counter()
    let isOver = Counter()
    let producer = RecordingProducer { batch in
      guard batch.contains(where: isRecord) else { return }
      begun.add()
      _ = await eventually { isOver.count > 0 }
      try Task.checkCancellation()
    }
    var attempt = attempt([.publishing("slow", "x", "y", "z")], producer: producer)
    attempt.timeLimit = {
      _ = await eventually { begun.count > 0 }
      // The unit is cancelled when this returns, and the batch acknowledged after that.
      Task { isOver.add() }
    }
    let published = await attempt.run()
    #expect(published.outcomes == ["slow": .failed])
    #expect(published.ended?.outcome == .failed)
    #expect(published.end(of: "slow")?.records == Int64(published.records.count))
    #expect(published.faults == [])
  }

  /// A scheduler that hears of a collection first would hear of an attempt that never began.
  @Test func aHeartbeatIsTheFirstWord() async {
    let order = Mutex<[String]>([])
    let producer = RecordingProducer { batch in
      let isFirst = order.withLock { order in
        order.append("begun")
        return order.count == 1
      }
      guard isFirst else { return }
      #expect(batch.map(\.topic) == [Topic.scanProgress])
      // Whatever does not wait for it comes meanwhile.
      for _ in 0..<1000 { await Task.yield() }
      order.withLock { $0.append("sent") }
    }
    let published = await attempt([.publishing("one", "x")], producer: producer).run()
    #expect(published.ended?.outcome == .complete)
    #expect(order.withLock { $0.prefix(2) } == ["begun", "sent"])
  }

  @Test func aStoppedWorkerSaysSo() async throws {
    let begun = Counter()
    let attempt = attempt([endless(begun)])
    let worker = attempt.worker()
    try await testGracefulShutdown { trigger in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        try await worker.handle([attempt.message])
        #expect(await eventually { begun.count == 1 })
        trigger.triggerGracefulShutdown()
        try await group.waitForAll()
      }
    }
    let published = PublishedAttempt(attempt.producer.messages, log: [])
    #expect(published.ended == nil)
    #expect(published.ending?.outcome == .failed)
    #expect(published.ending?.message == "worker was stopped")
    var next = attempt
    next.dispatch.attempt = 2
    let message = next.message
    await #expect(throws: CancellationError.self) { try await worker.handle([message]) }
  }

  @Test func aStoppedWorkerDoesNotWaitForTheBroker() async throws {
    let begun = Counter()
    let producer = RecordingProducer { batch in
      guard batch.contains(where: isRecord) else { return }
      begun.add()
      try await Task.sleep(for: .seconds(3600))
    }
    let attempt = attempt([.publishing("one", "x")], producer: producer)
    let worker = attempt.worker()
    let running = Task { try await worker.run() }
    try await worker.handle([attempt.message])
    #expect(await eventually { begun.count == 1 })
    running.cancel()
    _ = await running.result
    let published = PublishedAttempt(producer.messages, log: [])
    #expect(published.ending?.message == "worker was stopped")
    #expect(published.collections == [])
  }

  @Test func aRepeatedDispatchIsExecutedOnce() async throws {
    let begun = Counter()
    let attempt = attempt([endless(begun)])
    let worker = attempt.worker()
    let running = Task { try await worker.run() }
    try await worker.handle([attempt.message])
    #expect(await eventually { begun.count == 1 })
    try await worker.handle([attempt.message])
    running.cancel()
    _ = await running.result
    #expect(begun.count == 1)
  }

  @Test func noMoreAttemptsAreAcceptedThanTheLimit() async throws {
    let begun = Counter()
    let attempt = attempt([endless(begun)], limits: ExtractionLimits(attemptsAtOnce: 2))
    let worker = attempt.worker()
    let running = Task { try await worker.run() }
    let messages = (1...3).map { number in
      var numbered = attempt
      numbered.dispatch.attempt = number
      return numbered.message
    }
    try await worker.handle(Array(messages.prefix(2)))
    #expect(await eventually { begun.count == 2 })
    let third = Task { try await worker.handle([messages[2]]) }
    third.cancel()
    await #expect(throws: CancellationError.self) { try await third.value }
    #expect(begun.count == 2)
    running.cancel()
    _ = await running.result
  }

  @Test func anExpiredDispatchIsIgnored() async throws {
    var attempt = attempt([.publishing("one", "x")])
    attempt.dispatch.expires = attempt.clock.now
    try await attempt.worker().handle([attempt.message])
    #expect(attempt.producer.messages == [])
  }

  @Test func aMalformedDispatchIsABadMessage() async {
    var message = attempt([]).message
    message.value = Array("{}".utf8)
    let worker = attempt([]).worker()
    await #expect(throws: BadMessage.self) { try await worker.handle([message]) }
  }
}

private func isRecord(_ message: OutgoingMessage) -> Bool {
  message.headers.contains { header in
    if case .record = RecordHeader(String(decoding: header.value ?? [], as: UTF8.self))?.content {
      true
    } else {
      false
    }
  }
}
