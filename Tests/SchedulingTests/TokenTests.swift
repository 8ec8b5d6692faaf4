import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("What a dispatch says about where listings continue")
struct TokenTests {
  @Test("Tokens of the collections that are read go along, and no others")
  func tokens() async throws {
    try await Fixture.with { fixture in
      try await fixture.connect(
        "acme", "aws-prod", accounts: ["111122223333", "444455556666"],
        collections: ["enable": [], "disable": ["aws.iam.user"]])
      try await fixture.connect("umbrella", "aws-prod", accounts: ["111122223333"])
      try await fixture.execute(
        """
        INSERT INTO sv0.collections (tenant, scope, collection, outcome, outcome_epoch, outcome_at,
          token)
        SELECT t, t || '/aws-prod/aws/' || a, c, 'complete', 1, now(), t || a || c
        FROM unnest('{acme,umbrella}'::text[]) AS t, unnest('{111122223333,777788889999}'::text[])
          AS a, unnest('{aws.iam.role,aws.iam.user,aws.lambda.function@eu-west-1,
          aws.lambda.functional}'::text[]) AS c
        """)
      try await fixture.execute(
        "UPDATE sv0.collections SET token = NULL WHERE tenant = 'umbrella' AND collection LIKE '%role'"
      )
      try await fixture.requests.handle([
        fixture.request("1"), fixture.request("2", "umbrella"),
      ])
      _ = try await fixture.dispatcher.turn()
      _ = try await fixture.relay().turn()
      let messages = fixture.producer.messages(of: Topic.scanDispatch(.aws))
      let tokens = try messages.map { try Dispatch(reading: $0.value, platform: .aws) }
        .sorted { $0.scope.description < $1.scope.description }.map(\.tokens)
      #expect(
        tokens == [
          [
            "aws.iam.role": "acme111122223333aws.iam.role",
            "aws.lambda.function@eu-west-1": "acme111122223333aws.lambda.function@eu-west-1",
          ],
          [:],
          [
            "aws.iam.user": "umbrella111122223333aws.iam.user",
            "aws.lambda.function@eu-west-1": "umbrella111122223333aws.lambda.function@eu-west-1",
            "aws.lambda.functional": "umbrella111122223333aws.lambda.functional",
          ],
        ])
      #expect(try SchemaCheck.problems(messages, "scan-dispatch") == "")
    }
  }

  @Test("A prefix, a region, and a collection without region each mean what they say")
  func patterns() throws {
    let all = ["aws.iam.role": "1", "aws.lambda.function@a": "2", "aws.lambda.function@b": "3"]
    for (asked, expected) in [
      ([], ["1", "2", "3"]), (["aws.lambda.*"], ["2", "3"]), (["aws.lambda.function"], ["2", "3"]),
      (["aws.lambda.function@b"], ["3"]), (["aws.iam.role"], ["1"]), (["aws.iam.user"], []),
    ] {
      let decision = try dispatching.decide(queued(asked: asked, tokens: all), at: now)
      let dispatch = try Dispatch(reading: decision.message?.value, platform: .aws)
      #expect(dispatch.tokens.values.sorted() == expected, "\(asked)")
    }
  }

  @Test("A dispatch that no topic takes cancels its run, and says why")
  func tooLarge() throws {
    let token = String(repeating: "x", count: 1_100_000)
    let decision = try dispatching.decide(
      queued(asked: [], tokens: ["aws.iam.role": token]), at: now)
    #expect(decision.message == nil && decision.run.machine.state == .cancelled)
    #expect(decision.run.machine.reason?.contains("bytes") == true)
    #expect(decision.run.machine.reason?.contains("xxx") == false)
  }

  private let now = Timestamp(milliseconds: 0)
  private let dispatching = Dispatching(
    platform: .aws, rawPartitions: 12, knownCollections: Fixture.known[.aws] ?? [],
    limits: SchedulingLimits())

  private func queued(asked: [String], tokens: [String: String]) throws -> QueuedRun {
    let request = ScanRequest(
      tenant: "acme", connection: "aws-prod", collections: asked, reason: "test",
      requestedBy: "test")
    let id = ULID(at: now, random: Array(repeating: 1, count: 10)).description
    return QueuedRun(
      run: StoredRun(
        tenant: "acme", run: id, scan: id, scope: "acme/aws-prod/aws/111122223333", epoch: 1,
        machine: RunMachine()),
      request: request.json.bytes, document: Fixture.connection().text, tokens: tokens)
  }
}
