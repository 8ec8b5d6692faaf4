import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Schema
import Testing

@Suite("Progress, leases and cancellation")
struct ProgressTests {
  /// The one run of a fresh request, dispatched.
  private func dispatched(_ fixture: Fixture) async throws -> Fixture.Row {
    try await fixture.requests.handle([fixture.request("1", scopes: ["111122223333"])])
    _ = try await fixture.dispatcher.turn()
    return try await fixture.run()
  }

  @Test("Heartbeats lease the run, outcomes are kept, the last word extracts it")
  func goesWell() async throws {
    try await Fixture.with { fixture in
      let run = try await dispatched(fixture)
      let denied = Progress.Phase.collectionEnded(
        collection: "aws.iam.role", outcome: .denied, records: 0, missing: ["iam:ListRoles"],
        message: "denied")
      let batch = [
        fixture.message(run, .heartbeat), fixture.message(run, denied, records: 3),
        fixture.message(run, .ended(outcome: .partial, message: nil), records: 5),
      ]
      try await fixture.progress.handle([batch[0]])
      #expect(try await fixture.run().state == "leased")
      try await fixture.progress.handle(batch)
      let ended = try await fixture.run()
      #expect(ended.state == "extracted" && ended.records == 5)
      try await fixture.progress.handle(batch)
      #expect(try await fixture.run() == ended)
      #expect(
        try await fixture.number(
          "SELECT count(*) FROM sv0.run_collections WHERE missing = '{iam:ListRoles}'") == 1)
    }
  }

  @Test("A run that the loader has applied stays applied, and gets its last counts")
  func appliedFirst() async throws {
    try await Fixture.with { fixture in
      let run = try await dispatched(fixture)
      try await fixture.execute("UPDATE sv0.runs SET state = 'applied', lease_until = NULL")
      try await fixture.progress.handle([
        fixture.message(run, .heartbeat, records: 3),
        fixture.message(run, .ended(outcome: .failed, message: "late"), records: 9),
      ])
      let after = try await fixture.run()
      #expect(after.state == "applied" && after.records == 9 && after.reason == nil)
    }
  }

  @Test("Progress of unknown runs is ignored, of another scope's run refused")
  func strangers() async throws {
    try await Fixture.with { fixture in
      var run = try await dispatched(fixture)
      let key = "acme/aws-prod/aws/444455556666"
      let bad = await #expect(throws: BadMessage.self) {
        try await fixture.progress.handle([fixture.message(run, .heartbeat, key: key)])
      }
      #expect(bad?.errorClass == "tenant")
      // The same run under another tenant's key is a run that this tenant does not have.
      try await fixture.progress.handle([
        fixture.message(run, .heartbeat, key: "other/aws-prod/aws/111122223333")
      ])
      #expect(try await fixture.run().state == "dispatched")
      run.run = "01HZX3Q8Z1QK7V6W5T4S3R2P1N"
      try await fixture.progress.handle([fixture.message(run, .heartbeat)])
      var malformed = fixture.message(run, .heartbeat)
      malformed.value = Array("{".utf8)
      await #expect(throws: BadMessage.self) { try await fixture.progress.handle([malformed]) }
      malformed = fixture.message(run, .heartbeat)
      malformed.key = nil
      await #expect(throws: BadMessage.self) { try await fixture.progress.handle([malformed]) }
    }
  }

  @Test("Silent attempts are replaced, and the last one's loss fails the run for all to see")
  func silence() async throws {
    try await Fixture.with { fixture in
      try await fixture.execute(
        """
        INSERT INTO sv0.collections (tenant, scope, collection, outcome, outcome_epoch, outcome_at)
        SELECT 'acme', 'acme/aws-prod/aws/111122223333', c, 'complete', 0, now()
        FROM unnest('{aws.iam.role,aws.lambda.function@eu-west-1}'::text[]) AS c
        """)
      try await fixture.requests.handle([
        fixture.request("1", scopes: ["111122223333"], collections: ["aws.iam.*"])
      ])
      let expiry = try await fixture.expiry()
      for attempt in 1...3 {
        _ = try await fixture.dispatcher.turn()
        let run = try await fixture.run()
        #expect(run.attempt == attempt)
        try await fixture.progress.handle([fixture.message(run, .heartbeat)])
        try await fixture.pass(.seconds(59), expiry)
        #expect(try await fixture.run().state == "leased")
        try await fixture.pass(.seconds(1), expiry)
        #expect(try await fixture.run().state == (attempt == 3 ? "failed" : "queued"))
      }
      #expect(try await fixture.run().reason?.contains("the last of 3") == true)
      #expect(try await fixture.number("SELECT graph_version FROM sv0.tenants") == 1)
      #expect(try await fixture.number("SELECT graph_version FROM sv0.runs") == 1)
      #expect(
        try await fixture.number(
          """
          SELECT count(*) FROM sv0.collections WHERE outcome = 'failed' AND outcome_epoch = 1
            AND collection = 'aws.iam.role'
          """) == 1)
      #expect(
        try await fixture.number(
          "SELECT count(*) FROM sv0.collections WHERE outcome = 'complete'") == 1)
    }
  }

  @Test("A dispatch that expired before it was sent is not sent any more")
  func withdrawn() async throws {
    try await Fixture.with { fixture in
      let expiry = try await fixture.expiry()
      _ = try await dispatched(fixture)
      try await fixture.pass(.seconds(61), expiry)
      #expect(try await fixture.run().state == "queued")
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 0)
      #expect(try await fixture.dispatcher.turn() == false)
      #expect(try await fixture.run().attempt == 2)
    }
  }

  @Test("A scheduler that just started first hears what was said while none ran")
  func graceAtStart() async throws {
    try await Fixture.with { fixture in
      let run = try await dispatched(fixture)
      fixture.clock.advance(by: .seconds(600))
      let expiry = LeaseExpiry(pool: fixture.pool, limits: fixture.limits, now: fixture.now)
      try await fixture.pass(.seconds(1), expiry)
      #expect(try await fixture.run().state == "dispatched")
      try await fixture.progress.handle([fixture.message(run, .heartbeat)])
      try await fixture.pass(.seconds(59), expiry)
      #expect(try await fixture.run().state == "leased")
    }
  }

  @Test("A scheduler that was stopped, or had no database, first hears what was said meanwhile")
  func graceAfterGap() async throws {
    try await Fixture.with { fixture in
      let expiry = try await fixture.expiry()
      let run = try await dispatched(fixture)
      fixture.clock.advance(by: .seconds(600))
      _ = try await expiry.turn()
      #expect(try await fixture.run().state == "dispatched")
      try await fixture.progress.handle([fixture.message(run, .heartbeat)])
      try await fixture.pass(.seconds(59), expiry)
      #expect(try await fixture.run().state == "leased")
      try await fixture.pass(.seconds(1), expiry)
      #expect(try await fixture.run().state == "queued")
    }
  }

  @Test("Cancelling a scan ends what nobody has finished reading")
  func cancel() async throws {
    try await Fixture.with { fixture in
      let run = try await dispatched(fixture)
      try await fixture.requests.handle([fixture.request("2", scopes: ["444455556666"])])
      let scan = try await fixture.pool.withTransaction {
        try await $0.query("SELECT scan FROM sv0.runs WHERE run = '\(run.run)'").first?.string(0)
      }
      let cancellation = Cancellation(pool: fixture.pool, now: fixture.now)
      let cancelled = try await cancellation.cancel(
        scan: try #require(scan), tenant: "acme", by: "ann")
      #expect(cancelled == ["acme/aws-prod/aws/111122223333"])
      #expect(try await fixture.runs().map(\.state) == ["cancelled", "queued"])
      #expect(try await fixture.run().reason == "cancelled by ann")
      #expect(try await fixture.number("SELECT count(*) FROM sv0.outbox") == 0)
      #expect(
        try await cancellation.cancel(scan: try #require(scan), tenant: "other", by: "eve") == nil)
      try await fixture.progress.handle([fixture.message(run, .heartbeat)])
      #expect(try await fixture.run().state == "cancelled")
    }
  }
}
