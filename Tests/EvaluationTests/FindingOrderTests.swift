import Model
import PipelineTesting
import PostgresClient
import Testing

@testable import Evaluation

/// What people order, against a real database.
@Suite struct FindingOrderTests {
  @Test func whatIsHeldIsSentOnceItIsReleased() async throws {
    try await TestDatabase.with { pool in
      var estate = Estate()
      estate.role("speaker", policies: [Policy.document(Policy.allow("polly:*"))])
      try await estate.store(in: pool)
      _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(10)).turn()
      #expect(try await EvaluationServiceTests.queued(pool).count == 1)
      let store = PostgresEvaluationStore(pool)
      let held = try #require(
        try await store.read("acme")?.findings.first { $0.life.isHeld })
      #expect(held.life.version == 0 && held.event["message"] != nil)

      let orders = FindingOrders(pool: pool, now: { Estate.now + .seconds(20) })
      let none = try await orders.release(FindingRelease(rule: "other"), of: "acme", by: "me")
      #expect(none == 0)
      #expect(try await orders.release(FindingRelease(), of: "nobody", by: "me") == 0)
      #expect(try await orders.release(FindingRelease(), of: "acme", by: "me") == 1)
      for seconds in [40, 60] {
        _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(seconds))
          .turn()
      }
      let sent = try await EvaluationServiceTests.queued(pool).filter { $0.key == held.uid }
      #expect(sent.count == 1 && sent[0].value?.contains(#""sequence":1"#) == true)
      #expect(try await store.read("acme")?.settled.releases == [])
    }
  }

  /// An order that comes while an evaluation is under way is left to the next one.
  @Test func aReleaseDuringAnEvaluationIsNotLost() async throws {
    try await TestDatabase.with { pool in
      var estate = Estate()
      estate.role("speaker", policies: [Policy.document(Policy.allow("polly:*"))])
      try await estate.store(in: pool)
      _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(10)).turn()
      let store = PostgresEvaluationStore(pool)
      let reading = try #require(try await store.read("acme"))
      let orders = FindingOrders(pool: pool, now: { Estate.now + .seconds(20) })
      #expect(try await orders.release(FindingRelease(), of: "acme", by: "me") == 1)
      let written = try await store.write(
        EvaluationResult(
          clock: reading.clock, changes: [], inputs: [:], nextDueAt: nil,
          at: Estate.now + .seconds(20)))
      #expect(written)
      #expect(try await store.read("acme")?.settled.releases == [FindingRelease()])
      _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(40)).turn()
      #expect(try await store.read("acme")?.findings.contains { $0.life.isHeld } == false)
    }
  }

  @Test func anAcceptedDriftIsResolved() async throws {
    let read = Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::acme-hr-payroll/*"))
    try await TestDatabase.with { pool in
      var estate = Estate()
      estate.resource("arn:aws:s3:::acme-hr-payroll", "aws.s3.bucket", policy: nil)
      estate.end("aws.s3.bucket@eu-west-1", .complete)
      estate.role("worker", policies: [read])
      try await estate.store(in: pool)
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          "UPDATE sv0.edges SET closed_epoch = 2 WHERE kind = 'grantedBy'")
      }
      let store = PostgresEvaluationStore(pool)
      func state(at seconds: Int) async throws -> FindingState? {
        _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(seconds))
          .turn()
        let findings = try await store.read("acme")?.findings
        return findings?.first { $0.key.rule == "scope-drift" }?.life.state
      }
      #expect(try await state(at: 10) == nil)
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          "UPDATE sv0.edges SET closed_epoch = NULL; UPDATE sv0.tenants SET graph_version = 8")
      }
      #expect(try await state(at: 20) == .new)
      let drifted = try await store.read("acme")?.settled.baselines.values.map(\.drifted)
      #expect(drifted == [["data-domain:hr": "readData"]])
      let orders = FindingOrders(pool: pool, now: { Estate.now + .seconds(30) })
      let acceptance = BaselineAcceptance(subject: Estate.arn("role", "worker"))
      let none = try await orders.accept(BaselineAcceptance(subject: "x"), of: "acme", by: "me")
      #expect(none == 0)
      #expect(try await orders.accept(acceptance, of: "acme", by: "me") == 1)
      #expect(try await state(at: 50) == .resolved)
      let reached = try await store.read("acme")?.settled.baselines.values.map(\.reached)
      #expect(reached == [["data-domain:hr": "readData"]])
    }
  }

  @Test func aSuppressionEndsByTheClock() async throws {
    try await TestDatabase.with { pool in
      try await OCSFTests.estate.store(in: pool)
      _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(10)).turn()
      let store = PostgresEvaluationStore(pool)
      let uid = try #require(try await store.read("acme")?.findings.first?.uid)
      let orders = FindingOrders(pool: pool, now: { Estate.now + .seconds(20) })
      let suppression = Suppression(
        owner: "team", reason: "known", endsAt: Estate.now + .seconds(3600))
      #expect(try await orders.suppress(uid, suppression, of: "acme", by: "me"))
      #expect(try await !orders.suppress("other", suppression, of: "acme", by: "me"))
      func state(at seconds: Int) async throws -> FindingState? {
        _ = try await EvaluationServiceTests.service(pool, at: Estate.now + .seconds(seconds))
          .turn()
        return try await store.read("acme")?.findings.first { $0.uid == uid }?.life.state
      }
      #expect(try await state(at: 40) == .suppressed)
      #expect(try await state(at: 3599) == .suppressed)
      #expect(try await state(at: 3600) == .updated)
    }
  }
}
