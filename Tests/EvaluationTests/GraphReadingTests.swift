import Model
import PipelineTesting
import PostgresClient
import Testing

@testable import Evaluation

/// Graphs that the evaluator keeps between readings.
@Suite struct GraphReadingTests {
  /// A later reading takes what has changed, and is the same as reading everything.
  @Test func whatHasChangedIsReadAlone() async throws {
    try await TestDatabase.with { pool in
      try await OCSFTests.estate.store(in: pool)
      let store = PostgresEvaluationStore(pool, keepsGraphs: true)
      let first = try #require(try await store.read("acme")).graph
      let role = try #require(first.nodes(ofType: "aws.iam.role").first?.id)
      let policy = try #require(first.nodes(ofType: "aws.iam.trustPolicy").first?.id)

      try await Self.change(
        [
          """
          UPDATE sv0.nodes SET closed_epoch = 2, closed_at = now(), closed_version = 8
          WHERE id = '\(role)'
          """,
          """
          INSERT INTO sv0.nodes (\(Self.key), kind, type, defines, state, hash, \(Self.receipt),
            name, opened_epoch, opened_at, opened_version)
          SELECT \(Self.key), kind, type, defines, state, hash, \(Self.receipt), 'renamed', 2,
            now(), 8 FROM sv0.nodes WHERE id = '\(role)'
          """,
          """
          UPDATE sv0.edges SET closed_epoch = 2, closed_at = now(), closed_version = 8
          WHERE kind = 'runsAs'
          """,
        ], to: 8, in: pool)
      let second = try #require(try await store.read("acme")).graph
      let whole = try #require(try await PostgresEvaluationStore(pool).read("acme")).graph
      #expect(second.nodes[role]?.name == "renamed")
      #expect(second.edges.map(\.key) == whole.edges.map(\.key))
      #expect(second.edges.count < first.edges.count)
      #expect(
        Evaluation(of: second, at: Estate.now).changes(since: [])
          == Evaluation(of: whole, at: Estate.now).changes(since: []))

      // Nobody says that it changed, so it is not read again …
      try await Self.change(
        ["UPDATE sv0.nodes SET name = 'unseen' WHERE id = '\(policy)'"], to: 9, in: pool)
      let third = try #require(try await store.read("acme")).graph
      #expect(third.version == 9)
      #expect(third.nodes[policy]?.name == first.nodes[policy]?.name)
      // … until something closes that the kept graph does not have: then everything is.
      try await Self.change(
        [
          """
          UPDATE sv0.nodes SET closed_epoch = 3, closed_at = now(), closed_version = 10,
            object = 'another' WHERE type = 'aws.lambda.function'
          """
        ], to: 10, in: pool)
      let fourth = try #require(try await store.read("acme")).graph
      #expect(fourth.nodes[policy]?.name == "unseen")
      #expect(fourth.nodes(ofType: "aws.lambda.function").isEmpty)
    }
  }

  private static let key = "tenant, scope, collection, object, id"
  private static let receipt =
    "receipt_sha256, receipt_partition, receipt_offset, receipt_run, receipt_call"

  private static func change(
    _ statements: [String], to version: Int, in pool: PostgresPool
  ) async throws {
    try await pool.withTransaction { transaction in
      for statement in statements { try await transaction.execute(statement) }
      try await transaction.execute("UPDATE sv0.tenants SET graph_version = \(version)")
    }
  }
}
