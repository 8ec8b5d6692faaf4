import Model
import Pipeline
import PostgresClient
import Testing

@testable import Loading

@Suite struct StagingTests {
  private static let day = Duration.seconds(86400)

  @Test func atTheLimitTheLargestAttemptFailsAndTheOthersGoOn() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.dispatch(epoch: 2)
      try await fixture.dispatch(epoch: 3, state: .extracted)
      let large = fixture.messages(epoch: 2, [roles(.role("a"), .role("b"), .role("c"))])
      let small = fixture.messages(epoch: 3, [roles(.role("d"))])
      let limit = [large[1], large[2], small[1]].reduce(0) { $0 + Int64($1.value!.count) }
      let loader = LoaderFixture.loader(
        fixture.pool, fixture.sent, limits: LoadingLimits(stagedBytes: limit))
      _ = try await loader.starts(of: [LoaderFixture.partition])
      let before = try await fixture.openNodes
      // The small one begins in between, and the large one is too large only with its last record.
      try await loader.handle(Array(large[0..<3] + small[0..<2] + large[3...]))
      #expect(try await fixture.openNodes == before)
      let failed = try await fixture.rows(
        "SELECT state, graph_version::text, reason FROM sv0.runs WHERE epoch = 2")
      #expect(failed[0].hasPrefix("failed|2|its records take "))
      #expect(
        try await fixture.rows("SELECT outcome, outcome_epoch::text FROM sv0.collections") == [
          "failed|2"
        ])
      #expect(try await fixture.staged == ["\(LoaderFixture.run(3))|1"])
      try await loader.handle(Array(small[2...]))
      #expect(
        try await fixture.rows("SELECT state FROM sv0.runs ORDER BY epoch")
          == ["applied", "failed", "applied"])
      #expect(try await fixture.staged.isEmpty)
    }
  }

  @Test func aRepeatedAttemptCountsOnce() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let first = fixture.messages(epoch: 1, [roles(.role("a"), .role("b"))])
      let again = fixture.messages(
        epoch: 1, execution: "again", [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(first[0..<3]))
      let once = try await fixture.allRows("SELECT bytes::text FROM sv0.open_attempts")
      try await fixture.loader.handle(Array(again[0..<3]))
      #expect(try await fixture.allRows("SELECT bytes::text FROM sv0.open_attempts") == once)
    }
  }

  @Test(arguments: [
    (RunState.failed, 1), (.cancelled, 1), (.applied, 1), (.leased, 2), (.queued, 2),
  ])
  func theSweepDropsWhatNobodyWillEnd(_ state: RunState, _ attempt: Int) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      try await fixture.dispatch(epoch: 1, attempt: attempt, state: state)
      let before = try await fixture.rows("SELECT r::text FROM sv0.runs r")
      _ = try await fixture.loader.sweep()
      #expect(try await fixture.staged.isEmpty)
      #expect(try await fixture.allRows("SELECT run FROM sv0.open_attempts").isEmpty)
      #expect(try await fixture.allRows("SELECT low::text FROM sv0.positions") == ["2"])
      #expect(try await fixture.rows("SELECT r::text FROM sv0.runs r") == before)
    }
  }

  @Test(arguments: [RunState.extracted, .leased, .dispatched, .queued])
  func theSweepLeavesWhatIsUnderWay(_ state: RunState) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      try await fixture.dispatch(epoch: 1, state: state)
      _ = try await fixture.loader.sweep()
      try await fixture.loader.handle(Array(messages[2...]))
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test(arguments: [
    (RunState.extracted, Int64(0), true), (.leased, 0, true), (.leased, 40, false),
    (.queued, 0, false),
  ])
  func aSilentAttemptFailsItsRun(
    _ state: RunState, _ leaseHours: Int64, _ fails: Bool
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.dispatch(epoch: 2, state: state)
      let messages = fixture.messages(epoch: 2, [roles(.role("a"))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      try await fixture.execute(
        """
        UPDATE sv0.runs SET lease_until = allocated_at + interval '\(leaseHours) hours'
        WHERE epoch = 2
        """)
      let later = LoaderFixture.loader(
        fixture.pool, fixture.sent, at: LoaderFixture.start + Self.day + .seconds(1))
      _ = try await later.sweep()
      #expect(
        try await fixture.rows("SELECT state FROM sv0.runs WHERE epoch = 2")
          == [fails ? "failed" : state.rawValue])
      #expect(try await fixture.staged.isEmpty == fails)
      #expect(
        try await fixture.rows("SELECT outcome FROM sv0.collections") == [
          fails ? "failed" : "complete"
        ])
      #expect(
        try await fixture.rows("SELECT graph_version::text FROM sv0.tenants")
          == [fails ? "2" : "1"])
      #expect(try await fixture.openNodes.count == 4)
    }
  }

  @Test func theSweepLeavesAPartitionInUseToTheNextTurn() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      try await fixture.dispatch(epoch: 1, state: .cancelled)
      try await fixture.pool.withTransaction { transaction in
        _ = try await transaction.query("SELECT FROM sv0.positions FOR UPDATE")
        _ = try await fixture.loader.sweep()
      }
      #expect(try await fixture.staged.count == 1)
      _ = try await fixture.loader.sweep()
      #expect(try await fixture.staged.isEmpty)
    }
  }

  @Test func severalLoadersMaySweepWhileOneLoads() async throws {
    try await LoaderFixture.with { fixture in
      for epoch in Int64(1)...12 {
        try await fixture.dispatch(epoch: epoch, state: .extracted)
        try await fixture.loader.handle(
          Array(fixture.messages(epoch: epoch, [roles(.role("r\(epoch)"))]).dropLast()))
        if epoch % 2 == 0 { try await fixture.dispatch(epoch: epoch, state: .failed) }
      }
      try await fixture.dispatch(epoch: 20)
      let others = (1...3).map { _ in LoaderFixture.loader(fixture.pool, fixture.sent) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for other in others { group.addTask { _ = try await other.sweep() } }
        group.addTask {
          for message in fixture.messages(epoch: 20, [roles(.role("a"), .role("b"))]) {
            try await fixture.loader.handle([message])
          }
        }
        try await group.waitForAll()
      }
      _ = try await fixture.loader.sweep()
      #expect(try await fixture.openNodes.count == 4)
      #expect(
        try await fixture.staged
          == stride(from: Int64(1), to: 12, by: 2).map { "\(LoaderFixture.run($0))|1" })
    }
  }
}
