import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Schema
import Synchronization
import Testing

@Suite("When an active scheduler stops, another takes over")
struct StandbyTests {
  /// A transaction that did something and then says nothing more, as if its process were stopped,
  /// until it is let go on.
  private func stopped(
    _ store: PostgresQueueStore, _ options: TransactionOptions, _ sql: String,
    while body: () async throws -> Void
  ) async throws -> (any Error)? {
    let (isInside, resumed) = (Flag(), Flag())
    async let zombie: (any Error)? = {
      do {
        try await store.transaction(options) { transaction in
          _ = try await transaction.query(sql)
          isInside.raise()
          _ = await eventually { resumed.isRaised }
          _ = try await transaction.execute("UPDATE sv0.runs SET reason = 'zombie'")
        }
        return nil
      } catch {
        return error
      }
    }()
    #expect(await eventually { isInside.isRaised })
    try await body()
    resumed.raise()
    return await zombie
  }

  @Test("A dispatcher that is stopped in its transaction is taken over, and stores nothing later")
  func dispatcher() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      let store = PostgresQueueStore(pool: fixture.pool, silence: .milliseconds(300))
      // What `dispatch` does first, and row locks as it takes them.
      let error = try await stopped(
        store, .queue,
        """
        SELECT pg_try_advisory_xact_lock(7382002, hashtext('aws')), run FROM sv0.runs
        WHERE state = 'queued' FOR UPDATE
        """
      ) {
        let isTakenOver = await eventually {
          _ = try? await fixture.dispatcher.turn()
          return (try? await fixture.runs())?.allSatisfy { $0.state == "dispatched" } == true
        }
        #expect(isTakenOver)
      }
      #expect((error as? SchedulingError)?.isRetriable == true)
      let runs = try await fixture.runs()
      #expect(runs.allSatisfy { $0.reason == nil && $0.attempt == 1 })
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 2)
    }
  }

  @Test("Scopes and runs that a stopped scheduler has locked are free again")
  func rows() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      let run = try await fixture.run()
      let store = PostgresQueueStore(pool: fixture.pool, silence: .milliseconds(300))
      let error = try await stopped(
        store, .tenant("acme"),
        "SELECT FROM sv0.scopes JOIN sv0.runs USING (tenant, scope) FOR UPDATE"
      ) {
        // Both wait for the locks, and get them.
        try await fixture.requests.handle([fixture.request("2")])
        try await fixture.progress.handle([fixture.message(run, .heartbeat)])
        #expect(try await fixture.run().state == "leased")
      }
      #expect((error as? SchedulingError)?.isRetriable == true)
      #expect(try await fixture.number("SELECT count(*) FROM sv0.runs") == 4)
    }
  }

  @Test("A status relay that returns late does not leave an old version as the last")
  func zombieStatus() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1", scopes: ["111122223333"])])
      let topic = RecordingProducer()
      // While the first is stopped in the middle of sending, a second publishes what is newer.
      let zombie = RecordingProducer { messages in
        fixture.clock.advance(by: .seconds(16))
        _ = try await fixture.status(topic, holder: "two").turn()
        _ = try await fixture.dispatcher.turn()
        _ = try await fixture.status(topic, holder: "two").turn()
        try await topic.produce(messages)
      }
      _ = try await fixture.status(zombie, holder: "one").turn()
      #expect(try versions(topic) == [1, 2, 1])
      #expect(try await fixture.status(topic, holder: "one").turn() == false)
      _ = try await fixture.status(topic, holder: "two").turn()
      #expect(try versions(topic) == [1, 2, 1, 3])
      #expect(
        topic.messages.last?.value.map { String(decoding: $0, as: UTF8.self) }?
          .contains(#""state":"dispatched""#) == true)
      _ = try await fixture.status(topic, holder: "two").turn()
      #expect(try versions(topic).count == 4)
    }
  }

  @Test("A relay that was stopped between reading and sending sends nothing")
  func stoppedBeforeSending() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      let stopping = Mutex(0)
      let relay = OutboxRelay(
        pool: fixture.pool, producer: fixture.producer, topics: [Topic.scanDispatch(.aws)],
        holder: "one",
        now: {
          // Asked when it takes the lease, and again when it is about to send.
          stopping.withLock { $0 += 1 }
          return fixture.clock.now + (stopping.withLock { $0 } == 2 ? .seconds(8) : .zero)
        })
      let error = await #expect(throws: SchedulingError.self) { try await relay.turn() }
      #expect(error?.kind == .relayLost && error?.isRetriable == true)
      #expect(fixture.producer.messages.isEmpty)
      #expect(try await relay.turn())
      #expect(fixture.producer.messages.count == 2)
    }
  }

  @Test("A relay's lease goes to one at a time, and once lost is not renewed")
  func leases() async throws {
    try await Fixture.with { fixture in
      let store = PostgresQueueStore(pool: fixture.pool)
      let (one, two) = (
        RelayLease(name: "outbox", holder: "one"), RelayLease(name: "outbox", holder: "two")
      )
      var got: [Bool] = [try await take(one, store, fixture), try await take(two, store, fixture)]
      #expect(got == [true, false])
      fixture.clock.advance(by: .seconds(16))
      // Late, but nobody was in between.
      got = [
        try await store.renew(one, at: fixture.clock.now), try await take(two, store, fixture),
      ]
      #expect(got == [true, false])
      fixture.clock.advance(by: .seconds(16))
      #expect(try await take(two, store, fixture))
      fixture.clock.advance(by: .seconds(16))
      got = [
        try await store.renew(one, at: fixture.clock.now), try await take(one, store, fixture),
      ]
      #expect(got == [false, true])
    }
  }

  private func take(
    _ lease: RelayLease, _ store: PostgresQueueStore, _ fixture: Fixture
  ) async throws -> Bool {
    try await store.outbox(
      of: ["x"], upTo: OutboxLimit(messages: 1, bytes: 1), under: lease, at: fixture.clock.now)
      != nil
  }

  @Test("While it is being sent the lease is renewed; a relay that lost it stops sending")
  func renewal() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      let store = PostgresQueueStore(pool: fixture.pool)
      let slow = RecordingProducer { _ in try await Task.sleep(for: .seconds(3600)) }
      let relay = OutboxRelay(
        store: store, producer: slow, topics: [Topic.scanDispatch(.aws)], holder: "one",
        stage: .scheduler, now: fixture.now,
        sleep: { duration in
          // Renewed in time for a while, then the lease is somebody else's.
          try await fixture.clock.sleep(duration)
          if fixture.clock.now > ManualClock().now + .seconds(60) {
            try await fixture.execute("UPDATE sv0.relay_leases SET holder = 'two'")
          }
        })
      let error = await #expect(throws: SchedulingError.self) { try await relay.turn() }
      #expect(error?.kind == .relayLost)
      #expect(fixture.clock.now > ManualClock().now + .seconds(60))
      #expect(slow.messages.isEmpty)
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 2)
    }
  }

  private func versions(_ producer: RecordingProducer) throws -> [Int] {
    producer.messages.compactMap { message in
      message.headers.first { $0.name == "ce_id" }?.value
        .flatMap { String(decoding: $0, as: UTF8.self).split(separator: ".").last }
        .flatMap { Int($0) }
    }
  }
}

private final class Flag: Sendable {
  private let state = Atomic(false)

  var isRaised: Bool { state.load(ordering: .acquiring) }

  func raise() { state.store(true, ordering: .releasing) }
}
