import Model
import PipelineTesting
import PostgresClient
import Schema
import Testing

@testable import Evaluation

/// Which paths are stored, and what becomes of them from one evaluation to the next.
@Suite struct StoredPathsTests {
  private static let payroll = "arn:aws:s3:::acme-hr-payroll"
  private static let worker = Estate.arn("role", "worker")
  private static let start = Estate.now

  private static func read(if condition: String? = nil) -> String {
    Policy.document(Policy.allow("s3:GetObject", on: "\(payroll)/*", if: condition))
  }

  /// A function that runs as a role with these policies, beside a bucket with hr data.
  private static func estate(_ policies: [String]) -> Estate {
    var estate = Estate()
    estate.resource(payroll, "aws.s3.bucket", policy: nil)
    estate.function("nightly", role: estate.role("worker", policies: policies))
    return estate
  }

  /// It writes logs, too.
  private static var more: Estate {
    let logs = "arn:aws:s3:::acme-audit"
    var estate = estate([read(), Policy.document(Policy.allow("s3:PutObject", on: "\(logs)/*"))])
    estate.resource(logs, "aws.s3.bucket", policy: nil)
    return estate
  }

  /// `worker data-domain:hr readData effective authority`, one line a path.
  private func lines(_ subjects: [SubjectPaths]) -> [String] {
    subjects.flatMap { subject in
      subject.paths.map { path in
        let name = subject.subject.split(whereSeparator: { ":/".contains($0) }).last ?? ""
        return "\(name) \(path.target) \(path.level) \(path.strength) \(path.via)"
      }
    }
  }

  private func digests(_ subjects: [SubjectPaths]) -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: subjects.map { ($0.subject, $0.paths.map(\.digest)) })
      .compactMapValues { SubjectPaths.digest(of: $0) }
  }

  // MARK: What is stored

  @Test func ofIdentitiesAndAutomationsTheBestPathToWhatIsSensitive() throws {
    var estate = Self.estate([
      Self.read(), Policy.document(Policy.allow("s3:GetBucketTagging", on: "*")),
    ])
    estate.role("admin", policies: [Policy.everything])
    estate.role("AWSReservedSSO_people", policies: [Policy.everything])
    estate.role("idle")
    let paths = estate.evaluation.newPaths(since: [:])
    #expect(
      lines(paths) == [
        "admin aws:account:111122223333#administrators manageAccess effective authority",
        "admin data-domain:hr manageAccess effective authority",
        "admin data-domain:identity manageAccess effective authority",
        "worker data-domain:hr readData effective authority",
        "nightly data-domain:hr readData effective authority",
      ])
    let hops = try #require(paths.last?.paths.first?.hops)
    #expect(hops.contains(#""kind":"runsAs""#) && hops.contains("its name says hr"))
  }

  @Test func whatIsAsItWasIsNotNew() {
    let paths = Self.estate([Self.read()]).evaluation.newPaths(since: [:])
    #expect(Self.estate([Self.read()]).evaluation.newPaths(since: digests(paths)) == [])
  }

  /// The whole subject, for the store tells what of it is the same.
  @Test func whoseAnyPathIsNotWhatItWasIsNew() {
    let known = digests(Self.estate([Self.read()]).evaluation.newPaths(since: [:]))
    var renamed = Self.estate([Self.read()])
    for place in renamed.nodes.indices where renamed.nodes[place].value.id == Self.worker {
      renamed.nodes[place].value.name = "carrier"
    }
    #expect(renamed.evaluation.newPaths(since: known).count == 2)
    #expect(Self.more.evaluation.newPaths(since: known).map(\.paths.count) == [2, 2])
  }

  @Test func whoIsGoneOrComesToNothingHasNoPathsAnyMore() {
    let known = digests(Self.estate([Self.read()]).evaluation.newPaths(since: [:]))
    let idle = Self.estate([]).evaluation.newPaths(since: known)
    #expect(idle.map(\.subject) == known.keys.sorted() && idle.allSatisfy(\.paths.isEmpty))
    let gone = Estate().evaluation.newPaths(since: known)
    #expect(gone == idle)
  }

  /// All paths of a subject are in one statement: what it lacks is closed.
  @Test func noSubjectIsTorn() {
    let path = Self.estate([Self.read()]).evaluation.newPaths(since: [:])[0].paths[0]
    let subjects = [3, 0, 9, 1, 1, 2].enumerated().map { number, count in
      SubjectPaths(subject: "\(number)", paths: Array(repeating: path, count: count))
    }
    let batches = subjects.batches(ofRows: 4)
    #expect(batches.map { $0.map(\.subject) } == [["0", "1"], ["2"], ["3", "4", "5"]])
    #expect([SubjectPaths]().batches(ofRows: 4).isEmpty)
  }

  // MARK: The table

  private func evaluate(
    _ pool: PostgresPool, _ estate: Estate, after seconds: Int
  ) async throws -> Bool {
    let store = PostgresEvaluationStore(pool)
    let reading = try #require(try await store.read("acme"))
    let at = Self.start + .seconds(seconds)
    return try await store.write(
      EvaluationResult(
        clock: reading.clock, changes: [],
        paths: estate.evaluation.newPaths(since: reading.paths), inputs: [:],
        nextDueAt: at + .seconds(1000), at: at))
  }

  private static func tenant(_ pool: PostgresPool) async throws {
    try await pool.withTransaction {
      _ = try await $0.executeScript("INSERT INTO sv0.tenants (tenant) VALUES ('acme')")
    }
  }

  /// The role's rows in order: strength, since when, opened, closed; times as seconds.
  private static func rows(_ pool: PostgresPool) async throws -> [String] {
    try await pool.withTransaction { transaction in
      try await transaction.query(
        """
        SELECT strength, reached_since, opened_at, closed_at FROM sv0.authority_paths
        WHERE subject = $1 ORDER BY opened_at
        """, [.text(Self.worker)]
      ).map { row in
        let times = [
          try row.timestampOrNil(1), try row.timestampOrNil(2), try row.timestampOrNil(3),
        ].map { $0.map { "\(($0 - Self.start).components.seconds)" } ?? "-" }
        return ([try row.string(0)] + times).joined(separator: " ")
      }
    }
  }

  @Test func aPathIsReachedSinceWhenItWasHoweverItIsReached() async throws {
    try await TestDatabase.with { pool in
      try await Self.tenant(pool)
      let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
      for (seconds, policies) in [
        (10, [Self.read()]), (20, [Self.read(if: mfa)]), (30, []), (40, [Self.read()]),
      ] {
        #expect(try await evaluate(pool, Self.estate(policies), after: seconds))
      }
      #expect(
        try await Self.rows(pool) == [
          "effective 10 10 20", "conditional 10 20 30", "effective 40 40 -",
        ])
    }
  }

  @Test func theSamePathsWriteNothing() async throws {
    try await TestDatabase.with { pool in
      try await Self.tenant(pool)
      let estate = Self.estate([Self.read()])
      #expect(try await evaluate(pool, estate, after: 10))
      let before = try await Self.versions(pool)
      #expect(try await evaluate(pool, estate, after: 20))
      #expect(before.count == 2)
      #expect(try await Self.versions(pool) == before)
      // Nor are those written anew that stay beside one that does not.
      #expect(try await evaluate(pool, Self.more, after: 30))
      let after = try await Self.versions(pool)
      #expect(after.count == 4 && after.isSuperset(of: before))
    }
  }

  private static func versions(_ pool: PostgresPool) async throws -> Set<String> {
    try await pool.withTransaction { transaction in
      Set(
        try await transaction.query(
          "SELECT ctid::text || ' ' || xmin::text FROM sv0.authority_paths"
        ).map { try $0.string(0) })
    }
  }

  @Test func whoeverWritesSecondStoresNoPaths() async throws {
    try await TestDatabase.with { pool in
      try await Self.tenant(pool)
      let store = PostgresEvaluationStore(pool)
      let reading = try #require(try await store.read("acme"))
      #expect(try await evaluate(pool, Self.estate([]), after: 10))
      let late = EvaluationResult(
        clock: reading.clock, changes: [],
        paths: Self.estate([Self.read()]).evaluation.newPaths(since: reading.paths), inputs: [:],
        nextDueAt: nil, at: Self.start)
      #expect(try await !store.write(late))
      #expect(try await Self.rows(pool) == [])
    }
  }

  @Test func theEvaluatorStoresThem() async throws {
    try await TestDatabase.with { pool in
      try await Self.estate([Self.read()]).store(in: pool)
      let service = EvaluationServiceTests.service(pool, at: Self.start + .seconds(10))
      #expect(try await service.turn())
      #expect(try await Self.rows(pool) == ["effective 10 10 -"])
      let others = try await pool.withTransaction(.tenant("other", readOnly: true)) {
        try await $0.query("SELECT FROM sv0.authority_paths").count
      }
      #expect(others == 0)
    }
  }
}
