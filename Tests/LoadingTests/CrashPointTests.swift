import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Synchronization
import Testing

@testable import Loading

/// The loader's transactions, with the connection killed before every statement that writes, and
/// at the commit.
@Suite struct CrashPointTests {
  private static let tables = [
    "activity", "calls", "collections", "documents", "edges", "nodes", "observed", "open_attempts",
    "positions", "run_collections", "runs", "staged_activity", "staged_documents", "staged_edges",
    "staged_ends",
    "staged_nodes", "staged_objects", "staged_positions", "tenants",
  ]

  /// The state that the interrupted apply begins with, and its messages.
  private func prepare(_ fixture: LoaderFixture) async throws -> [Message] {
    try await fixture.scan(
      epoch: 1,
      [
        roles(.role("a", lastUsed: "2026-11-01", inline: ["p"]), .role("b"), .role("c")),
        ScriptedCollection(name: "aws.iam.user", fragments: [.role("u"), .role("v")]),
        ScriptedCollection(
          name: "aws.iam.policy", fragments: [.role("x", inline: ["p"]), .role("y")], token: "t1"),
        uses(.use(by: "a", day: 1), .use(by: "b", day: 1)),
      ])
    try await fixture.dispatch(epoch: 2)
    return fixture.messages(
      epoch: 2,
      [
        // Changed, gone, unchanged, new; and all users gone at once.
        roles(
          .role("a", path: "/new/", lastUsed: "2026-11-20", inline: ["q"]), .role("c"),
          .role("d"), .role("d", inline: ["r"])),
        ScriptedCollection(name: "aws.iam.user"),
        ScriptedCollection(name: "aws.iam.group", outcome: .denied),
        ScriptedCollection(
          name: "aws.iam.policy",
          fragments: [.removed("x"), .role("y", path: "/new/"), .role("z"), .removed("z")],
          kind: .delta, from: "t1", token: "t2"),
        uses(.use(by: "a", day: 2), .use(by: "c", day: 1), token: "u1"),
      ])
  }

  private func contents(_ fixture: LoaderFixture) async throws -> [String] {
    try await fixture.allRows(
      Self.tables.map { "SELECT '\($0)' AS name, t::text AS line FROM sv0.\($0) t" }
        .joined(separator: " UNION ALL ") + " ORDER BY 1, 2")
  }

  private func plantCrashPoints(_ fixture: LoaderFixture) async throws {
    let triggers = Self.tables.map {
      """
      CREATE TRIGGER crash_point BEFORE INSERT OR UPDATE OR DELETE ON sv0.\($0)
        FOR EACH STATEMENT EXECUTE FUNCTION crash.here();
      CREATE CONSTRAINT TRIGGER crash_commit AFTER INSERT OR UPDATE OR DELETE ON sv0.\($0)
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION crash.here();
      """
    }
    try await fixture.execute(
      """
      CREATE SCHEMA crash;
      CREATE SEQUENCE crash.passed;
      CREATE TABLE crash.plan (point bigint NOT NULL);
      INSERT INTO crash.plan VALUES (0);
      CREATE FUNCTION crash.here() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        IF nextval('crash.passed') = (SELECT point FROM crash.plan) THEN
          PERFORM pg_terminate_backend(pg_backend_pid());
          PERFORM pg_sleep(60);
        END IF;
        RETURN NULL;
      END $$;
      \(triggers.joined(separator: "\n"))
      """)
  }

  /// Repeats the work until nothing interrupts it, each time interrupted one point later.
  ///
  /// - Returns: how often it was interrupted.
  private func interrupt(
    _ fixture: LoaderFixture, _ work: () async throws -> Void
  ) async throws -> Int64 {
    let before = try await contents(fixture)
    for point in Int64(1)... {
      try await fixture.execute(
        "UPDATE crash.plan SET point = \(point); ALTER SEQUENCE crash.passed RESTART")
      do {
        try await work()
        return point - 1
      } catch let error as LoadingError {
        // What makes the consumer loop handle the same messages again.
        #expect(error.isRetriable, "\(error)")
      } catch let error as PostgresError {
        #expect(error.isRetriable || error.kind == .commitOutcomeUnknown, "\(error)")
      }
      #expect(try await contents(fixture) == before, "after point \(point)")
    }
    return 0
  }

  @Test func anInterruptedApplyRepeatedGivesTheSameRowsAsAnUndisturbedOne() async throws {
    let undisturbed = Mutex<[String]>([])
    try await LoaderFixture.with { fixture in
      try await fixture.loader.handle(prepare(fixture))
      let rows = try await contents(fixture)
      undisturbed.withLock { $0 = rows }
    }
    try await LoaderFixture.with { fixture in
      let messages = try await prepare(fixture)
      try await plantCrashPoints(fixture)
      let staging = try await interrupt(fixture) {
        try await fixture.loader.handle(messages.dropLast())
      }
      #expect(staging > 10)
      let applying = try await interrupt(fixture) {
        try await fixture.loader.handle([messages.last!])
      }
      #expect(applying > 40)
      #expect(try await contents(fixture) == undisturbed.withLock(\.self))
      // And once more, as after an apply whose answer was lost.
      try await fixture.loader.handle(messages)
      #expect(try await contents(fixture) == undisturbed.withLock(\.self))
    }
  }

  @Test func anInterruptedUpsertRepeatedGivesTheSameRowsAsAnUndisturbedOne() async throws {
    @Sendable func upsert(
      _ fixture: LoaderFixture, _ around: (() async throws -> Void) async throws -> Void
    ) async throws -> [String] {
      try await fixture.scan(epoch: 1, [roles(.role("a"), .tainted("a"), .tainted("b"))])
      var again = Fragment.role("a", path: "/new/", lastUsed: "2026-11-20", inline: ["p"])
      again.activity = Fragment.use(by: "a", day: 1).activity
      let attempt = Attempt(scope: LoaderFixture.scope, run: LoaderFixture.run(1), number: 1)
      let replayed = ReplayedRecord(
        attempt: attempt,
        record: StagedRecord(again, collection: "aws.iam.role", sequence: 1, call: 0),
        at: LoaderFixture.start)
      let store = PostgresLoadingStore(pool: fixture.pool)
      let claim = Claim(
        LoaderFixture.partition, try await store.claim(LoaderFixture.partition).generation)
      try await around { _ = try await store.upsert(replayed, under: claim) }
      return try await contents(fixture)
    }
    let undisturbed = Mutex<[String]>([])
    try await LoaderFixture.with { fixture in
      let rows = try await upsert(fixture) { try await $0() }
      undisturbed.withLock { $0 = rows }
    }
    try await LoaderFixture.with { fixture in
      let rows = try await upsert(fixture) { work in
        try await plantCrashPoints(fixture)
        #expect(try await interrupt(fixture, work) > 25)
      }
      #expect(rows == undisturbed.withLock(\.self))
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
    }
  }

  @Test func anInterruptedRetirementOrDecisionLeavesEverythingAsItWas() async throws {
    try await LoaderFixture.with { fixture in
      let messages = try await prepare(fixture)
      try await fixture.loader.handle(messages)
      try await fixture.dispatch(epoch: 3)
      try await plantCrashPoints(fixture)
      let removals = SuspectRemovals(pool: fixture.pool, now: { LoaderFixture.start })
      let deciding = try await interrupt(fixture) {
        let answer = try await removals.decide(
          .confirmed, LoaderFixture.scope, "aws.iam.user", epoch: 2, by: "ana")
        #expect(answer == .done(epoch: 2, assertions: 6))
      }
      #expect(deciding > 5)
      let retirement = Retirement(pool: fixture.pool, now: { LoaderFixture.start })
      let retiring = try await interrupt(fixture) {
        let retired = try await retirement.retire(LoaderFixture.scope, by: "ana")
        #expect(retired?.runs.count == 1)
      }
      #expect(retiring > 6)
      #expect(try await fixture.openNodes.isEmpty)
      #expect(try await fixture.rows("SELECT subject FROM sv0.activity").isEmpty)
    }
  }
}
