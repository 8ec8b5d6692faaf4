import Logging
import Model
import PipelineTesting
import PostgresClient
import Schema
import Testing

@testable import Evaluation

@Suite struct OrphanedOwnershipTests {
  private static let rule = "orphaned-ownership"
  private static let reader = Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::b/*"))

  private func estate(
    _ owners: [Owner], owner: String? = "team-a", policies: [String] = [reader]
  ) -> Estate {
    var estate = Estate()
    estate.owners = owners
    estate.role("r", policies: policies, owner: owner)
    return estate
  }

  @Test(arguments: [Owner.Status.disabled, .deleted, .departed])
  func ownersThatAreAllGoneAreFound(status: Owner.Status) throws {
    let estate = estate([Owner(names: ["a", "team-a"], status: status)])
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.severity == .medium && finding.strength == .effective)
    #expect(finding.title.contains("team-a (\(status.rawValue))"))
    #expect(finding.chain.contains { $0.sentence == "r is owned by team-a, by its tags" })
  }

  @Test func privilegedAuthorityWithoutAnOwnerIsHigher() {
    let gone = [Owner(names: ["team-a"], status: .departed)]
    #expect(
      estate(gone, policies: [Policy.everything]).findings(Self.rule).first?.severity == .high)
    let unowned = estate(gone, owner: nil, policies: [Policy.everything])
    #expect(unowned.findings(Self.rule).first?.severity == .medium)
    #expect(
      unowned.findings(Self.rule).first?.limits.last?.subject
        == .collection(name: "aws.iam.role", scope: Estate.scope))
  }

  @Test func oneOwnerWhoIsThereIsEnough() {
    var estate = estate([
      Owner(names: ["team-a"], status: .departed), Owner(names: ["ada"], status: .active),
    ])
    let role = Estate.arn("role", "r")
    estate.add(
      Edge(.ownedBy, from: role, to: "owner:ada", basis: .structural), role, "aws.iam.role",
      Estate.account)
    #expect(estate.findings(Self.rule).isEmpty && estate.findings("coverage").isEmpty)
  }

  @Test func whatCannotActIsNotOwned() {
    let gone = [Owner(names: ["team-a"], status: .departed)]
    #expect(estate(gone, policies: []).findings(Self.rule).isEmpty)
  }

  @Test func anOwnerWhoIsNotInTheFileIsUnknown() throws {
    for (owners, gap) in [
      ([Owner(names: ["Team-A"], status: .departed)], "owner team-a in the tenant's owner file"),
      ([], "the owner file of the tenant"),
    ] {
      let estate = estate(owners)
      #expect(estate.findings(Self.rule).isEmpty)
      #expect(estate.findings("coverage").first?.description.contains(gap) == true)
    }
  }

  @Test func withoutRecordedOwnersThereIsOneFindingAnAccount() {
    var estate = Estate()
    for name in ["a", "b", "c"] { estate.role(name, policies: [Self.reader], owner: nil) }
    #expect(estate.findings(Self.rule).isEmpty)
    #expect(estate.findings("coverage").count == 1)
    #expect(
      estate.findings("coverage").first?.description
        .contains("orphaned-ownership lacks owners") == true)
  }

  @Test func theLastDayPassesByTheClock() throws {
    let estate = estate([Owner(names: ["team-a"], status: .active, until: "2026-11-22")])
    #expect(estate.findings(Self.rule).isEmpty)
    let due = try #require(estate.evaluation.nextDueAt)
    #expect(due == Timestamp("2026-11-23T00:00:00Z"))
    let finding = estate.evaluation(at: due).findings.first { $0.rule == Self.rule }
    #expect(finding?.title.contains("gone since 2026-11-22") == true)
  }

  @Test func aNewOwnerResolvesItAndANewDoubtDoesNot() {
    let orphaned = estate([Owner(names: ["team-a"], status: .departed)])
    let before = orphaned.evaluation.changes(since: []).map(PublishedFinding.init)
    let owned = estate([Owner(names: ["team-a"], status: .active)])
    #expect(owned.evaluation.changes(since: before).map(\.life.state) == [.resolved])
    let doubtful = estate([Owner(names: ["other"], status: .active)]).evaluation
    let kept = doubtful.changes(since: before).first { $0.key.rule == Self.rule }
    #expect(kept?.life.state == .updated)
  }
}

/// Owners in a real database, and what follows.
@Suite struct OwnerStoreTests {
  private static let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private static let owners = [
    Owner(names: ["team-a", "a@acme.example"], status: .departed),
    Owner(names: ["ada"], status: .active, until: "2027-01-31"),
  ]

  @Test func whatIsAppliedIsListedAndMakesTheTenantDue() async throws {
    try await TestDatabase.with { pool in
      let store = OwnerStore(pool: pool, now: { Estate.now })
      #expect(try await store.replace(Self.owners, of: "acme"))
      #expect(try await store.list("acme") == Self.owners)
      #expect(try await store.list("other").isEmpty)
      let clocks = try await PostgresEvaluationStore(pool).clocks()
      #expect(clocks.map(\.graphVersion) == [1])
      #expect(clocks.first?.lastChangedAt == Estate.now)
      // The same again changes nothing.
      #expect(try await !store.replace(Self.owners, of: "acme"))
      #expect(try await store.replace([Self.owners[1]], of: "acme"))
      #expect(try await store.list("acme") == [Self.owners[1]])
    }
  }

  @Test func anOwnerWhoLeavesIsFoundByTheWorker() async throws {
    try await TestDatabase.with { pool in
      var estate = Estate()
      let role = estate.role("r", policies: [Policy.document(Policy.allow("s3:GetObject"))])
      try await estate.store(in: pool)
      let turn = { (seconds: Int) in
        let time = Estate.now + .seconds(seconds)
        return try await EvaluationService(pool: pool, now: { time }, log: Self.log).turn()
      }
      #expect(try await turn(10))
      let left = Estate.now + .seconds(20)
      _ = try await OwnerStore(pool: pool, now: { left }).replace(Self.owners, of: "acme")
      #expect(try await turn(30))
      let rows = try await pool.withTransaction {
        try await $0.query(
          "SELECT subject, state FROM sv0.findings WHERE rule = 'orphaned-ownership'")
      }
      #expect(try rows.map { try $0.string(0) } == [role])
      #expect(try rows.map { try $0.string(1) } == ["new"])
    }
  }

  @Test func whatWasSeenInUseIsRead() async throws {
    try await TestDatabase.with { pool in
      var estate = Estate()
      let role = estate.role("r", policies: [Policy.everything], created: Estate.longAgo)
      try await estate.store(in: pool)
      try await pool.withTransaction { transaction in
        for day in ["2026-05-01", "2026-06-01"] {
          try await transaction.execute(
            "INSERT INTO sv0.observed VALUES ('acme', $1, 'aws.iam.role', $3, $2, 'lastUsed', $3, '')",
            [.text(Estate.scope), .text(role), .text(day)])
        }
        try await transaction.execute(
          """
          INSERT INTO sv0.activity VALUES ('acme', $1, 'aws.cloudtrail.event@eu-west-1', $2,
            's3:GetObject', 'arn:aws:s3:::b', '2026-06-02T23:59:59Z', '', 0, 0, 'RUN', 0)
          """, [.text(Estate.scope), .text(role)])
      }
      let reading = try #require(try await PostgresEvaluationStore(pool).read("acme"))
      #expect(reading.graph.lastUse(of: role)?.day == "2026-06-02")
    }
  }
}
