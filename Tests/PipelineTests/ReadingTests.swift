import Model
import Pipeline
import Testing

/// Every message is read back as it was written, and nothing else is.
@Suite struct ReadingTests {
  static let run = "01KAZ2B3C4D5E6F7G8H9JKMNPQ"
  static let scope = Scope(
    tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333")
  static let at = Timestamp(milliseconds: 1_795_255_200_250)

  @Test func whatIsWrittenIsReadBack() throws {
    let request = ScanRequest(
      tenant: "acme", connection: "aws-prod", scopes: ["1"], collections: ["aws.*"], reason: "r",
      priority: .urgent, requestedBy: "me")
    #expect(try ScanRequest(reading: request.json.bytes) == request)
    let dispatch = Dispatch(
      scan: Self.run, run: Self.run, epoch: 1, attempt: 2, scope: Self.scope,
      settings: ["a": [1, "b"]], credentials: [:], collections: ["c"], tokens: ["c": "t"],
      rawPartition: 3, expires: Self.at)
    #expect(try Dispatch(reading: dispatch.json.bytes, platform: .aws) == dispatch)
    let started = ScanStarted(
      scan: Self.run, epoch: 1, scope: Self.scope, connector: "aws/1", collections: ["c"],
      at: Self.at)
    #expect(try ScanStarted(reading: started.json.bytes) == started)
    let ended = CollectionEnded(
      collection: "c", outcome: .throttled, kind: .delta, records: 3, missing: ["m"],
      message: "why", from: "s", token: "t", asOf: Self.at,
      calls: [
        APICall(
          number: 0, method: "GET", operation: "s:O", url: "https://h/p", status: 200,
          requestID: "r", at: Self.at)
      ])
    #expect(try CollectionEnded(reading: ended.json.bytes) == ended)
    let scanEnded = ScanEnded(
      outcome: .partial, records: 1, calls: 2, retries: 3, throttledMilliseconds: 4, at: Self.at)
    #expect(try ScanEnded(reading: scanEnded.json.bytes) == scanEnded)
    for phase: Progress.Phase in [
      .heartbeat, .ended(outcome: .failed, message: "m"), .ended(outcome: .complete, message: nil),
      .collectionEnded(
        collection: "c", outcome: .denied, records: 1, missing: ["m"], message: nil),
    ] {
      let progress = Progress(
        run: Self.run, attempt: 1, phase: phase, records: 1, calls: 2, at: Self.at)
      #expect(try Progress(reading: progress.json.bytes) == progress)
    }
  }

  @Test func aFragmentIsReadBack() throws {
    let fragment = Fragment(
      object: "o",
      nodes: [
        Node(
          id: "n", kind: .policy, type: "aws.iam.policy", name: "N", defines: ["n"],
          state: ["list": [1, .null, .number("1.5")]], observed: ["lastUsed": "2026-11-20"])
      ],
      edges: [Edge(.governs, from: "n", to: "f", discriminator: "d", basis: .structural)],
      documents: [PolicyDocument(digest: "sha256:00", body: ["Statement": []])],
      activity: [Activity(subject: "n", action: "s:O", target: "t", at: Self.at)],
      receipt: Receipt(sha256: "00", partition: 1, offset: 2), isRemoval: true, taint: nil)
    #expect(try Fragment(reading: fragment.json.bytes) == fragment)
  }

  @Test(arguments: [
    ("{", "malformed", "a scan request"),
    (#"{"tenant":"acme"}"#, "malformed", "$.connection"),
    (#"{"tenant":"a/b","connection":"c","reason":"r","requestedBy":"m"}"#, "schema", "$.tenant"),
    (
      #"{"tenant":"a","connection":"c","reason":"r","requestedBy":"m","priority":"secret"}"#,
      "schema", "one of urgent, normal, background"
    ),
    (
      #"{"tenant":"a","connection":"c","reason":"r","requestedBy":"m","scope":["1"]}"#, "schema",
      "accepted are"
    ),
    (
      #"{"tenant":"a","connection":"c","reason":"r","requestedBy":"m","scopes":["secret /"]}"#,
      "schema", "$.scopes"
    ),
  ])
  func aRequestThatIsWrongIsRefusedWithThePlaceAndNotTheValue(
    _ text: String, _ errorClass: String, _ place: String
  ) throws {
    let error = try #require(throws: BadMessage.self) {
      try ScanRequest(reading: Array(text.utf8))
    }
    #expect(error.errorClass == errorClass)
    #expect(error.reason.contains(place))
    #expect(!error.reason.contains("secret"))
  }

  @Test func aTombstoneIsNoMessage() {
    #expect(throws: BadMessage.self) { try Progress(reading: nil) }
  }
}
