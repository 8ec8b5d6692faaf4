import Model
import Pipeline
import PostgresClient
import Testing

@testable import Loading

/// What the loader concludes from a run's row.
@Suite struct RunTests {
  private static let attempt = Attempt(
    scope: LoaderFixture.scope, run: LoaderFixture.run(1), number: 2)
  private static let start = LoaderFixture.start

  private func row(
    _ state: RunState?, attempt: Int = 2, changed: Int64 = 0, lease: Int64? = nil
  ) -> RunRow {
    RunRow(
      scope: LoaderFixture.scope.description, state: state, attempt: attempt,
      changedAt: Self.start + .seconds(changed),
      leaseUntil: lease.map { Self.start + .seconds($0) })
  }

  @Test func onlyTheCurrentAttemptOfAnUnfinishedRunIsOpen() throws {
    for state in RunState.allCases {
      let open = [.queued, .dispatched, .leased, .extracted].contains(state)
      #expect(try Self.attempt.standing(row(state)) == (open ? .open : .finished))
      #expect(try Self.attempt.standing(row(state, attempt: 3)) == .superseded)
    }
    // A state that a newer version has written.
    #expect(try Self.attempt.standing(row(nil)) == .finished)
    #expect(throws: BadMessage.self) { try Self.attempt.standing(nil) }
    var other = row(.leased)
    other.scope = "acme/aws-prod/aws/999999999999"
    #expect(throws: BadMessage.self) { try Self.attempt.standing(other) }
  }

  @Test func anAttemptIsAbandonedWhenNobodyCanEndIt() {
    func why(_ run: RunRow?, staged: Int64? = 0) -> Abandonment? {
      OpenAttempt(
        Self.attempt, of: LoaderFixture.partition,
        stagedAt: staged.map { Self.start + .seconds($0) }, run: run
      ).abandonment(silentSince: Self.start + .seconds(100))
    }
    #expect(why(nil) == .unknown)
    #expect(why(row(.leased, attempt: 3)) == .superseded)
    #expect(why(row(.applied)) == .finished)
    #expect(why(row(.leased)) == .silent)
    #expect(why(row(.queued)) == nil)
    // Each a sign of life.
    #expect(why(row(.leased), staged: 100) == nil)
    #expect(why(row(.leased, changed: 100)) == nil)
    #expect(why(row(.leased, lease: 100)) == nil)
    #expect(why(row(.leased, lease: 99), staged: nil) == .silent)
  }

  @Test func retiringCoversTheRegionsOfACollection() {
    for (retired, collection, covered) in [
      ("", "aws.iam.role", true), ("aws.iam.role", "aws.iam.role", true),
      ("aws.lambda.function", "aws.lambda.function@eu-west-1", true),
      ("aws.lambda.function", "aws.lambda.functionUrl@eu-west-1", false),
      ("aws.lambda.function@eu-west-1", "aws.lambda.function", false),
    ] {
      #expect(Retirement.covers(retired, collection) == covered, "\(retired) \(collection)")
    }
  }
}

/// A missing grant is told as it is, so that the process can say that it is one.
@Suite struct PermissionTests {
  @Test func aMissingGrantIsNeitherRetriedNorADeadLetter() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      func refused(_ work: () async throws -> Void) async throws {
        let error = await #expect(throws: PostgresError.self) { try await work() }
        #expect(error?.sqlState == .insufficientPrivilege && error?.isRetriable == false)
      }
      func without(_ grant: String, _ work: () async throws -> Void) async throws {
        try await fixture.execute("REVOKE \(grant) FROM sv0_worker, sv0_loader, sv0_queue")
        try await refused(work)
        try await fixture.execute("GRANT \(grant) TO sv0_worker, sv0_loader, sv0_queue")
      }
      try await without("SELECT ON sv0.runs") { try await fixture.loader.handle(messages) }
      try await without("INSERT ON sv0.staged_nodes") {
        try await fixture.loader.handle(messages)
      }
      try await fixture.loader.handle(Array(messages.dropLast()))
      try await without("UPDATE ON sv0.nodes") {
        try await fixture.loader.handle([messages.last!])
      }
      try await without("SELECT ON sv0.positions") {
        _ = try await fixture.loader.starts(of: [LoaderFixture.partition])
      }
      try await without("SELECT ON sv0.open_attempts") { _ = try await fixture.loader.sweep() }
      try await without("DELETE ON sv0.activity") {
        let late = LoaderFixture.loader(
          fixture.pool, fixture.sent, limits: LoadingLimits(activityAge: .seconds(-86400)))
        _ = try await late.sweep()
      }
      try await without("SELECT ON sv0.nodes") {
        _ = try await SuspectRemovals(pool: fixture.pool, now: { LoaderFixture.start })
          .list(tenant: "acme")
      }
      try await without("UPDATE ON sv0.scopes") {
        _ = try await Retirement(pool: fixture.pool, now: { LoaderFixture.start })
          .retire(LoaderFixture.scope, by: "ana")
      }
      #expect(fixture.sent.on(Topic.deadLetter).isEmpty)
      #expect(try await fixture.openNodes.isEmpty)
      try await fixture.loader.handle([messages.last!])
      #expect(try await fixture.openRoles == ["a"])
    }
  }
}
