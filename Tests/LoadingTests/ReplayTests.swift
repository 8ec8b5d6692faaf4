import Model
import Pipeline
import PostgresClient
import Testing

@testable import Loading

/// Records that a person had delivered again.
@Suite struct ReplayTests {
  private static let collection = "aws.iam.role"

  /// A fixture with roles a and b of epoch 1, c of which could not be read.
  private func withUnreadable(
    _ body: @Sendable (LoaderFixture) async throws -> Void
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), .tainted("c"))])
      try await body(fixture)
    }
  }

  @Test func aRecordOfTheLastAppliedAttemptIsAdded() async throws {
    try await withUnreadable { fixture in
      let before = try await fixture.versions
      let message = fixture.replayed(
        .role("c", lastUsed: "2026-11-20"), of: Self.collection, epoch: 1, sequence: 2)
      try await fixture.loader.handle([message])
      #expect(try await fixture.openRoles == ["a", "b", "c"])
      #expect(try await fixture.versions.filter { !before.contains($0) }.count == 3)
      #expect(
        try await fixture.rows(
          """
          SELECT DISTINCT opened_epoch::text, opened_version::text, receipt_run,
            (opened_at = (SELECT allocated_at FROM sv0.runs))::text AS as_of_the_epoch
          FROM sv0.nodes WHERE object LIKE '%/c'
          """) == ["1|2|\(LoaderFixture.run(1))|true"])
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
      #expect(try await fixture.rows("SELECT value FROM sv0.observed") == ["2026-11-20"])
      #expect(fixture.sent.on(Topic.snapshot).count == 2)
      #expect(try await fixture.staged.isEmpty)
      // A second time it says nothing new.
      let once = try await fixture.rows("SELECT t::text FROM sv0.tenants t")
      try await fixture.loader.handle([
        fixture.replayed(
          .role("c", lastUsed: "2026-11-20"), of: Self.collection, epoch: 1, sequence: 2)
      ])
      #expect(try await fixture.rows("SELECT t::text FROM sv0.tenants t") == once)
      #expect(fixture.sent.on(Topic.snapshot).count == 2)
    }
  }

  @Test func aChangedVersionIsReplacedAndNothingElseIsClosed() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", inline: ["p"]), .role("b"))])
      try await fixture.scan(epoch: 2, [roles(.tainted("a"), .role("b"))])
      try await fixture.loader.handle([
        fixture.replayed(
          .role("a", path: "/new/", inline: ["q"]), of: Self.collection, epoch: 2)
      ])
      let arn = "arn:aws:iam::111122223333:role/a"
      #expect(
        try await fixture.rows(
          """
          SELECT id, opened_epoch::text, closed_epoch::text, closed_version::text
          FROM sv0.nodes WHERE object = '\(arn)' ORDER BY id, 2
          """) == [
            "\(arn)|1|2|3", "\(arn)|2|-|-", "\(arn)#inline/p|1|-|-", "\(arn)#inline/q|2|-|-",
            "\(arn)#trust|1|-|-",
          ])
      #expect(try await fixture.openRoles == ["a", "b"])
    }
  }

  @Test func ofAnOpenAttemptItIsStagedAsAnyOther() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"), .tainted("c"))])
      try await fixture.loader.handle(Array(messages.dropLast()))
      try await fixture.loader.handle([
        fixture.replayed(.role("c"), of: Self.collection, epoch: 1, sequence: 1)
      ])
      #expect(try await fixture.openNodes.isEmpty)
      let end = fixture.messages(epoch: 1, []).last!
      try await fixture.loader.handle([end])
      #expect(try await fixture.openRoles == ["a", "c"])
      #expect(
        try await fixture.rows("SELECT outcome, records::text FROM sv0.run_collections")
          == ["complete|2"])
    }
  }

  @Test(arguments: ["newer", "retired", "attempt", "collection", "failed"])
  func whereSomethingElseWasAppliedSinceItIsSuperseded(_ since: String) async throws {
    try await LoaderFixture.with { fixture in
      var epoch: Int64 = 1
      var attempt = 1
      var collection = Self.collection
      if since == "failed" {
        // Nothing of the attempt was applied.
        try await fixture.scan(epoch: 2, [roles(.role("a"))])
        try await fixture.dispatch(epoch: 3, state: .failed)
        epoch = 3
      } else {
        try await fixture.scan(epoch: 1, [roles(.role("a"), .tainted("c"))])
      }
      switch since {
      case "newer": try await fixture.scan(epoch: 2, [roles(.role("a"))])
      case "retired":
        let retirement = Retirement(pool: fixture.pool, now: { LoaderFixture.start })
        _ = try await retirement.retire(LoaderFixture.scope, collection: collection, by: "ana")
      case "attempt": attempt = 2
      case "collection": collection = "aws.iam.user"
      default: break
      }
      let before = try await fixture.versions
      let tenant = try await fixture.rows("SELECT t::text FROM sv0.tenants t")
      try await fixture.loader.handle([
        fixture.replayed(.role("c"), of: collection, epoch: epoch, attempt: attempt)
      ])
      #expect(try await fixture.versions == before)
      #expect(try await fixture.rows("SELECT t::text FROM sv0.tenants t") == tenant)
      #expect(fixture.sent.on(Topic.deadLetter).isEmpty)
    }
  }

  /// Listed twice, and not readable the first time: what was read the second time is newer.
  @Test(arguments: ["changed", "unchanged", "gone"])
  func itDoesNotReplaceTheNewerRecordOfItsObject(_ newer: String) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      let second: Fragment =
        switch newer {
        case "changed": .role("a", path: "/new/")
        case "unchanged": .role("a")
        default: .removed("a")
        }
      try await fixture.scan(epoch: 2, [roles(.tainted("a"), second, .role("b"))])
      let before = try await fixture.versions
      for fragment in [Fragment.role("a", path: "/old/", inline: ["p"]), .role("a", path: "/x/")] {
        try await fixture.loader.handle([
          fixture.replayed(fragment, of: Self.collection, epoch: 2)
        ])
      }
      #expect(try await fixture.versions == before)
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
      // Nothing of it is kept for longer than it matters.
      try await fixture.scan(epoch: 3, [roles(.role("a"), .role("b"))])
      #expect(try await fixture.rows("SELECT object FROM sv0.newest_records").isEmpty)
    }
  }

  @Test(arguments: [[0, 2], [2, 0], [2, 2, 0, 2], [0, 2, 0]])
  func ofTwoOfOneObjectTheNewerCountsInAnyOrder(_ order: [Int]) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.scan(
        epoch: 2, [roles(.tainted("a"), .role("b"), .tainted("a"))])
      for sequence in order {
        let fragment: Fragment =
          sequence == 0 ? .role("a", path: "/old/", inline: ["p"]) : .role("a", path: "/new/")
        try await fixture.loader.handle([
          fixture.replayed(
            fragment, of: Self.collection, epoch: 2, sequence: Int64(sequence))
        ])
      }
      let arn = "arn:aws:iam::111122223333:role/a"
      #expect(
        try await fixture.rows(
          """
          SELECT id, state->>'path', opened_epoch::text FROM sv0.nodes
          WHERE object = '\(arn)' AND closed_epoch IS NULL ORDER BY id
          """) == ["\(arn)|/new/|2", "\(arn)#trust|-|1"])
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["3"])
    }
  }

  /// Refused before they were staged, so that nothing of the attempt tells their order.
  @Test func ofTwoThatWereNeverStagedTheNewerCountsInAnyOrder() async throws {
    try await withUnreadable { fixture in
      for sequence in [Int64(5), 4] {
        try await fixture.loader.handle([
          fixture.replayed(
            .role("d", path: "/\(sequence)/"), of: Self.collection, epoch: 1, sequence: sequence)
        ])
      }
      #expect(
        try await fixture.rows(
          "SELECT state->>'path' FROM sv0.nodes WHERE name = 'd' AND closed_epoch IS NULL")
          == ["/5/"])
    }
  }

  @Test func aNewerRunThatAppliedNothingDoesNotSupersedeIt() async throws {
    try await withUnreadable { fixture in
      try await fixture.scan(epoch: 2, [roles(outcome: .denied)])
      try await fixture.loader.handle([
        fixture.replayed(.role("c"), of: Self.collection, epoch: 1, sequence: 2)
      ])
      #expect(try await fixture.openRoles == ["a", "b", "c"])
      #expect(
        try await fixture.rows("SELECT outcome, outcome_epoch::text FROM sv0.collections")
          == ["denied|2"])
    }
  }

  @Test func itNeverRemoves() async throws {
    try await withUnreadable { fixture in
      let before = try await fixture.versions
      for fragment in [Fragment.removed("a"), .tainted("a")] {
        try await fixture.loader.handle([
          fixture.replayed(fragment, of: Self.collection, epoch: 1)
        ])
      }
      #expect(try await fixture.versions == before)
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["1"])
    }
  }

  @Test func whatItShowsIsNoSuspect() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.scan(epoch: 2, day: 1, [roles()])
      try await fixture.scan(epoch: 3, day: 1, [roles(.tainted(""))])
      try await fixture.loader.handle([
        fixture.replayed(.role("a"), of: Self.collection, epoch: 3)
      ])
      let removals = SuspectRemovals(pool: fixture.pool, now: { LoaderFixture.start })
      #expect(try await removals.list(tenant: "acme").map(\.objects) == [1])
      #expect(try await fixture.openRoles == ["a", "b"])
    }
  }

  @Test func factsAboutUseAreMergedUnlessTheyAreTooOld() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [uses(.use(by: "a", day: 1), .tainted("event-9"))])
      for day in [Int64(-402), 0, 2] {
        try await fixture.loader.handle([
          fixture.replayed(
            .use(by: day == 2 ? "a" : "b\(day)", day: day), of: "aws.cloudtrail.event", epoch: 1)
        ])
      }
      #expect(
        try await fixture.rows(
          "SELECT split_part(subject, '/', 2) AS who, at::date::text FROM sv0.activity ORDER BY 1")
          == ["a|2026-11-23", "b0|2026-11-21"])
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["3"])
    }
  }

  @Test func withoutTheHeaderItIsIgnored() async throws {
    try await withUnreadable { fixture in
      var message = fixture.replayed(.role("c"), of: Self.collection, epoch: 1, sequence: 2)
      message.headers.removeLast()
      try await fixture.loader.handle([message])
      #expect(try await fixture.openRoles == ["a", "b"])
    }
  }

  @Test func aLoaderThatLostItsPartitionAddsNothing() async throws {
    try await withUnreadable { fixture in
      let successor = LoaderFixture.loader(fixture.pool, fixture.sent)
      _ = try await successor.starts(of: [LoaderFixture.partition])
      await #expect(throws: PartitionLost(LoaderFixture.partition)) {
        try await fixture.loader.handle([
          fixture.replayed(.role("c"), of: Self.collection, epoch: 1, sequence: 2)
        ])
      }
      #expect(try await fixture.openRoles == ["a", "b"])
    }
  }

  @Test func whoeverIsStoppedWhileItSendsTheRecordKeepsNobodyFromAnything() async throws {
    try await withUnreadable { fixture in
      let message = fixture.replayed(.role("c"), of: Self.collection, epoch: 1, sequence: 2)
      let successor = LoaderFixture.loader(fixture.pool, fixture.sent)
      let error = try await fixture.whileSending([message]) {
        try await fixture.execute(
          "SELECT FROM sv0.positions, sv0.scopes, sv0.tenants FOR UPDATE NOWAIT")
        _ = try await successor.starts(of: [LoaderFixture.partition])
      }
      #expect(error is PartitionLost)
      #expect(try await fixture.staged.isEmpty)
      #expect(try await fixture.openRoles == ["a", "b"])
      try await successor.handle([message])
      #expect(try await fixture.openRoles == ["a", "b", "c"])
    }
  }

  @Test func whatTheDatabaseRefusesIsADeadLetterAgain() async throws {
    try await withUnreadable { fixture in
      var poisoned = Fragment.role("c")
      poisoned.nodes[0].name = "nul\0"
      let message = fixture.replayed(poisoned, of: Self.collection, epoch: 1, sequence: 2)
      await #expect(throws: BadMessage.self) { try await fixture.loader.handle([message]) }
      let staged = try await fixture.staged
      #expect(staged.isEmpty)
      #expect(try await fixture.openRoles == ["a", "b"])
    }
  }
}
