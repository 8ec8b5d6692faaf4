import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("Dispatch of queued runs")
struct DispatchTests {
  @Test("A run is given out with all that an extractor needs, and no secret")
  func message() async throws {
    try await Fixture.with { fixture in
      try await fixture.connect(
        "acme", "aws-prod",
        accounts: [
          "111122223333",
          ["id": "444455556666", "roleName": "path/Other", "externalId": "file:/run/other"],
        ], collections: ["enable": ["aws.iam.*"], "disable": ["aws.iam.user"]])
      try await fixture.requests.handle([fixture.request("1")])
      #expect(try await fixture.dispatcher.turn() == false)
      #expect(try await fixture.relay().turn())
      let messages = fixture.producer.messages(of: Topic.scanDispatch(.aws))
      try #require(messages.count == 2)
      let runs = try await fixture.runs()
      #expect(runs.allSatisfy { $0.state == "dispatched" && $0.attempt == 1 })
      let dispatches = try messages.map { try Dispatch(reading: $0.value, platform: .aws) }
        .sorted { $0.scope.account < $1.scope.account }
      #expect(messages.map(\.key).contains(Array("\(runs[0].run)/1".utf8)))
      #expect(
        dispatches[0].credentials
          == [
            "type": "assume_role", "externalId": "env:ACME_EXTERNAL_ID",
            "base": ["type": "environment"],
            "roleArn": "arn:aws:iam::111122223333:role/SecurityV0ReadOnly",
          ])
      #expect(
        dispatches[1].credentials["roleArn"] == "arn:aws:iam::444455556666:role/path/Other")
      #expect(dispatches[1].credentials["externalId"] == "file:/run/other")
      #expect(dispatches[0].settings == ["regions": ["eu-west-1"]])
      #expect(dispatches[0].collections == ["aws.iam.role"])
      #expect(dispatches[0].epoch == 1)
      #expect(dispatches[0].expires == fixture.clock.now + .seconds(60))
      #expect(
        dispatches[0].rawPartition
          == partition(ofKey: "acme/aws-prod/aws/111122223333", among: 12))
    }
  }

  @Test("No more are under way than allowed, also with several schedulers")
  func inFlight() async throws {
    try await Fixture.with { fixture in
      let accounts = (0..<10).map { JSON.string("00000000000\($0)") }
      try await fixture.connect("acme", "aws-prod", accounts: accounts)
      try await fixture.requests.handle([fixture.request("1")])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<5 { group.addTask { _ = try await fixture.dispatcher.turn() } }
        try await group.waitForAll()
      }
      #expect(try await fixture.runs().count { $0.state == "dispatched" } == 4)
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 4)
    }
  }

  @Test("Urgent runs go first; connections and tenants take turns, also one slot at a time")
  func fairness() async throws {
    try await Fixture.with { fixture in
      for (tenant, connection, count) in [
        ("acme", "big", 6), ("acme", "small", 2), ("umbrella", "one", 2),
      ] {
        try await fixture.connect(
          tenant, connection, accounts: (0..<count).map { .string("00000000000\($0)") })
        try await fixture.requests.handle([fixture.request(connection, tenant, connection)])
        fixture.clock.advance(by: .seconds(1))
      }
      try await fixture.requests.handle([
        fixture.request("u", scopes: ["444455556666"], priority: .urgent)
      ])
      var order: [String] = []
      // One slot becomes free at a time; what was given out stays in flight.
      for slots in 1...7 {
        let one = Dispatcher(
          pool: fixture.pool, platform: .aws, rawPartitions: 12, knownCollections: [],
          limits: SchedulingLimits(inFlight: slots), now: fixture.now)
        _ = try await one.turn()
        let running = try await fixture.runs().filter { $0.state == "dispatched" }.map(\.scope)
        order += running.filter { !order.contains($0) }
      }
      let turns = order.map { $0.split(separator: "/")[1] }
      #expect(turns == ["aws-prod", "one", "big", "one", "small", "big", "small"])
    }
  }

  @Test("A run whose account left the connection is cancelled instead")
  func removedAccount() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      try await fixture.connect("acme", "aws-prod", accounts: ["444455556666"])
      _ = try await fixture.dispatcher.turn()
      let runs = try await fixture.runs()
      #expect(runs.map(\.state) == ["cancelled", "dispatched"])
      #expect(runs[0].reason?.contains("settings.accounts") == true)
    }
  }

  @Test("Two relays send each message once, and a dead one's place is taken")
  func relays() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      #expect(try await fixture.relay(holder: "one").turn())
      try await fixture.execute(
        """
        INSERT INTO sv0.outbox (tenant, topic, key, headers, value, created_at)
        VALUES ('acme', 'sv0.scan.dispatch.aws.v1', 'k', '{"b":"2","a":"1"}', NULL, now()),
          ('acme', 'sv0.findings.v1', 'other', '{}', NULL, now())
        """)
      #expect(try await fixture.relay(holder: "two").turn() == false)
      #expect(fixture.producer.messages.count == 2)
      fixture.clock.advance(by: .seconds(16))
      #expect(try await fixture.relay(holder: "two").turn())
      let tombstone = try #require(fixture.producer.messages.last)
      #expect(tombstone.value == nil && tombstone.key == Array("k".utf8))
      #expect(tombstone.headers.sorted { $0.name < $1.name }.map(\.name) == ["a", "b"])
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 1)
    }
  }

  @Test("A message that the broker did not acknowledge is sent again, in order")
  func refusingBroker() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      let refusing = RefusingProducer()
      await #expect(throws: RefusingProducer.Refused.self) {
        try await fixture.relay(refusing).turn()
      }
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 2)
      #expect(try await fixture.relay().turn())
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 0)
      #expect(fixture.producer.batches.count == 1)
    }
  }
}

@Suite("Without a database")
struct OutageTests {
  @Test("A turn fails in a way that the loops repeat, and the error names no password")
  func outage() async throws {
    // Port 1 is reserved and nothing listens on it.
    let pool = PostgresPool(try PostgresConfiguration("postgresql://u:hunter2@127.0.0.1:1/sv0"))
    defer { pool.close() }
    let fixture = Fixture(pool)
    let error = await #expect(throws: SchedulingError.self) { try await fixture.dispatcher.turn() }
    #expect(error?.isRetriable == true)
    #expect(!"\(String(describing: error))".contains("hunter2"))
  }
}

struct RefusingProducer: MessageProducer {
  struct Refused: ClassifiedError {
    let isRetriable = true
  }

  func produce(_ messages: [OutgoingMessage]) async throws { throw Refused() }
}
