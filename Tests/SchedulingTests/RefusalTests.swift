import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("Refusals of the servers")
struct RefusalTests {
  @Test("A missing grant is told as such, and not tried again")
  func permission() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      try await fixture.execute("REVOKE SELECT ON sv0.runs FROM sv0_queue")
      let error = await #expect(throws: SchedulingError.self) {
        try await fixture.dispatcher.turn()
      }
      #expect(error?.kind == .database && error?.isRetriable == false)
      #expect(error?.cause?.sqlState == .insufficientPrivilege)
    }
  }

  /// A broker that takes messages up to a size: per message, as Kafka does for a batch of one.
  private struct SmallBroker: MessageProducer {
    struct TooLarge: ClassifiedError {
      let isRetriable = false
    }

    let kept = RecordingProducer()
    let limits: [String: Int]

    func produce(_ messages: [OutgoingMessage]) async throws {
      for message in messages {
        guard message.value?.count ?? 0 <= limits[message.topic] ?? 0 else { throw TooLarge() }
        try await kept.produce(message)
      }
    }
  }

  @Test(
    "A message that is too large becomes a dead letter, and the others arrive in order",
    arguments: [8_000_000, 1_000_000])
  func oversized(deadLetterBytes: Int) async throws {
    try await Fixture.with { fixture in
      try await fixture.execute(
        """
        INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
        SELECT 'acme', 'sv0.findings.v1', 'k' || size, '{"ce_id": "1"}', repeat('x', size), now()
        FROM unnest('{10,2000000,20,1500000,30}'::int[]) AS size
        """)
      let broker = SmallBroker(
        limits: [Topic.findings: 1_600_000, Topic.deadLetter: deadLetterBytes])
      let relay = OutboxRelay(
        pool: fixture.pool, producer: broker, topics: [Topic.findings], holder: "one",
        stage: .evaluator, now: fixture.now)
      #expect(try await relay.turn())
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 0)
      let keys = broker.kept.messages.map { String(decoding: $0.key ?? [], as: UTF8.self) }
      #expect(keys == ["k10", "k2000000", "k20", "k1500000", "k30"])
      let letters = broker.kept.messages(of: Topic.deadLetter)
      #expect(letters.count == 1)
      #expect(letters[0].value?.count == (deadLetterBytes > 2_000_000 ? 2_000_000 : nil))
      let headers = Dictionary(
        uniqueKeysWithValues: letters[0].headers.map {
          ($0.name, String(decoding: $0.value ?? [], as: UTF8.self))
        })
      #expect(headers["sv0.errors.class.name"] == "oversized")
      #expect(headers["sv0.errors.topic"] == Topic.findings)
      #expect(headers["sv0.errors.stage"] == "evaluator" && headers["ce_id"] == "1")
      #expect(headers["sv0.errors.reason"]?.contains("2000014 bytes") == true)
    }
  }

  @Test("A broker that is away does not make dead letters of large messages")
  func awayWhileLarge() async throws {
    try await Fixture.with { fixture in
      try await fixture.execute(
        """
        INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
        VALUES ('acme', 'sv0.scan.dispatch.aws.v1', 'k', '{}', repeat('x', 2000000), now())
        """)
      await #expect(throws: RefusingProducer.Refused.self) {
        try await fixture.relay(RefusingProducer()).turn()
      }
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 1)
    }
  }
}
