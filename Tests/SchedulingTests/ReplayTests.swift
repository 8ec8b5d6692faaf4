import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("Replay of a scope")
struct ReplayTests {
  private let scope = Scope(
    tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333")

  private func replays(_ fixture: Fixture) -> ScopeReplay {
    ScopeReplay(
      pool: fixture.pool, rawPartitions: 12, limits: fixture.limits, makeID: fixture.makeID,
      now: fixture.now)
  }

  /// A scope whose run of epoch 1 was applied: one collection with records, one of changes, one of
  /// before it was recorded where records are, one that never was applied.
  private func applied(_ fixture: Fixture) async throws {
    try await fixture.requests.handle([fixture.request("1", scopes: [scope.account])])
    try await fixture.execute(
      """
      INSERT INTO sv0.collections (tenant, scope, collection, outcome, outcome_epoch, outcome_at,
        applied_epoch, applied_run, applied_attempt, applied_outcome, applied_kind, applied_records,
        token, raw_partition, raw_from, raw_to)
      SELECT 'acme', '\(scope)', c.*
      FROM (VALUES
        ('aws.iam.role', 'denied', 2, now(), 1, 'R1', 2, 'complete', NULL, 7, NULL, 5, 100, 120),
        ('aws.iam.user', 'complete', 1, now(), 1, 'R1', 2, 'complete', 'delta', 1, 't', 5, 99, 99),
        ('aws.iam.Group', 'complete', 1, now(), 1, 'R0', 1, NULL, NULL, NULL, NULL, NULL, NULL,
          NULL),
        ('aws.iam.policy', 'denied', 1, now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
          NULL)) AS c
      """)
    try await fixture.execute("UPDATE sv0.runs SET state = 'applied', lease_until = NULL")
  }

  @Test("A replay has a run and an epoch of its own, and knows where the records are")
  func begins() async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      let replay = try await replays(fixture).begin(scope, by: "ann")
      #expect(replay.epoch == 2 && replay.attempt == 1 && replay.scope == scope)
      #expect(replay.rawPartition == partition(ofKey: scope.description, among: 12))
      #expect(
        replay.collections.map(\.collection) == ["aws.iam.Group", "aws.iam.role", "aws.iam.user"])
      let (group, role, user) = (
        replay.collections[0], replay.collections[1], replay.collections[2]
      )
      #expect(group.raw == nil && group.outcome == .partial && group.records == 0)
      #expect(role.raw?.partition == 5 && role.raw?.offsets == 100...120)
      #expect(role.outcome == .complete && role.kind == .full && role.records == 7)
      #expect(role.run == "R1" && role.attempt == 2 && role.epoch == 1 && role.token == nil)
      #expect(user.kind == .delta && user.token == "t" && user.raw?.offsets == 99...99)
      let run = try await fixture.run(1)
      #expect(run.run == replay.run && run.state == "leased" && run.epoch == 2)
      #expect(
        try await fixture.number(
          """
          SELECT count(*) FROM sv0.scans WHERE scan = '\(replay.scan)' AND status = 'accepted'
            AND request ->> 'requestedBy' = 'ann' AND request ->> 'reason' LIKE 'replay%'
          """) == 1)
    }
  }

  @Test("While it runs another scan of the scope is skipped, and its end is the loader's turn")
  func ends() async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      let replays = replays(fixture)
      let replay = try await replays.begin(scope, by: "ann")
      try await fixture.requests.handle([fixture.request("2", scopes: [scope.account])])
      #expect(try await fixture.run(2).state == "skipped")
      fixture.clock.advance(by: .seconds(50))
      #expect(try await replays.renew(replay, records: 3))
      #expect(try await replays.extracted(replay, records: 8))
      let run = try await fixture.run(1)
      #expect(run.state == "extracted" && run.records == 8)
      #expect(try await replays.abandon(replay, because: "too late") == false)
      // The loader was faster than the last word.
      try await fixture.execute("UPDATE sv0.runs SET state = 'applied' WHERE epoch = 2")
      #expect(try await replays.extracted(replay, records: 8))
    }
  }

  @Test("A tool that dies loses the lease: the run fails, and no extractor is given it")
  func lost() async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      let expiry = try await fixture.expiry()
      let replays = replays(fixture)
      let replay = try await replays.begin(scope, by: "ann")
      try await fixture.pass(.seconds(59), expiry)
      #expect(try await replays.renew(replay))
      try await fixture.pass(.seconds(59), expiry)
      #expect(try await fixture.run(1).state == "leased")
      try await fixture.pass(.seconds(1), expiry)
      #expect(try await fixture.run(1).state == "failed")
      _ = try await fixture.dispatcher.turn()
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 0)
      #expect(try await replays.renew(replay) == false)
      #expect(try await replays.extracted(replay, records: 8) == false)
    }
  }

  @Test("A replay that is given up, or cancelled, changes nothing of what is known")
  func abandoned() async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      let replays = replays(fixture)
      var replay = try await replays.begin(scope, by: "ann")
      #expect(try await replays.abandon(replay, because: "the raw topic begins later"))
      let run = try await fixture.run(1)
      #expect(run.state == "cancelled" && run.reason?.contains("begins later") == true)
      replay = try await replays.begin(scope, by: "ann")
      #expect(replay.epoch == 3)
      let cancelled = try await Cancellation(pool: fixture.pool, now: fixture.now)
        .cancel(scan: replay.scan, tenant: "acme", by: "eve")
      #expect(cancelled == [scope.description])
      #expect(try await replays.renew(replay) == false)
      #expect(
        try await fixture.number("SELECT count(*) FROM sv0.collections WHERE outcome = 'failed'")
          == 0)
    }
  }

  @Test(
    "While a run may still be applied a replay is refused, and told for which",
    arguments: [RunState.queued, .dispatched, .leased, .extracted])
  func refused(state: RunState) async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      try await fixture.execute("UPDATE sv0.runs SET state = '\(state.rawValue)'")
      let run = try await fixture.run()
      let error = await #expect(throws: SchedulingError.self) {
        try await replays(fixture).begin(scope, by: "ann")
      }
      #expect(error?.kind == .refused && error?.isRetriable == false)
      #expect(error?.message.contains("run \(run.run) of scope \(scope) is \(state)") == true)
      #expect(try await fixture.runs().count == 1)
      #expect(try await fixture.number("SELECT last_epoch FROM sv0.scopes") == 1)
    }
  }

  @Test("A scope that was never scanned, or never applied, cannot be replayed")
  func nothingToReplay() async throws {
    try await Fixture.with { fixture in
      for message in ["never scanned", "ever applied"] {
        let error = await #expect(throws: SchedulingError.self) {
          try await replays(fixture).begin(scope, by: "ann")
        }
        #expect(error?.kind == .refused && error?.message.contains(message) == true)
        try await fixture.requests.handle([fixture.request("1", scopes: [scope.account])])
        try await fixture.execute("UPDATE sv0.runs SET state = 'failed'")
      }
    }
  }

  @Test("Of replays and scans that begin at once, one has the scope, and epochs stay dense")
  func concurrent() async throws {
    try await Fixture.with { fixture in
      try await applied(fixture)
      let begun = try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<4 {
          group.addTask {
            do {
              _ = try await replays(fixture).begin(scope, by: "ann")
              return 1
            } catch let error as SchedulingError where error.kind == .refused {
              return 0
            }
          }
          group.addTask {
            try await fixture.requests.handle([
              fixture.request("c\(index)", scopes: [scope.account])
            ])
            return 0
          }
        }
        return try await group.reduce(0, +)
      }
      let runs = try await fixture.runs()
      #expect(begun <= 1)
      #expect(runs.count { ["queued", "leased"].contains($0.state) } == 1)
      #expect(runs.map(\.epoch) == (1...Int64(runs.count)).map(\.self))
      #expect(runs.count == 5 + begun)
    }
  }
}
