import Logging
import Model
import PipelineTesting
import PostgresClient
import Synchronization
import Testing

@testable import Evaluation

/// What the evaluator keeps of a tenant's last evaluation, for the next one.
@Suite struct TenantReuseTests {
  /// What is between two evaluations of a tenant.
  enum Between: String, CaseIterable {
    case smallChange, evaluationOfAnotherTenant, largeChange, passedThreshold, clockSetBack

    /// Of so many subjects, those that the later evaluation judges.
    func judged(of subjects: Int) -> Int {
      switch self {
      case .smallChange, .evaluationOfAnotherTenant: 1
      case .largeChange, .passedThreshold, .clockSetBack: subjects
      }
    }
  }

  private static let roles = 20

  private static func estate(administrators: Set<Int> = []) -> Estate {
    var estate = Estate()
    for index in 0..<roles {
      let action = administrators.contains(index) ? "iam:*" : "s3:*"
      estate.role("r\(index)", policies: [Policy.document(Policy.allow(action))])
    }
    return estate
  }

  /// It stores and publishes what a service stores that starts anew for each evaluation, and judges
  /// no more than it has to.
  @Test(arguments: Between.allCases)
  func itSaysWhatAServiceThatStartsAnewSays(_ between: Between) async throws {
    let kept = try await Self.history(between, restarts: false)
    let anew = try await Self.history(between, restarts: true)
    #expect(kept.rows == anew.rows)
    #expect(kept.rows.contains { $0.hasPrefix("finding_versions") })
    #expect(anew.judged == [Self.roles, Self.roles, Self.roles])
    #expect(kept.judged == [Self.roles, Self.roles, between.judged(of: Self.roles)])
  }

  private struct History {
    /// What the tables of results hold.
    var rows: [String] = []
    /// Of each evaluation of the tenant.
    var judged: [Int] = []
  }

  private static func history(_ between: Between, restarts: Bool) async throws -> History {
    let history = Mutex(History())
    try await TestDatabase.with { pool in
      let clock = Mutex(Estate.now + .seconds(10))
      let log = RecordedLog()
      let started = {
        EvaluationService(pool: pool, now: { clock.withLock(\.self) }, log: log.logger)
      }
      let service = started()
      let turn = { try await (restarts ? started() : service).turn() }
      let first = estate()
      try await first.store(in: pool)
      if between == .evaluationOfAnotherTenant {
        try await estate(administrators: [3]).store(in: pool, as: "other")
      }
      // The first one settles baselines, which the second one reads.
      #expect(try await turn())
      try await first.store(after: first, in: pool)
      #expect(try await turn())
      let administrators: Set<Int> =
        switch between {
        case .passedThreshold: []
        case .largeChange: Set(0..<roles)
        default: [7]
        }
      if !administrators.isEmpty {
        try await estate(administrators: administrators).store(after: first, in: pool)
      }
      let due = try await PostgresEvaluationStore(pool).clocks().first?.nextDueAt
      clock.withLock { now in
        switch between {
        case .passedThreshold: now = due ?? now
        case .clockSetBack: now = Estate.now
        default: now = now + .seconds(60)
        }
      }
      #expect(try await turn())
      let rows = try await results(pool)
      history.withLock {
        $0.rows = rows
        $0.judged = log.all.filter { $0.contains(#""tenant": acme"#) }.compactMap { line in
          line.firstMatch(of: #/"judged": (\d+)/#).flatMap { Int($0.1) }
        }
      }
    }
    return history.withLock(\.self)
  }

  private static func results(_ pool: PostgresPool) async throws -> [String] {
    var rows: [String] = []
    for table in [
      "tenants", "findings", "finding_versions", "evaluations", "baselines", "judged_rules",
      "authority_paths", "outbox",
    ] {
      rows += try await pool.withTransaction { transaction in
        try await transaction.query("SELECT t::text FROM sv0.\(table) t ORDER BY 1").map {
          "\(table) \(try $0.string(0))"
        }
      }
    }
    return rows
  }

  @Test func theTenantsThatWereMetLongestAgoMakeRoom() {
    let shelf = TenantShelf<Int>(capacity: 10)
    for (size, tenant) in ["a", "b", "c"].enumerated() {
      shelf.keep(size, of: tenant, size: 4)
    }
    #expect(shelf.take("a") == nil)
    #expect(shelf.take("b") == 1)
    #expect(shelf.take("b") == nil)
    shelf.keep(3, of: "b", size: 4)
    shelf.keep(4, of: "d", size: 4)
    #expect(shelf.take("c") == nil)
    #expect(shelf.take("b") == 3)
    shelf.keep(5, of: "e", size: 11)
    #expect(shelf.take("d") == nil && shelf.take("e") == nil)
  }

  /// Whatever of it refers to itself would stay, with the graph, until the process ends.
  @Test func nothingIsLeftOfAnEvaluationThatIsGone() {
    weak var storage: GraphStorage?
    do {
      var maker = OrganizationMaker(seed: 1)
      let graph = maker.organization().estate.graph
      storage = graph.storage
      var earlier: EarlierEvaluation?
      for _ in 1...2 {
        let evaluation = Evaluation(
          of: graph, at: Estate.now, settled: Settled(), keeps: true, after: earlier)
        #expect(!evaluation.findings.isEmpty)
        _ = evaluation.newPaths(since: [:])
        #expect(graph.nodes(ofKind: .identity).contains { !evaluation.reach(from: $0.id).isEmpty })
        earlier = evaluation.kept
      }
      #expect(storage != nil)
    }
    #expect(storage == nil)
  }
}
