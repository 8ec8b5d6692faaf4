import Model
import Testing

@testable import Loading

@Suite struct SuspectRemovalTests {
  private static let scope = LoaderFixture.scope
  private static let collection = "aws.iam.role"
  private static let later = LoaderFixture.start + .seconds(5 * 86400)

  /// A fixture in which roles a and b are suspects of epoch 2.
  private func withSuspects(
    _ body: @Sendable (LoaderFixture, SuspectRemovals) async throws -> Void
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.scan(epoch: 2, day: 1, [roles()])
      try await body(fixture, SuspectRemovals(pool: fixture.pool, now: { Self.later }))
    }
  }

  @Test func suspectsAreListedWithTheEpochThatLacksThem() async throws {
    try await withSuspects { fixture, removals in
      // A listing that proves nothing changes nothing about them.
      try await fixture.scan(epoch: 3, day: 1, [roles(outcome: .denied)])
      #expect(
        try await removals.list(tenant: "acme") == [
          SuspectRemovals.Suspects(
            scope: Self.scope.description, collection: Self.collection, epoch: 2, objects: 2,
            assertions: 6, since: LoaderFixture.start + .seconds(86400))
        ])
      #expect(try await removals.list(tenant: "other").isEmpty)
    }
  }

  @Test func aConfirmationClosesThemAsOfTheirEpoch() async throws {
    try await withSuspects { fixture, removals in
      let early = try await removals.decide(
        .confirmed, Self.scope, Self.collection, epoch: 1, by: "ana")
      #expect(early == .otherEpoch(2))
      #expect(try await fixture.openNodes.count == 4)
      let right = try await removals.decide(
        .confirmed, Self.scope, Self.collection, epoch: 2, by: "ana")
      #expect(right == .done(epoch: 2, assertions: 6))
      #expect(try await fixture.openNodes.isEmpty)
      #expect(
        try await fixture.rows(
          """
          SELECT DISTINCT n.closed_epoch::text, n.closed_version::text,
            (n.closed_at = r.allocated_at)::text AS as_of_the_epoch
          FROM sv0.nodes n JOIN sv0.runs r ON r.epoch = n.closed_epoch
          """) == ["2|3|true"])
      let again = try await removals.decide(
        .confirmed, Self.scope, Self.collection, epoch: nil, by: "ana")
      #expect(again == .noSuspects)
    }
  }

  @Test func aDecisionIsOnRecord() async throws {
    try await withSuspects { fixture, removals in
      _ = try await removals.decide(
        .confirmed, Self.scope, Self.collection, epoch: nil, by: "ana")
      #expect(
        try await fixture.rows(
          """
          SELECT epoch::text, decision, assertions::text, decided_by, message
          FROM sv0.removal_decisions JOIN sv0.collections USING (tenant, scope, collection)
          """) == ["2|confirmed|6|ana|ana confirmed the suspect removals"])
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["3"])
    }
  }

  @Test func aConfirmationDoesNotReachWhatANewerListingShows() async throws {
    try await withSuspects { fixture, removals in
      try await fixture.scan(epoch: 3, day: 1, [roles(.role("b"), outcome: .partial)])
      #expect(
        try await removals.decide(
          .confirmed, Self.scope, Self.collection, epoch: 2, by: "ana")
          == .done(epoch: 2, assertions: 3))
      #expect(
        try await fixture.openNodes == [
          "arn:aws:iam::111122223333:role/b", "arn:aws:iam::111122223333:role/b#trust",
        ])
      // And what it closed may come back.
      try await fixture.scan(epoch: 4, day: 2, [roles(.role("a"), .role("b"))])
      #expect(try await fixture.openNodes.count == 4)
    }
  }

  @Test func aConfirmationIsForThatEpochOnly() async throws {
    try await withSuspects { fixture, removals in
      _ = try await removals.decide(
        .confirmed, Self.scope, Self.collection, epoch: 2, by: "ana")
      try await fixture.scan(epoch: 3, day: 2, [roles(.role("c"), .role("d"))])
      try await fixture.scan(epoch: 4, day: 2, [roles()])
      #expect(try await fixture.openNodes.count == 4)
      #expect(try await removals.list(tenant: "acme").map(\.epoch) == [4])
    }
  }

  @Test func aRejectionClearsTheMarksUntilTheyAreAbsentAgain() async throws {
    try await withSuspects { fixture, removals in
      #expect(
        try await removals.decide(
          .rejected, Self.scope, Self.collection, epoch: nil, by: "bo")
          == .done(epoch: 2, assertions: 6))
      #expect(try await removals.list(tenant: "acme").isEmpty)
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
      #expect(
        try await fixture.rows("SELECT decision, decided_by FROM sv0.removal_decisions")
          == ["rejected|bo"])
      // More than a day after the first mark, but the waiting begins anew.
      try await fixture.scan(epoch: 3, day: 3, [roles()])
      #expect(try await fixture.openNodes.count == 4)
      #expect(try await removals.list(tenant: "acme").map(\.epoch) == [3])
      try await fixture.scan(epoch: 4, day: 4, [roles()])
      #expect(try await fixture.openNodes.isEmpty)
    }
  }

  @Test func anUnreadableRecordIsASignOfLife() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), .role("c"))])
      try await fixture.scan(epoch: 2, day: 1, [roles()])
      try await fixture.scan(epoch: 3, day: 1, [roles(.tainted("a"), .tainted("b"))])
      #expect(try await fixture.openNodes.count == 4)
      let removals = SuspectRemovals(pool: fixture.pool, now: { Self.later })
      #expect(try await removals.list(tenant: "acme").isEmpty)
      try await fixture.scan(epoch: 4, day: 3, [roles()])
      #expect(try await fixture.openNodes.count == 4)
    }
  }
}
