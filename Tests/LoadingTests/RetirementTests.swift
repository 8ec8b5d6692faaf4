import Model
import PostgresClient
import Testing

@testable import Loading

@Suite struct RetirementTests {
  private static let scope = LoaderFixture.scope
  private static let later = LoaderFixture.start + .seconds(86400)

  private func retirement(_ fixture: LoaderFixture) -> Retirement {
    Retirement(pool: fixture.pool, now: { Self.later })
  }

  private func functions(_ region: String) -> ScriptedCollection {
    ScriptedCollection(name: "aws.lambda.function@\(region)", fragments: [.role("fn-\(region)")])
  }

  @Test func aRetiredScopeIsClosedAndOnRecord() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      let retired = try await retirement(fixture).retire(Self.scope, by: "ana")
      #expect(
        retired == Retirement.Retired(scope: Self.scope, epoch: 2, assertions: 6, runs: []))
      #expect(try await fixture.openNodes.isEmpty)
      #expect(
        try await fixture.rows(
          "SELECT DISTINCT closed_epoch::text, closed_version::text FROM sv0.nodes") == ["2|2"])
      #expect(try await fixture.rows("SELECT collection FROM sv0.collections").isEmpty)
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
      #expect(
        try await fixture.rows(
          "SELECT scope, collection, epoch::text, retired_by FROM sv0.retirements") == [
            "\(Self.scope)||2|ana"
          ])
    }
  }

  @Test func anAttemptOfAnOlderEpochIsNotAppliedAndANewerOneIs() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"))])
      try await fixture.dispatch(epoch: 2)
      let messages = fixture.messages(epoch: 2, [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(messages.dropLast()))
      try await fixture.dispatch(epoch: 2, state: .extracted)
      #expect(try await retirement(fixture).retire(Self.scope, by: "ana")?.runs == [])
      try await fixture.loader.handle([messages.last!])
      #expect(try await fixture.openNodes.isEmpty)
      #expect(try await fixture.rows("SELECT collection FROM sv0.collections").isEmpty)
      #expect(
        try await fixture.rows("SELECT state FROM sv0.runs WHERE epoch = 2") == ["applied"])
      #expect(
        try await fixture.rows(
          "SELECT message FROM sv0.run_collections WHERE run = '\(LoaderFixture.run(2))'") == [
            "retired since: nothing of this epoch is applied"
          ])
      try await fixture.scan(epoch: 4, [roles(.role("a"))])
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test(arguments: [RunState.queued, .dispatched, .leased])
  func runsThatAreNotReadToTheEndAreCancelled(_ state: RunState) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"))])
      try await fixture.dispatch(epoch: 2, state: state)
      let run = LoaderFixture.run(2)
      try await fixture.execute(
        """
        INSERT INTO sv0.outbox (tenant, topic, key, headers, created_at) VALUES
          ('acme', '\(Topic.scanDispatch(.aws))', '\(run)/1', '{}', now()),
          ('acme', '\(Topic.scanDispatch(.aws))', 'another/1', '{}', now())
        """)
      let messages = fixture.messages(epoch: 2, [roles(.role("b"))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      let retired = try await retirement(fixture).retire(Self.scope, by: "ana")
      #expect(retired?.runs == [run])
      #expect(
        try await fixture.rows(
          """
          SELECT state, reason, lease_until::text, (version > published_version)::text AS public
          FROM sv0.runs WHERE epoch = 2
          """) == ["cancelled|the scope was retired by ana|-|true"])
      #expect(try await fixture.rows("SELECT key FROM sv0.outbox") == ["another/1"])
      try await fixture.loader.handle(Array(messages[2...]))
      #expect(try await fixture.openNodes.isEmpty)
      #expect(try await fixture.staged.isEmpty)
    }
  }

  @Test func aCollectionIsRetiredInEveryRegionAndAlone() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1, [roles(.role("a")), functions("eu-west-1"), functions("us-east-1")])
      try await fixture.dispatch(epoch: 2, state: .extracted)
      let messages = fixture.messages(
        epoch: 2, [roles(.role("b")), functions("eu-west-1"), functions("eu-west-3")])
      let retired = try await retirement(fixture).retire(
        Self.scope, collection: "aws.lambda.function", by: "ana")
      #expect(retired?.assertions == 6)
      #expect(try await fixture.rows("SELECT collection FROM sv0.collections") == ["aws.iam.role"])
      try await fixture.loader.handle(messages)
      #expect(
        try await fixture.rows(
          "SELECT DISTINCT collection FROM sv0.nodes WHERE closed_epoch IS NULL") == [
            "aws.iam.role"
          ])
      #expect(
        try await fixture.rows(
          "SELECT collection, applied_epoch::text FROM sv0.collections") == ["aws.iam.role|2"])
      try await fixture.scan(epoch: 4, [functions("eu-west-1")])
      #expect(try await fixture.openNodes.count == 4)
    }
  }

  @Test func theScopesOfAConnectionAreThoseOfItsName() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.execute(
        """
        INSERT INTO sv0.scopes VALUES ('acme', 'acme/aws-prod-2/aws/111122223333', 1),
          ('acme', 'acme/aws-prod/aws/000000000001', 1),
          ('other', 'other/aws-prod/aws/111122223333', 1)
        """)
      #expect(
        try await retirement(fixture).scopes(of: "aws-prod", tenant: "acme").map(\.account)
          == ["000000000001", "111122223333"])
      let unknown = Scope(
        tenant: "acme", connection: "aws-prod", platform: .aws, account: "000000000009")
      #expect(try await retirement(fixture).retire(unknown, by: "ana") == nil)
    }
  }
}
