import KafkaClient
import Model
import Testing

extension EndToEnd.Scanned {
  /// What nobody can understand is put aside with its reason, and the work goes on.
  @Suite struct BadInputTests {
    private struct Bad {
      var topic: String
      var key: String
      var headers: [MessageHeader] = []
      var value: [UInt8]
      /// How it is classed, and by whom.
      var errorClass: String
      var stage: String
    }

    private let stack: Stack

    init() throws { stack = try .current }

    @Test func badMessagesBecomeDeadLettersAndAGoodScanFollows() async throws {
      let run = try #require(
        try await stack.query(
          "SELECT run FROM sv0.runs WHERE tenant = '\(Stack.tenant)' ORDER BY epoch LIMIT 1"
        ).first)
      let before = try await stack.openRows()
      let bad = requests() + dispatches() + reports(of: run) + records(of: run) + fragments(of: run)
      let places = try await Topics(stack.kafka).inject(
        bad.map {
          OutgoingMessage(
            topic: $0.topic, key: Array($0.key.utf8), value: $0.value, headers: $0.headers)
        })
      let letters = try await wait(for: "a dead letter for each") {
        let letters = try await stack.json(["deadletter", "list"])
        return Set(letters.map { $0["origin"]?.string }).isSuperset(of: places) ? letters : nil
      }
      for (bad, place) in zip(bad, places) {
        let letters = letters.filter { $0["origin"]?.string == place }
        #expect(letters.map { $0["class"]?.string } == [bad.errorClass], "\(place)")
        #expect(letters.map { $0["stage"]?.string } == [bad.stage], "\(place)")
        #expect(letters.allSatisfy { $0["reason"]?.string?.isEmpty == false }, "\(place)")
      }
      #expect(try await stack.openRows() == before)
      _ = try await stack.scan("aws.lambda.*").succeeded("a good scan after the bad messages")
      #expect(try await stack.openRows() == before)
    }

    @Test func aDeadLetterIsShownWithItsReasonAndItsBytes() async throws {
      let places = try await Topics(stack.kafka).inject([
        OutgoingMessage(
          topic: Topic.scanRequest, key: Array("acme/aws-prod".utf8), value: Array("shown?".utf8))
      ])
      let id = try await wait(for: "the dead letter") {
        try await stack.json(["deadletter", "list"]).first {
          $0["origin"]?.string == places.first
        }?["id"]?.string
      }
      let shown = try await stack.sv0(["deadletter", "show", id]).succeeded("deadletter show")
      #expect(shown.output.contains("sv0.errors.class.name: malformed"))
      #expect(shown.output.hasSuffix("\n\nshown?\n"))
    }

    // MARK: The messages

    private static let garbage = Array("not JSON: {".utf8)
    private static let empty = Array("{}".utf8)
    /// Deeper than any parser should follow, and near the largest message of its topic.
    private static func deep(_ size: Int) -> [UInt8] {
      [UInt8](repeating: UInt8(ascii: "["), count: size)
    }

    private var scope: String { "\(Stack.tenant)/aws-prod/aws/\(stack.account.id)" }
    private var foreignScope: String { "globex/aws-prod/aws/\(stack.account.id)" }

    private func requests() -> [Bad] {
      let headers = [
        MessageHeader("ce_id", "bad"), MessageHeader("ce_source", "end-to-end"),
        MessageHeader("ce_specversion", "1.0"),
        MessageHeader("ce_type", "io.securityv0.scan.requested.v1"),
      ]
      let foreign = JSON.object([
        "tenant": "globex", "connection": "aws-prod", "reason": "", "requestedBy": "nobody",
      ])
      let coloured = JSON.object([
        "tenant": .string(Stack.tenant), "connection": "aws-prod", "reason": "",
        "requestedBy": "nobody", "colour": "blue",
      ])
      func bad(_ value: [UInt8], _ errorClass: String, _ headers: [MessageHeader]) -> Bad {
        Bad(
          topic: Topic.scanRequest, key: "\(Stack.tenant)/aws-prod", headers: headers,
          value: value, errorClass: errorClass, stage: "scheduler")
      }
      return [
        bad(Self.garbage, "malformed", headers), bad(Self.garbage, "malformed", []),
        bad(Self.deep(900_000), "malformed", headers), bad(coloured.bytes, "schema", headers),
        bad(foreign.bytes, "tenant", headers),
      ]
    }

    private func dispatches() -> [Bad] {
      let wrong = Array(#"{"scan":"x","run":"y","epoch":0,"attempt":-1}"#.utf8)
      return [
        (Self.garbage, "malformed"), (Self.deep(900_000), "malformed"), (wrong, "schema"),
      ].map {
        Bad(
          topic: Topic.scanDispatch(.aws), key: "bad/1", value: $0.0, errorClass: $0.1,
          stage: "extractor")
      }
    }

    private func reports(of run: String) -> [Bad] {
      func report(_ phase: String) -> [UInt8] {
        JSON.object([
          "run": .string(run), "attempt": 1, "records": 0, "calls": 0, "phase": .string(phase),
          "at": "2026-11-21T10:00:00Z",
        ]).bytes
      }
      let foreign = "\(Stack.tenant)/other/aws/\(stack.account.id)"
      return [
        (scope, Self.garbage, "malformed"), ("no scope", report("heartbeat"), "malformed"),
        (scope, Self.deep(900_000), "malformed"), (scope, report("paused"), "schema"),
        (foreign, report("heartbeat"), "tenant"),
      ].map {
        Bad(
          topic: Topic.scanProgress, key: $0.0, value: $0.1, errorClass: $0.2, stage: "scheduler")
      }
    }

    /// A scan.started of our tenant under a key of another.
    private func started(_ run: String) -> [UInt8] {
      let body: JSON = [
        "scan": .string(run), "epoch": 1, "tenant": .string(Stack.tenant),
        "connection": "aws-prod", "platform": "aws", "account": .string(stack.account.id),
        "connector": "aws/1", "collections": [], "at": "2026-11-21T10:00:00Z",
      ]
      return body.bytes
    }

    private func records(of run: String) -> [Bad] {
      func bad(_ key: String, _ header: String?, _ value: [UInt8], _ errorClass: String) -> Bad {
        Bad(
          topic: Topic.raw(.aws), key: key,
          headers: header.map { [MessageHeader("sv0", $0)] } ?? [],
          value: value, errorClass: errorClass, stage: "transformer")
      }
      let record = "run=\(run);attempt=1;exec=e;collection=aws.iam.role;seq=0;call=0;key=bad"
      return [
        bad(scope, nil, Self.empty, "malformed"), bad(scope, record, Self.garbage, "malformed"),
        bad(scope, record, Self.deep(4 << 20), "malformed"),
        bad(scope, record, Self.empty, "schema"), bad("no scope", record, Self.empty, "tenant"),
        bad(foreignScope, "run=\(run);attempt=1;exec=e;kind=scan.started", started(run), "tenant"),
        bad(scope, "run=\(run);attempt=1;exec=e;kind=scan.ended", Self.empty, "malformed"),
      ]
    }

    private func fragments(of run: String) -> [Bad] {
      // A run of this test's own, so that the loader does not know it as finished.
      let unknown = "01" + String(repeating: "0", count: 24)
      func bad(_ key: String, _ header: String, _ value: [UInt8], _ errorClass: String) -> Bad {
        Bad(
          topic: Topic.graph, key: key, headers: [MessageHeader("sv0", header)], value: value,
          errorClass: errorClass, stage: "loader")
      }
      let record = ";attempt=1;exec=e;collection=aws.iam.role;seq=0;call=0;key=bad"
      return [
        bad(scope, "no header", Self.empty, "malformed"),
        bad("no scope", "run=\(run)\(record)", Self.empty, "malformed"),
        bad(scope, "run=\(unknown)\(record)", Self.deep(4 << 20), "unknown-run"),
        bad(foreignScope, "run=\(run)\(record)", Self.empty, "unknown-run"),
        bad(
          "\(Stack.tenant)/other/aws/\(stack.account.id)", "run=\(run)\(record)", Self.empty,
          "tenant"),
      ]
    }
  }
}
