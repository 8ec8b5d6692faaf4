import Model
import Pipeline
import PostgresClient
import Testing

@testable import Loading

@Suite struct PositionTests {
  /// A fixture that has staged offsets 0 to 2 of the messages of one attempt.
  private func afterThree(
    _ body: @Sendable (LoaderFixture, [Message]) async throws -> Void
  ) async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"), .role("b"))])
      try await fixture.loader.handle(Array(messages[0..<3]))
      try await body(fixture, messages)
    }
  }

  @Test func readingResumesAtTheLastMessageThatWasStaged() async throws {
    try await afterThree { fixture, messages in
      let start = try await fixture.loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .offset(2))
      try await fixture.loader.handle(Array(messages[2...]))
      #expect(try await fixture.openNodes.count == 4)
      #expect(
        try await fixture.rows("SELECT outcome, records::text FROM sv0.run_collections") == [
          "complete|2"
        ])
    }
  }

  @Test func anotherMessageAtThePositionHaltsTheLoader() async throws {
    try await afterThree { fixture, messages in
      _ = try await fixture.loader.starts(of: [LoaderFixture.partition])
      var others = Array(messages[2...])
      others[0].value = Fragment.role("c").json.bytes
      for _ in 1...2 {
        let error = await #expect(throws: LoadingError.self) {
          try await fixture.loader.handle(others)
        }
        let halt = try #require(error)
        #expect(halt.description.contains("forget_positions"))
        #expect(!halt.isRetriable)
      }
      #expect(try await fixture.openNodes.isEmpty)
      #expect(try await fixture.staged.count == 1)
    }
  }

  @Test func aTopicThatEndsBelowThePositionHaltsTheLoader() async throws {
    try await afterThree { fixture, _ in
      let loader = LoaderFixture.loader(fixture.pool, fixture.sent, keeping: 0..<2)
      await #expect(throws: LoadingError.self) {
        try await loader.starts(of: [LoaderFixture.partition])
      }
    }
  }

  @Test func messagesThatWereForgottenBeforeTheyWereStagedHaltTheLoader() async throws {
    try await afterThree { fixture, _ in
      let loader = LoaderFixture.loader(fixture.pool, fixture.sent, keeping: 5..<9)
      let error = await #expect(throws: LoadingError.self) {
        try await loader.starts(of: [LoaderFixture.partition])
      }
      let halt = try #require(error)
      #expect(halt.description.contains("offsets 3 to 4"))
    }
  }

  @Test func aTopicThatOnlyForgotWhatWasStagedIsReadOn() async throws {
    try await afterThree { fixture, messages in
      let loader = LoaderFixture.loader(fixture.pool, fixture.sent, keeping: 3..<3)
      let start = try await loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .offset(3))
      try await loader.handle(Array(messages[3...]))
      #expect(try await fixture.openNodes.count == 4)
    }
  }

  @Test func aLoaderReadsAgainWhenTheServerCrashedUnderIt() async throws {
    try await afterThree { fixture, messages in
      try await fixture.crash()
      await #expect(throws: PartitionLost(LoaderFixture.partition)) {
        try await fixture.loader.handle(Array(messages[3...]))
      }
      #expect(try await fixture.openNodes.isEmpty)
      let start = try await fixture.loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .offset(0))
      try await fixture.loader.handle(messages)
      #expect(try await fixture.rows("SELECT outcome FROM sv0.collections") == ["complete"])
    }
  }

  @Test func afterACrashTheOldestAttemptIsRecognisedToo() async throws {
    try await afterThree { fixture, messages in
      try await fixture.crash()
      _ = try await fixture.loader.starts(of: [LoaderFixture.partition])
      var others = messages
      others[0].key = Array("acme/aws-prod/aws/999999999999".utf8)
      await #expect(throws: LoadingError.self) { try await fixture.loader.handle(others) }
      #expect(fixture.sent.on(Topic.deadLetter).isEmpty)
    }
  }

  @Test func afterACrashBetweenScansTheLastMessageIsRecognised() async throws {
    try await LoaderFixture.with { fixture in
      try await fixture.dispatch(epoch: 1)
      let messages = fixture.messages(epoch: 1, [roles(.role("a"))])
      try await fixture.loader.handle(messages)
      try await fixture.crash()
      let start = try await fixture.loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .offset(messages.last!.offset))
      try await fixture.loader.handle([messages.last!])
      try await fixture.scan(epoch: 2, [roles(.role("b"))])
      #expect(try await fixture.openNodes.count == 2)
    }
  }

  @Test func positionsCanBeForgottenOnPurpose() async throws {
    try await afterThree { fixture, messages in
      try await fixture.execute("SELECT sv0.forget_positions('\(Topic.graph)')")
      await #expect(throws: PartitionLost.self) {
        try await fixture.loader.handle(Array(messages[3...]))
      }
      #expect(try await fixture.staged.isEmpty)
      let start = try await fixture.loader.starts(of: [LoaderFixture.partition])
      #expect(start[LoaderFixture.partition] == .beginning)
      try await fixture.loader.handle(messages)
      #expect(try await fixture.openNodes.count == 4)
    }
  }
}
