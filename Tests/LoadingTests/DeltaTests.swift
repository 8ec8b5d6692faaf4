import Model
import PostgresClient
import Schema
import Testing

@testable import Loading

/// Listings of changes, and the tokens between which they lie.
@Suite struct DeltaTests {
  /// Outcome, epochs and token of the collection.
  private func collection(_ fixture: LoaderFixture) async throws -> String {
    try await fixture.rows(
      """
      SELECT outcome, outcome_epoch::text, applied_epoch::text, completed_epoch::text, token
      FROM sv0.collections
      """
    ).joined()
  }

  /// A fixture with roles a, b and c of epoch 1, left at token t1.
  private func withToken(
    _ body: @Sendable (LoaderFixture) async throws -> Void
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1, [roles(.role("a", inline: ["p"]), .role("b"), .role("c"), token: "t1")])
      try await body(fixture)
    }
  }

  @Test func changesAreAppliedOntoTheirTokenAndOnlyNamedObjectsAreRemoved() async throws {
    try await withToken { fixture in
      try await fixture.scan(
        epoch: 2, day: 1,
        [changes(.role("b", path: "/new/"), .removed("a"), .role("d"), from: "t1", to: "t2")])
      #expect(try await fixture.openRoles == ["b", "c", "d"])
      let arn = "arn:aws:iam::111122223333:role/a"
      #expect(
        try await fixture.rows(
          """
          SELECT id FROM sv0.nodes WHERE object = '\(arn)' AND closed_epoch = 2
          UNION ALL SELECT to_id FROM sv0.edges WHERE object = '\(arn)' AND closed_epoch = 2
            AND closed_version = 2 ORDER BY 1
          """) == [arn, arn + "#inline/p", arn + "#inline/p", arn + "#trust", arn + "#trust"])
      #expect(
        try await fixture.rows(
          "SELECT closed_epoch::text FROM sv0.nodes WHERE name = 'b' ORDER BY 1") == ["2", "-"])
      // Current as of this epoch; the listing that suspects would refer to is still the first.
      #expect(try await collection(fixture) == "complete|2|2|1|t2")
      #expect(
        try await fixture.rows(
          """
          SELECT (c.completed_at = r.allocated_at)::text AS current FROM sv0.collections c
          JOIN sv0.runs r ON r.epoch = 2
          """) == ["true"])
    }
  }

  @Test(arguments: ["t0", nil])
  func changesSinceAnotherTokenAreNotApplied(_ from: String?) async throws {
    try await withToken { fixture in
      let before = try await fixture.versions
      try await fixture.scan(
        epoch: 2, [changes(.role("d"), .removed("a"), from: from, to: "t2")])
      #expect(try await fixture.versions == before)
      #expect(try await collection(fixture) == "partial|2|1|1|t1")
      let message = try await fixture.rows("SELECT message FROM sv0.collections").joined()
      #expect(message.contains("the next scan continues where it was left"))
      // And where it was left, it continues.
      try await fixture.scan(epoch: 3, [changes(.removed("a"), from: "t1", to: "t3")])
      #expect(try await fixture.openRoles == ["b", "c"])
      #expect(try await collection(fixture) == "complete|3|3|1|t3")
    }
  }

  @Test func changesWithoutAnythingTheyBeganFromAreNotApplied() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [changes(.role("a"), from: nil, to: "t1")])
      #expect(try await fixture.openNodes.isEmpty)
      #expect(try await collection(fixture) == "partial|1|-|-|-")
    }
  }

  @Test func ofSeveralChangesOfAnObjectTheLastWins() async throws {
    try await withToken { fixture in
      try await fixture.scan(
        epoch: 2,
        [
          changes(
            .removed("a"), .role("a", inline: ["p"]), .role("b", path: "/x/"), .removed("b"),
            .role("d"), .removed("d"), from: "t1", to: "t2")
        ])
      #expect(try await fixture.openRoles == ["a", "c"])
      // It was there all the time, as far as the graph is concerned; and d never was.
      #expect(
        try await fixture.rows("SELECT name FROM sv0.nodes WHERE name IN ('a', 'd')") == ["a"])
    }
  }

  @Test(arguments: [
    changes(.role("d"), .removed("a"), outcome: .partial, from: "t1", to: "t2"),
    changes(.role("d"), .removed("a"), outcome: .throttled, from: "t1", to: "t2"),
    changes(.role("d"), .removed("a"), claimed: 3, from: "t1", to: "t2"),
    changes(.role("d"), .removed("a"), .tainted("b"), from: "t1", to: "t2"),
    changes(.role("d"), .removed("a"), .tainted(""), from: "t1", to: "t2"),
    changes(.role("d"), .removed("a"), .removed(""), from: "t1", to: "t2"),
  ])
  func doubtfulChangesAddAndAreAskedForAgain(_ doubtful: ScriptedCollection) async throws {
    try await withToken { fixture in
      try await fixture.scan(epoch: 2, day: 1, [doubtful])
      #expect(try await fixture.openRoles == ["a", "b", "c", "d"])
      let outcome = doubtful.outcome == .complete ? "partial" : doubtful.outcome.rawValue
      #expect(try await collection(fixture) == "\(outcome)|2|2|1|t1")
      #expect(
        try await fixture.rows(
          "SELECT (completed_at = listed_at)::text AS old FROM sv0.collections") == ["true"])
      try await fixture.scan(
        epoch: 3, [changes(.role("d"), .removed("a"), from: "t1", to: "t3")])
      #expect(try await fixture.openRoles == ["b", "c", "d"])
    }
  }

  @Test func nothingChangedMovesTheToken() async throws {
    try await withToken { fixture in
      let before = try await fixture.versions
      try await fixture.scan(epoch: 2, [changes(from: "t1", to: "t2")])
      #expect(try await fixture.versions == before)
      #expect(try await collection(fixture) == "complete|2|2|1|t2")
    }
  }

  @Test func aDeniedDeltaSaysSoAndLeavesTheToken() async throws {
    try await withToken { fixture in
      try await fixture.scan(epoch: 2, [changes(outcome: .denied, from: "t1", to: nil)])
      #expect(try await collection(fixture) == "denied|2|1|1|t1")
      try await fixture.scan(epoch: 3, [changes(outcome: .denied, from: "t0", to: nil)])
      #expect(try await collection(fixture) == "denied|3|1|1|t1")
    }
  }

  @Test func changesMarkNoSuspectsAndClearThoseThatArePresent() async throws {
    try await withToken { fixture in
      // All gone at once: suspects, and no token to continue from.
      try await fixture.scan(epoch: 2, day: 1, [roles(token: "t2")])
      #expect(try await collection(fixture) == "complete|2|2|2|-")
      try await fixture.execute("UPDATE sv0.collections SET token = 't2'")
      try await fixture.scan(
        epoch: 3, day: 3, [changes(.role("a"), .removed("b"), from: "t2", to: "t3")])
      #expect(try await fixture.openRoles == ["a", "c"])
      let removals = SuspectRemovals(pool: fixture.pool, now: { LoaderFixture.start })
      #expect(try await removals.list(tenant: "acme").map(\.objects) == [1])
      // Confirmed as of the listing that they are absent from, not as of the changes since.
      _ = try await removals.decide(
        .confirmed, LoaderFixture.scope, "aws.iam.role", epoch: 2, by: "ana")
      #expect(
        try await fixture.rows(
          """
          SELECT DISTINCT r.epoch::text FROM sv0.nodes n JOIN sv0.runs r
            ON r.epoch = n.closed_epoch AND r.allocated_at = n.closed_at WHERE n.name = 'c'
          """) == ["2"])
      #expect(try await fixture.openRoles == ["a"])
    }
  }

  @Test func inAFullListingARemovalIsAnAbsentObject() async throws {
    try await withToken { fixture in
      try await fixture.scan(epoch: 2, [roles(.role("a"), .role("b"), .removed("c"))])
      #expect(try await fixture.openRoles == ["a", "b"])
      // And too many are as suspicious as absent ones.
      try await fixture.scan(epoch: 3, [roles(.removed("a"), .role("b"), .removed("b"))])
      #expect(try await fixture.openRoles == ["a", "b"])
      // The unreadable record of an object outweighs its removal.
      try await fixture.scan(
        epoch: 4, [roles(.tainted("a"), .removed("a"), .role("c"), .removed("b"))])
      #expect(try await fixture.openRoles == ["a", "c"])
    }
  }
}

/// Where the next listing may continue.
@Suite struct TokenTests {
  private func token(_ fixture: LoaderFixture) async throws -> [String] {
    try await fixture.rows("SELECT token FROM sv0.collections")
  }

  @Test(arguments: [
    (roles(.role("a"), .role("b"), token: "t2"), "t2"),
    (roles(.role("a"), .role("b")), "-"),
    (roles(.role("a"), token: "t2"), "t2"),
    // Suspects, or what could not be read: the graph has not everything up to the token.
    (roles(token: "t2"), "-"),
    (roles(.role("a"), .tainted("b"), token: "t2"), "-"),
    // Not applied complete.
    (roles(.role("a"), claimed: 2, token: "t2"), "t1"),
    (roles(.role("a"), .tainted(""), token: "t2"), "t1"),
    (roles(.role("a"), outcome: .partial, token: "t2"), "t1"),
    (roles(outcome: .denied), "t1"),
    (roles(outcome: .unchanged), "t1"),
  ])
  func aFullListingLeavesATokenIfNothingIsHeldBack(
    _ listing: ScriptedCollection, _ expected: String
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), token: "t1")])
      #expect(try await token(fixture) == ["t1"])
      try await fixture.scan(epoch: 2, [listing])
      #expect(try await token(fixture) == [expected])
    }
  }

  @Test func aFailedRunLeavesTheTokenAndRetiringDropsIt() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), token: "t1")])
      try await fixture.dispatch(epoch: 2)
      let messages = fixture.messages(epoch: 2, [changes(.role("b"), from: "t1", to: "t2")])
      let loader = LoaderFixture.loader(
        fixture.pool, fixture.sent, limits: LoadingLimits(stagedBytes: 1))
      _ = try await loader.starts(of: [LoaderFixture.partition])
      try await loader.handle(messages)
      #expect(
        try await fixture.rows("SELECT outcome, token FROM sv0.collections") == ["failed|t1"])
      // Its changes come again.
      _ = try await fixture.loader.starts(of: [LoaderFixture.partition])
      try await fixture.scan(epoch: 3, [changes(.role("b"), from: "t1", to: "t3")])
      #expect(try await fixture.openRoles == ["a", "b"])
      let retirement = Retirement(pool: fixture.pool, now: { LoaderFixture.start })
      _ = try await retirement.retire(LoaderFixture.scope, collection: "aws.iam.role", by: "ana")
      #expect(try await token(fixture).isEmpty)
      try await fixture.scan(epoch: 5, [changes(.role("b"), from: "t3", to: "t5")])
      #expect(try await fixture.openRoles.isEmpty)
      #expect(try await token(fixture) == ["-"])
    }
  }

  @Test func twoDeltasFromOneTokenAreNotBothApplied() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), token: "t1")])
      // Both were dispatched before the first of them was applied.
      try await fixture.dispatch(epoch: 2, state: .extracted)
      try await fixture.dispatch(epoch: 3, state: .extracted)
      try await fixture.loader.handle(
        fixture.messages(epoch: 2, [changes(.removed("a"), from: "t1", to: "t2")]))
      try await fixture.loader.handle(
        fixture.messages(
          epoch: 3, [changes(.removed("a"), .role("a"), .removed("b"), from: "t1", to: "t3")]))
      #expect(try await fixture.openRoles == ["b"])
      #expect(try await token(fixture) == ["t2"])
    }
  }

  @Test func onlyTheQueueSeesTokensOfAllTenantsAndNothingElse() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), token: "t1")])
      let tokens = try await fixture.pool.withTransaction(.queue) { transaction in
        try await transaction.query("SELECT scope, collection, token FROM sv0.collections")
          .map { try $0.string("token") }
      }
      #expect(tokens == ["t1"])
      await #expect(throws: PostgresError.self) {
        try await fixture.pool.withTransaction(.queue) { transaction in
          _ = try await transaction.query("SELECT message FROM sv0.collections")
        }
      }
      #expect(try await fixture.rows("SELECT token FROM sv0.collections", tenant: "other").isEmpty)
    }
  }
}
