import KafkaClient
import Model
import Testing

extension EndToEnd.Scanned {
  /// What was read once is read again out of the topics, and what was put aside is decided about.
  @Suite struct ReplayTests {
    private let stack: Stack

    init() throws { stack = try .current }

    private var scope: String { "\(Stack.tenant)/aws-prod/aws/\(stack.account.id)" }

    /// Not a row version more: the same records say the same, and none is newer than it was.
    @Test func aReplayedScopeIsAsItWasAndAsOldAsItWas() async throws {
      let rows = try await stack.openRows()
      let listed = """
        SELECT collection, outcome, completed_at, completed_epoch, token FROM sv0.collections
        WHERE scope = '\(scope)' AND outcome = 'complete' ORDER BY collection
        """
      let before = try await stack.query(listed)
      #expect(!before.isEmpty)
      let outcome = try await stack.sv0(["replay", scope, "--wait", "--output", "json"])
      #expect([0, 1].contains(outcome.status), "\(outcome.errors)")
      #expect(try await stack.openRows() == rows)
      #expect(try await stack.query(listed) == before)
      let run = try await stack.query(
        "SELECT state, attempt FROM sv0.runs WHERE scope = '\(scope)' ORDER BY epoch DESC LIMIT 1")
      #expect(run == ["evaluated|1"])
    }

    @Test func aScopeThatWasNeverScannedIsNotReplayed() async throws {
      let outcome = try await stack.sv0(["replay", "\(Stack.tenant)/aws-prod/aws/000000000000"])
      #expect(outcome.status == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains("never scanned"))
    }

    /// A request that is whole again after all is sent again; one that is not worth it is dropped.
    @Test func deadLettersAreReplayedAndDropped() async throws {
      let places = try await Topics(stack.kafka).inject([
        OutgoingMessage(
          topic: Topic.scanRequest, key: Array("acme/aws-prod".utf8), value: Array("again?".utf8)),
        OutgoingMessage(
          topic: Topic.scanRequest, key: Array("acme/aws-prod".utf8), value: Array("drop me".utf8)),
      ])
      let ids = try await wait(for: "the dead letters") {
        let letters = try await stack.json(["deadletter", "list"])
        let ids = places.compactMap { place in
          letters.first { $0["origin"]?.string == place }?["id"]?.string
        }
        return ids.count == places.count ? ids : nil
      }
      let replayed = try await stack.json(["deadletter", "replay", ids[0]])
      #expect(replayed.map { $0["decision"]?.string } == ["replayed"])
      let dropped = try await stack.json(["deadletter", "drop", ids[1], "--by", "ann"])
      #expect(dropped.map { $0["decision"]?.string } == ["dropped"])
      let open = try await stack.json(["deadletter", "list"]).compactMap { $0["id"]?.string }
      #expect(Set(open).isDisjoint(with: ids))
      let decided = try await stack.json(["deadletter", "list", "--decided"])
        .filter { ids.contains($0["id"]?.string ?? "") }
      #expect(Set(decided.map { $0["decision"]?.string }) == ["replayed", "dropped"])
      // It is still not to be read: it is a dead letter anew.
      try await wait(until: "the replayed message is put aside again") {
        try await stack.json(["deadletter", "list"]).contains {
          $0["stage"]?.string == "scheduler" && !ids.contains($0["id"]?.string ?? "")
            && $0["class"]?.string == "malformed"
        }
      }
    }

    /// A record of an attempt that nobody applied from says nothing any more.
    @Test func aRecordOfAnotherAttemptIsSuperseded() async throws {
      let run = try #require(
        try await stack.query(
          "SELECT run FROM sv0.runs WHERE scope = '\(scope)' ORDER BY epoch LIMIT 1"
        ).first)
      let header = "run=\(run);attempt=99;exec=e;collection=aws.iam.role;seq=0;call=0;key=late"
      let places = try await Topics(stack.kafka).inject([
        OutgoingMessage(
          topic: Topic.raw(.aws), key: Array(scope.utf8), value: Array("{}".utf8),
          headers: [MessageHeader("sv0", header)])
      ])
      let id = try await wait(for: "the dead letter") {
        try await stack.json(["deadletter", "list"]).first {
          $0["origin"]?.string == places.first
        }?["id"]?.string
      }
      let outcome = try await stack.sv0(["deadletter", "replay", id])
      #expect(outcome.status == 1, "\(outcome.errors)")
      #expect(outcome.output.hasPrefix("superseded \(id): "), "\(outcome.output)")
    }
  }
}
