import JSONReader
import Logging
import Model
import PipelineTesting
import PostgresClient
import Schema
import Testing

@testable import Evaluation

/// The worker against a real database, as the loader leaves it.
@Suite struct EvaluationServiceTests {
  static let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func service(_ pool: PostgresPool, at time: Timestamp = Estate.now) -> EvaluationService {
    Self.service(pool, at: time)
  }

  static func service(_ pool: PostgresPool, at time: Timestamp) -> EvaluationService {
    EvaluationService(pool: pool, now: { time }, log: log)
  }

  private static var estate: Estate { OCSFTests.estate }

  private static let closingTheGraph = """
    UPDATE sv0.nodes SET closed_epoch = 2;
    UPDATE sv0.edges SET closed_epoch = 2;
    UPDATE sv0.tenants SET graph_version = 8;
    """

  @Test func whatWasStoredIsTheGraph() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      let reading = try #require(try await PostgresEvaluationStore(pool).read("acme"))
      let stored = Evaluation(of: reading.graph, at: Estate.now, owners: reading.owners)
        .changes(since: [])
      #expect(reading.graph.version == 7)
      #expect(stored == Self.estate.evaluation.changes(since: []))
      #expect(stored.count == 2)
      #expect(try await PostgresEvaluationStore(pool).read("nobody") == nil)
    }
  }

  @Test func aTenantThatIsDueIsEvaluatedOnceAndItsMessagesAreQueued() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      #expect(try await !service(pool, at: Estate.now + .seconds(5)).turn())
      let later = Estate.now + .seconds(10)
      #expect(try await service(pool, at: later).turn())
      #expect(try await !service(pool, at: later).turn())

      let (messages, run, evaluations) = try await pool.withTransaction { transaction in
        (
          try await transaction.query("SELECT * FROM sv0.outbox ORDER BY id").map { row in
            (
              key: try row.string("key"), topic: try row.string("topic"),
              headers: try row.bytes("headers"), value: try row.string("value")
            )
          },
          try await transaction.query("SELECT state, version FROM sv0.runs").map {
            "\(try $0.string(0)) \(try $0.int64(1))"
          },
          try await transaction.query("SELECT inputs FROM sv0.evaluations").map {
            try $0.string(0)
          }
        )
      }
      #expect(messages.count == 2)
      #expect(run == ["evaluated 2"])
      #expect(evaluations.count == 1 && evaluations[0].contains(#""outcome":"complete""#))
      for message in messages {
        let headers = try JSONDocument(parsing: message.headers).root
        #expect(message.topic == Topic.findings)
        #expect(try headers.string(at: "ce_id") == "\(message.key).1")
        #expect(try headers.string(at: "ce_type") == CloudEventType.findingChanged)
        #expect(message.value.contains(#""state":"new""#))
      }
    }
  }

  @Test func whatWasPublishedIsResolvedOnceItIsGone() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      _ = try await service(pool, at: Estate.now + .seconds(10)).turn()
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(Self.closingTheGraph)
      }
      _ = try await service(pool, at: Estate.now + .seconds(20)).turn()
      let versions = try await pool.withTransaction { transaction in
        try await transaction.query(
          "SELECT state FROM sv0.finding_versions ORDER BY uid, version"
        ).map { try $0.string(0) }
      }
      #expect(versions == ["new", "resolved", "new", "resolved"])
      let reading = try #require(try await PostgresEvaluationStore(pool).read("acme"))
      #expect(reading.findings.map(\.life.state) == [.resolved, .resolved])
      let seen = Set(reading.findings.map(\.life.firstSeenAt))
      #expect(seen == [Estate.now + .seconds(10)])
    }
  }

  /// As the command leaves it: what was retired is closed, and nobody has read the scope.
  @Test func findingsOfARetiredScopeAreResolved() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      _ = try await service(pool, at: Estate.now + .seconds(10)).turn()
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          """
          \(Self.closingTheGraph)
          DELETE FROM sv0.collections;
          INSERT INTO sv0.retirements VALUES
            ('acme', '\(Estate.scope)', '', 2, 9, 'ada', '2026-11-21T12:00:20Z');
          """)
      }
      _ = try await service(pool, at: Estate.now + .seconds(20)).turn()
      let reading = try #require(try await PostgresEvaluationStore(pool).read("acme"))
      #expect(reading.findings.map(\.life.state) == [.resolved, .resolved])
    }
  }

  @Test func whoeverWritesSecondWritesNothing() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      let store = PostgresEvaluationStore(pool)
      let reading = try #require(try await store.read("acme"))
      let evaluation = Evaluation(of: reading.graph, at: Estate.now)
      let result = EvaluationResult(
        clock: reading.clock, changes: evaluation.changes(since: reading.findings), inputs: [:],
        nextDueAt: evaluation.nextDueAt, at: Estate.now)
      #expect(try await store.write(result))
      #expect(try await !store.write(result))
      // Time made it due, so the version did not move: still only one may write.
      let again = try #require(try await store.read("acme"))
      var due = result
      due.clock = again.clock
      due.changes = []
      due.at = Estate.now + .seconds(1)
      due.nextDueAt = again.clock.nextDueAt.map { $0 + .seconds(1) }
      #expect(try await store.write(due))
      #expect(try await !store.write(due))
    }
  }

  @Test func aChangeDuringAnEvaluationIsEvaluatedNext() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      let store = PostgresEvaluationStore(pool)
      let reading = try #require(try await store.read("acme"))
      let changed = Estate.now + .seconds(30)
      try await pool.withTransaction { transaction in
        _ = try await transaction.execute(
          "UPDATE sv0.tenants SET graph_version = 8, last_changed_at = $1", [.timestamp(changed)])
      }
      let written = try await store.write(
        EvaluationResult(
          clock: reading.clock, changes: [], inputs: [:], nextDueAt: nil, at: Estate.now))
      #expect(written)
      let clock = try #require(try await store.clocks().first)
      #expect(clock.evaluatedVersion == 7 && clock.lastChangedAt == changed)
      // It is later than the evaluation's beginning, from which it waits.
      #expect(clock.firstChangedAt == Estate.now)
    }
  }

  /// The evaluator waits for a table while the loader commits another version.
  @Test func theGraphIsOfItsVersion() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      let store = PostgresEvaluationStore(pool)
      try await withThrowingTaskGroup(of: EvaluationReading?.self) { group in
        try await pool.withTransaction { loader in
          try await loader.executeScript("LOCK TABLE sv0.nodes IN ACCESS EXCLUSIVE MODE")
          group.addTask { try await store.read("acme") }
          let waits = await eventually {
            let waiting = try? await pool.withTransaction { transaction in
              try await transaction.query("SELECT FROM pg_locks WHERE NOT granted").count
            }
            return waiting == 1
          }
          #expect(waits)
          try await loader.executeScript(Self.closingTheGraph)
        }
        let reading = try #require(try await group.next() ?? nil)
        #expect(reading.clock.graphVersion == 7)
        #expect(reading.graph.nodes.count == Self.estate.graph.nodes.count)
        #expect(reading.graph.edges.count == Self.estate.graph.edges.count)
      }
    }
  }

  @Test func aResolvedFindingIsEmptiedOnTheTopicAfterNinetyDaysAndPublishedAnewIfItComesBack()
    async throws
  {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      func turn(_ seconds: Int, graph: String) async throws {
        try await pool.withTransaction { try await $0.executeScript(graph) }
        _ = try await service(pool, at: Estate.now + .seconds(seconds)).turn()
      }
      try await turn(10, graph: "")
      try await turn(
        20, graph: "UPDATE sv0.nodes SET closed_epoch = 2; UPDATE sv0.tenants SET graph_version = 8"
      )
      try await pool.withTransaction { try await $0.executeScript("DELETE FROM sv0.outbox") }

      let days = 90 * 86400
      let beforeItsTime = service(pool, at: Estate.now + .seconds(19 + days))
      _ = try await beforeItsTime.turn()
      let early = try await Self.queued(pool)
      #expect(early.allSatisfy { $0.value != nil })
      try await pool.withTransaction { try await $0.executeScript("DELETE FROM sv0.outbox") }
      for _ in 1...2 { try await turn(20 + days, graph: "") }
      let uids = try await pool.withTransaction { transaction in
        try await transaction.query(
          "SELECT uid FROM sv0.findings WHERE state = 'resolved' ORDER BY uid"
        ).map { try $0.string(0) }
      }
      #expect(uids.count == 2)
      #expect(try await Self.queued(pool) == uids.map { Queued(key: $0, value: nil) })

      try await turn(
        30 + days,
        graph: """
          UPDATE sv0.nodes SET closed_epoch = NULL; UPDATE sv0.tenants SET graph_version = 9;
          UPDATE sv0.collections SET outcome_at = outcome_at + interval '90 days',
            completed_at = completed_at + interval '90 days';
          """)
      let again = try await Self.queued(pool).dropFirst(2).filter { uids.contains($0.key) }
      #expect(again.map(\.key) == uids)
      #expect(again.allSatisfy { $0.value?.contains(#""sequence":3"#) == true })
    }
  }

  struct Queued: Equatable {
    var key: String
    var value: String?
  }

  static func queued(_ pool: PostgresPool) async throws -> [Queued] {
    try await pool.withTransaction { transaction in
      try await transaction.query("SELECT key, value FROM sv0.outbox ORDER BY id").map {
        Queued(key: try $0.string(0), value: try $0.stringOrNil(1))
      }
    }
  }

  /// It ends the worker, which tells the operator; no tenant is set aside for it.
  @Test func aMissingGrantIsNotATenantsProblem() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      try await pool.withTransaction {
        try await $0.executeScript("REVOKE SELECT ON sv0.documents FROM sv0_worker")
      }
      let service = service(pool, at: Estate.now + .seconds(10))
      let error = try await #require(throws: PostgresError.self) { try await service.turn() }
      #expect(error.sqlState == .insufficientPrivilege && !error.isRetriable)
      try await pool.withTransaction {
        try await $0.executeScript("GRANT SELECT ON sv0.documents TO sv0_worker")
      }
      #expect(try await service.turn())
    }
  }

  @Test func oneBrokenTenantDoesNotStopTheOthers() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate.store(in: pool)
      try await pool.withTransaction { transaction in
        try await transaction.executeScript(
          """
          INSERT INTO sv0.tenants (tenant, graph_version) VALUES ('aaa', 1);
          INSERT INTO sv0.collections
            (tenant, scope, collection, outcome, outcome_epoch, outcome_at)
          VALUES ('aaa', 's', 'c', 'from the future', 1, now());
          """)
      }
      let service = service(pool, at: Estate.now + .seconds(10))
      #expect(try await service.turn())
      #expect(try await !service.turn())
    }
  }
}
