import Model
import Testing

@testable import Loading

@Suite struct ApplyTests {
  @Test func aFirstScanOpensWhatItsRecordsAssert() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", inline: ["p"]), .role("b"))])
      let role = "arn:aws:iam::111122223333:role/"
      #expect(
        try await fixture.openNodes == [
          role + "a", role + "a#inline/p", role + "a#trust", role + "b", role + "b#trust",
        ])
      #expect(
        try await fixture.rows("SELECT state, graph_version::text FROM sv0.runs") == ["applied|1"])
      let snapshot = try #require(fixture.sent.on(Topic.snapshot).first?.value)
      #expect(
        String(decoding: snapshot, as: UTF8.self).contains(#""epoch":1,"graphVersion":1"#))
      #expect(try await fixture.rows("SELECT digest FROM sv0.documents") == ["sha256:00"])
    }
  }

  @Test func aSecondScanWithoutChangeWritesNoVersion() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", inline: ["p"]), .role("b"))])
      let before = try await fixture.rows("SELECT xmin::text, ctid::text, id FROM sv0.nodes")
      try await fixture.scan(epoch: 2, [roles(.role("b"), .role("a", inline: ["p"]))])
      #expect(
        try await fixture.rows("SELECT xmin::text, ctid::text, id FROM sv0.nodes") == before)
      #expect(
        try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["2"])
    }
  }

  @Test func aDeletedRoleClosesExactlyWhatItsRecordAsserted() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", inline: ["p"]), .role("b"), .role("c"))])
      try await fixture.scan(epoch: 2, [roles(.role("b"), .role("c"))])
      let closed = try await fixture.rows(
        """
        SELECT id FROM sv0.nodes WHERE closed_epoch = 2 AND closed_version = 2
        UNION ALL SELECT to_id FROM sv0.edges WHERE closed_epoch = 2 AND closed_version = 2
        ORDER BY 1
        """)
      let arn = "arn:aws:iam::111122223333:role/a"
      #expect(
        closed == [arn, arn + "#inline/p", arn + "#inline/p", arn + "#trust", arn + "#trust"])
      #expect(try await fixture.openNodes.count == 4)
    }
  }

  @Test func aChangeClosesTheOldVersionAndOpensANewOne() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", inline: ["p"]))])
      try await fixture.scan(epoch: 2, [roles(.role("a", path: "/new/", inline: ["q"]))])
      let arn = "arn:aws:iam::111122223333:role/a"
      #expect(
        try await fixture.rows(
          "SELECT id, opened_epoch::text, closed_epoch::text FROM sv0.nodes ORDER BY id, 2") == [
            "\(arn)|1|2", "\(arn)|2|-", "\(arn)#inline/p|1|2", "\(arn)#inline/q|2|-",
            "\(arn)#trust|1|-",
          ])
    }
  }

  @Test(arguments: [
    Outcome.denied, .failed, .partial, .throttled, .unsupported, .unchanged,
  ])
  func onlyACompleteListingProvesAbsence(_ outcome: Outcome) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      let before = try await fixture.openNodes
      try await fixture.scan(
        epoch: 2, [ScriptedCollection(name: "aws.iam.role", outcome: outcome)])
      #expect(try await fixture.openNodes == before)
      #expect(
        try await fixture.rows("SELECT outcome, applied_epoch::text FROM sv0.collections") == [
          "\(outcome.rawValue)|1"
        ])
    }
  }

  @Test func aMissingRecordMakesTheCollectionPartialAndRemovesNothing() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), .role("c"))])
      try await fixture.scan(epoch: 2, [roles(.role("a"), .role("d"), claimed: 3)])
      #expect(try await fixture.openNodes.count == 8)
      #expect(
        try await fixture.rows("SELECT outcome, message FROM sv0.collections") == [
          "partial|2 of 3 records arrived"
        ])
    }
  }

  @Test func aTaintedRecordKeepsItsObjectAndOnlyThat() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), .role("c"))])
      try await fixture.scan(epoch: 2, [roles(.tainted("a"), .role("b"))])
      let role = "arn:aws:iam::111122223333:role/"
      #expect(
        try await fixture.openNodes == [role + "a", role + "a#trust", role + "b", role + "b#trust"])
    }
  }

  @Test func aRecordWithoutReadableKeyMakesTheCollectionPartial() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"), .role("c"))])
      try await fixture.scan(epoch: 2, [roles(.role("a"), .tainted(""))])
      #expect(try await fixture.openNodes.count == 6)
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["partial"])
    }
  }

  @Test func ofTwoRecordsOfAnObjectTheLaterWins() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1, [roles(.role("a", path: "/old/", inline: ["gone"]), .role("a", path: "/new/"))])
      #expect(
        try await fixture.rows(
          "SELECT state ->> 'path' AS path, name FROM sv0.nodes ORDER BY name") == [
            "/new/|a", "-|trust",
          ])
    }
  }

  @Test func factsAboutUseAreMergedByMaximumWithoutVersions() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a", lastUsed: "2026-11-20"))])
      let before = try await fixture.versions
      try await fixture.scan(epoch: 2, [roles(.role("a", lastUsed: "2026-11-21"))])
      try await fixture.scan(epoch: 3, [roles(.role("a", lastUsed: "2026-11-19"))])
      #expect(try await fixture.versions == before)
      #expect(
        try await fixture.rows("SELECT fact, value FROM sv0.observed") == ["lastUsed|2026-11-21"])
    }
  }

  @Test func suspiciousRemovalsWaitForASecondListingADayLater() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.scan(epoch: 2, day: 1, [roles()])
      #expect(try await fixture.openNodes.count == 4)
      // b is back and loses its mark; a is still gone, but not for a day yet.
      try await fixture.scan(epoch: 3, day: 1, [roles(.role("b"))])
      #expect(try await fixture.openNodes.count == 2)
      try await fixture.scan(epoch: 4, day: 2, [roles()])
      #expect(try await fixture.openNodes.count == 0)
    }
  }

  @Test func whereTheRecordsOfTheLastAppliedAttemptAreIsKnown() async throws {
    try await LoaderFixture.with { fixture in
      func record(_ name: String, at offset: Int64) -> Fragment {
        var fragment = Fragment.role(name)
        fragment.receipt.partition = 5
        fragment.receipt.offset = offset
        return fragment
      }
      func place() async throws -> [String] {
        try await fixture.rows(
          """
          SELECT applied_kind, applied_outcome, applied_records::text, raw_partition::text,
            raw_from::text, raw_to::text FROM sv0.collections
          """)
      }
      // The second object's record was delivered twice; one is missing.
      try await fixture.scan(
        epoch: 1,
        [
          roles(
            record("a", at: 71), record("b", at: 90), record("b", at: 90), .removed("x"),
            claimed: 5, token: "t")
        ])
      #expect(try await place() == ["full|complete|5|3|1|90"])
      try await fixture.scan(epoch: 2, [roles(outcome: .denied)])
      #expect(try await place() == ["full|complete|5|3|1|90"])
      try await fixture.scan(epoch: 3, [roles(record("a", at: 110), record("b", at: 107))])
      #expect(try await place() == ["full|complete|2|5|107|110"])
      try await fixture.scan(epoch: 4, [roles()])
      #expect(try await place() == ["full|complete|0|-|-|-"])
    }
  }

  @Test func anotherTenantSeesNothing() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"))])
      #expect(try await fixture.rows("SELECT id FROM sv0.nodes", tenant: "other").isEmpty)
      #expect(try await fixture.rows("SELECT run FROM sv0.runs", tenant: "other").isEmpty)
    }
  }
}
