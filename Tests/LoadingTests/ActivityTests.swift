import Model
import PostgresClient
import Testing

@testable import Loading

/// Facts about use.
@Suite struct ActivityTests {
  private func facts(_ fixture: LoaderFixture, tenant: String = "acme") async throws -> [String] {
    try await fixture.rows(
      """
      SELECT split_part(subject, '/', 2) AS subject, target,
        extract(day FROM at - '2026-11-21T10:00:00Z')::int::text AS day, receipt_offset::text
      FROM sv0.activity ORDER BY subject, target
      """, tenant: tenant)
  }

  @Test func theLatestUseIsKeptWithItsReceipt() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1,
        [
          uses(
            .use(by: "a", day: 1, offset: 10), .use(by: "a", day: 3, offset: 11),
            .use(by: "a", day: 3, offset: 12), .use(by: "a", day: 2, offset: 13),
            .use(by: "a", of: "other", day: 1, offset: 14), token: "t1")
        ])
      #expect(
        try await facts(fixture) == ["a|arn:aws:s3:::logs|3|11", "a|arn:aws:s3:::other|1|14"])
      #expect(
        try await fixture.rows("SELECT DISTINCT receipt_run FROM sv0.activity")
          == [LoaderFixture.run(1)])
      // Older or equal changes nothing, absence removes nothing.
      try await fixture.scan(
        epoch: 2,
        [uses(.use(by: "a", day: 3, offset: 20), .use(by: "b", day: 0, offset: 21), token: "t2")])
      #expect(
        try await facts(fixture) == [
          "a|arn:aws:s3:::logs|3|11", "a|arn:aws:s3:::other|1|14", "b|arn:aws:s3:::logs|0|21",
        ])
      #expect(
        try await fixture.rows(
          """
          SELECT outcome, token, completed_epoch::text, (completed_at IS NOT NULL)::text AS current
          FROM sv0.collections
          """) == ["complete|t2|-|true"])
      #expect(try await facts(fixture, tenant: "other").isEmpty)
    }
  }

  @Test func whatIsAssertedBesidesIsNeverClosedByAbsence() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [uses(.role("a"), .role("b"))])
      try await fixture.scan(epoch: 2, [uses(.role("b", path: "/new/"))])
      try await fixture.scan(epoch: 3, [uses()])
      #expect(try await fixture.openRoles == ["a", "b"])
      #expect(
        try await fixture.rows(
          "SELECT suspect_since::text FROM sv0.nodes WHERE "
            + "suspect_since IS NOT NULL"
        ).isEmpty)
    }
  }

  @Test(arguments: [
    (uses(.use(by: "a", day: 5), claimed: 2, token: "t2"), "partial|t1"),
    (uses(.use(by: "a", day: 5), outcome: .throttled, token: "t2"), "throttled|t1"),
    (uses(.use(by: "a", day: 5), .tainted(""), token: "t2"), "partial|t1"),
    (uses(.use(by: "a", day: 5), .tainted("x"), token: "t2"), "complete|t1"),
    (uses(.use(by: "a", day: 5)), "complete|-"),
  ])
  func aListingThatIsNotWholeIsTrueAsFarAsItGoes(
    _ listing: ScriptedCollection, _ expected: String
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [uses(.use(by: "a", day: 1), token: "t1")])
      try await fixture.scan(epoch: 2, [listing])
      #expect(try await facts(fixture) == ["a|arn:aws:s3:::logs|5|1"])
      #expect(
        try await fixture.rows("SELECT outcome, token FROM sv0.collections") == [expected])
    }
  }

  @Test func otherListingsMayTellOfUseToo() async throws {
    try await LoaderFixture.with { fixture in
      var role = Fragment.role("a")
      role.activity = Fragment.use(by: "a", day: 1).activity
      try await fixture.scan(epoch: 1, [roles(role)])
      try await fixture.scan(epoch: 2, [roles(.role("b"))])
      #expect(try await facts(fixture).count == 1)
      #expect(try await fixture.openRoles == ["b"])
    }
  }

  @Test func retiringDeletesWhatIsRetired() async throws {
    try await LoaderFixture.with { fixture in
      var role = Fragment.role("a")
      role.activity = Fragment.use(by: "a", day: 1).activity
      try await fixture.scan(epoch: 1, [roles(role), uses(.use(by: "b", day: 1))])
      let retirement = Retirement(pool: fixture.pool, now: { LoaderFixture.start })
      _ = try await retirement.retire(LoaderFixture.scope, collection: "aws.iam.role", by: "ana")
      #expect(try await facts(fixture) == ["b|arn:aws:s3:::logs|1|1"])
      // What was read before it was retired comes too late.
      try await fixture.dispatch(epoch: 3, state: .extracted)
      let late = fixture.messages(epoch: 3, [uses(.use(by: "c", day: 1))])
      let retired = try await retirement.retire(LoaderFixture.scope, by: "ana")
      #expect(retired?.epoch == 4)
      try await fixture.loader.handle(late)
      #expect(try await facts(fixture).isEmpty)
    }
  }

  @Test func theSweepDeletesWhatIsOlderThanTheLimitOfEveryTenant() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1,
        [uses(.use(by: "a", day: 0), .use(by: "b", day: 1), .use(by: "c", day: 2))])
      try await fixture.execute(
        """
        INSERT INTO sv0.tenants (tenant) VALUES ('other');
        INSERT INTO sv0.activity SELECT 'other', scope, collection, subject, action, target, at,
          receipt_sha256, receipt_partition, receipt_offset, receipt_run, receipt_call
        FROM sv0.activity;
        """)
      func sweep(day: Int64) async throws {
        let time = LoaderFixture.start + .seconds(day * 86400)
        let loader = LoaderFixture.loader(fixture.pool, fixture.sent, at: time)
        #expect(try await loader.sweep() == false)
      }
      // 400 days later to the hour: the day is kept as a whole.
      try await sweep(day: 400)
      #expect(try await facts(fixture).count == 3)
      try await sweep(day: 402)
      #expect(try await facts(fixture) == ["c|arn:aws:s3:::logs|2|1"])
      #expect(try await facts(fixture, tenant: "other").count == 1)
      #expect(try await fixture.rows("SELECT graph_version::text FROM sv0.tenants") == ["1"])
    }
  }

  @Test func agingTakesAPortionAtATime() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(
        epoch: 1,
        [uses(.use(by: "a", day: 0), .use(by: "b", day: 1), .use(by: "c", day: 2))])
      let store = PostgresLoadingStore(pool: fixture.pool)
      let before = LoaderFixture.start + .seconds(86400 * 2)
      #expect(try await store.ageActivity(of: "acme", before: before, atMost: 1) == 1)
      #expect(try await store.ageActivity(of: "acme", before: before, atMost: 10) == 1)
      #expect(try await store.ageActivity(of: "acme", before: before, atMost: 10) == 0)
      #expect(try await facts(fixture).count == 1)
    }
  }
}
