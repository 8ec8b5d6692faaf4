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
    "calls", "collections", "documents", "edges", "nodes", "observed", "open_attempts",
    "positions", "run_collections", "runs", "staged_documents", "staged_edges", "staged_ends",
    "staged_nodes", "staged_objects", "staged_positions", "tenants",
  ]

  /// The state that the interrupted apply begins with, and its messages.
  private func prepare(_ fixture: LoaderFixture) async throws -> [Message] {
    try await fixture.scan(
      epoch: 1,
      [
        roles(.role("a", lastUsed: "2026-11-01", inline: ["p"]), .role("b"), .role("c")),
        ScriptedCollection(name: "aws.iam.user", fragments: [.role("u"), .role("v")]),
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

  /// Feeds the messages until nothing interrupts it, each time interrupted one point later.
  ///
  /// - Returns: how often it was interrupted.
  private func feed(_ messages: [Message], _ fixture: LoaderFixture) async throws -> Int64 {
    let before = try await contents(fixture)
    for point in Int64(1)... {
      try await fixture.execute(
        "UPDATE crash.plan SET point = \(point); ALTER SEQUENCE crash.passed RESTART")
      do {
        try await fixture.loader.handle(messages)
        return point - 1
      } catch let error as any ClassifiedError {
        // What makes the consumer loop handle the same messages again.
        #expect(error.isRetriable, "\(error)")
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
      #expect(try await feed(messages.dropLast(), fixture) > 10)
      #expect(try await feed([messages.last!], fixture) > 30)
      #expect(try await contents(fixture) == undisturbed.withLock(\.self))
      // And once more, as after an apply whose answer was lost.
      try await fixture.loader.handle(messages)
      #expect(try await contents(fixture) == undisturbed.withLock(\.self))
    }
  }
}
