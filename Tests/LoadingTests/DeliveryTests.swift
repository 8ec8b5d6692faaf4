import Model
import Pipeline
import PostgresClient
import Testing

@testable import Loading

@Suite struct DeliveryTests {
  @Test func everyMessageMayComeTwiceAndInPieces() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"), .role("b", inline: ["p"]))])
      try await fixture.loader.handle(Array(messages[0..<2]))
      try await fixture.loader.handle(Array(messages[0..<3]))
      try await fixture.loader.handle(messages)
      let once = try await fixture.versions
      #expect(once.count == 8)
      try await fixture.loader.handle(messages)
      #expect(try await fixture.versions == once)
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["complete"])
    }
  }

  @Test func anAttemptThatIsExecutedAgainStartsAfresh() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let first = fixture.messages(epoch: 1, [roles(.role("gone"), .role("a"))])
      let second = fixture.messages(
        epoch: 1, execution: "again", [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(first[0..<2]))
      // What the first one still says is not counted, wherever it arrives.
      try await fixture.loader.handle([first[2]] + second[0..<2] + [first[3], first[4]])
      try await fixture.loader.handle(Array(second[2...]))
      let role = "arn:aws:iam::111122223333:role/"
      #expect(
        try await fixture.openNodes == [role + "a", role + "a#trust", role + "b", role + "b#trust"])
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["complete"])
    }
  }

  @Test func whatIsSentAgainOfOneExecutionDropsNothing() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let sent = fixture.messages(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(sent[0..<4]))
      // Its beginning comes late from a transformer that was replaced.
      let late = fixture.messages(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(late[0..<2]))
      try await fixture.loader.handle([late[4]])
      #expect(try await fixture.openRoles == ["a", "b"])
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["complete"])
    }
  }

  @Test func anEarlierEpochChangesNothingAfterALaterOne() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1, state: .extracted)
      try await fixture.scan(epoch: 2, [roles(.role("a"))])
      let before = try await fixture.versions
      try await fixture.loader.handle(fixture.messages(epoch: 1, [roles(.role("old"))]))
      #expect(try await fixture.versions == before)
      #expect(
        try await fixture.rows("SELECT outcome_epoch::text FROM sv0.collections") == ["2"])
    }
  }

  @Test func anOlderRunAppliedAfterANewerFailedOneCounts() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1, state: .extracted)
      try await fixture.dispatch(epoch: 2, state: .extracted)
      // A failed run of this scope, as the scheduler records it.
      try await fixture.scan(epoch: 4, [roles(outcome: .failed)])
      try await fixture.loader.handle(
        fixture.messages(epoch: 2, [roles(.role("a"), token: "t2")]))
      #expect(
        try await fixture.rows(
          """
          SELECT outcome, outcome_epoch::text, applied_epoch::text, completed_epoch::text, token
          FROM sv0.collections
          """) == ["failed|4|2|2|t2"])
      // So that an older one changes nothing any more.
      try await fixture.loader.handle(fixture.messages(epoch: 1, [roles(.role("old"))]))
      #expect(try await fixture.openRoles == ["a"])
    }
  }

  @Test func aSupersededAttemptIsNotApplied() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let zombie = fixture.messages(epoch: 1, [roles(.role("zombie"))])
      try await fixture.loader.handle(Array(zombie.dropLast()))
      try await fixture.dispatch(epoch: 1, attempt: 2)
      try await fixture.loader.handle([zombie.last!])
      #expect(try await fixture.openNodes.isEmpty)
      try await fixture.loader.handle(
        fixture.messages(epoch: 1, attempt: 2, [roles(.role("a"))]))
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test func whatCannotBeReadBecomesADeadLetterAndThePartitionMovesOn() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let scan = fixture.messages(epoch: 1, [roles(.role("a"))])
      let header = RecordHeader(
        run: LoaderFixture.run(1), attempt: 1, execution: "e",
        .record(collection: "aws.iam.role", sequence: 9, key: "x", call: 0))
      let unknown = RecordHeader(
        run: LoaderFixture.run(99), attempt: 1, execution: "e", .scanStarted)
      let bad = [
        fixture.message(headers: [], value: []),
        fixture.message(key: "no scope", headers: [header.header], value: []),
        fixture.message(headers: [header.header], value: Array("{".utf8)),
        fixture.message(headers: [header.header], value: nil),
        fixture.message(
          key: "other/aws-prod/aws/111122223333", headers: [header.header], value: []),
        fixture.message(
          key: "acme/aws-prod/aws/999999999999", headers: [header.header], value: []),
        fixture.message(headers: [unknown.header], value: []),
      ]
      try await fixture.loader.handle(bad + scan)
      let reasons = fixture.sent.on(Topic.deadLetter).map { letter in
        letter.headers.first { $0.name == "sv0.errors.class.name" }?.value.map {
          String(decoding: $0, as: UTF8.self)
        }
      }
      #expect(
        reasons == [
          "malformed", "malformed", "malformed", "malformed", "unknown-run", "tenant",
          "unknown-run",
        ])
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test func aLoaderThatLostItsPartitionWritesNothingUntilItIsAssignedAgain() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      let successor = LoaderFixture.loader(fixture.pool, fixture.sent)
      _ = try await successor.starts(of: [LoaderFixture.partition])
      // The second time it knows by itself.
      for _ in 1...2 {
        await #expect(throws: PartitionLost(LoaderFixture.partition)) {
          try await fixture.loader.handle(messages)
        }
      }
      #expect(try await fixture.openNodes.isEmpty)
      try await successor.handle(Array(messages.dropLast()))
      // The group gives it back: now the other one is fenced.
      _ = try await fixture.loader.starts(of: [LoaderFixture.partition])
      await #expect(throws: PartitionLost.self) { try await successor.handle([messages.last!]) }
      try await fixture.loader.handle(messages)
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  /// The server waits for rows of a COPY for ever, whatever limits of time a session has.
  @Test func whoeverIsStoppedWhileItSendsRowsKeepsNobodyFromItsPartition() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      try await fixture.loader.handle([messages[0]])
      let successor = LoaderFixture.loader(fixture.pool, fixture.sent)
      let error = try await fixture.whileSending(Array(messages[1...])) {
        _ = try await successor.starts(of: [LoaderFixture.partition])
      }
      #expect(error is PartitionLost)
      #expect(try await fixture.staged.isEmpty)
      try await successor.handle(messages)
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test func afterStagingIsLostReadingBeginsAtTheOldestOpenAttempt() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.scan(epoch: 1, [roles(.role("a"))])
      try await fixture.dispatch(epoch: 2)
      let messages = fixture.messages(epoch: 2, [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(messages[0..<3]))
      try await fixture.crash()
      let start = try await fixture.loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .offset(messages[0].offset))
      try await fixture.loader.handle(messages)
      #expect(try await fixture.openNodes.count == 4)
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["complete"])
    }
  }

  @Test func dataTheDatabaseRefusesIsADeadLetterNotAStandstill() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      var poisoned = Fragment.role("b")
      poisoned.nodes[0].name = "nul\0"
      let messages = fixture.messages(epoch: 1, [roles(.role("a"), poisoned)])
      await #expect(throws: BadMessage.self) { try await fixture.loader.handle(messages) }
      for message in messages {
        do { try await fixture.loader.handle([message]) } catch is BadMessage {}
      }
      #expect(try await fixture.openNodes.count == 2)
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["partial"])
    }
  }
}
