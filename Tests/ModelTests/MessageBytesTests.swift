import Model
import Testing

/// The bytes of every kind of message. Consumers that are not ours rely on them: a change here is a
/// new version of a topic.
@Suite struct MessageBytesTests {
  static let run = "01KAZ2B3C4D5E6F7G8H9JKMNPQ"
  static let scan = "01KAZ2B3C4D5E6F7G8H9JKMNPR"
  static let scope = Scope(
    tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333")
  static let at = Timestamp(milliseconds: 1_795_255_200_250)
  static let digest = String(repeating: "ab", count: 32)

  static let values: [(String, JSON, String)] = [
    (
      "scan request",
      ScanRequest(
        tenant: "acme", connection: "aws-prod", scopes: ["111122223333"],
        collections: ["aws.iam.*"], reason: "nightly", requestedBy: "cron@platform"
      ).json,
      #"{"collections":["aws.iam.*"],"connection":"aws-prod","priority":"normal","reason":"nightly","requestedBy":"cron@platform","scopes":["111122223333"],"tenant":"acme"}"#
    ),
    (
      "dispatch",
      Dispatch(
        scan: scan, run: run, epoch: 17, attempt: 1, scope: scope,
        settings: ["regions": ["eu-west-1"]],
        credentials: ["type": "environment"], collections: ["aws.iam.role"],
        tokens: ["aws.cloudtrail.event": "2026-11-20"], rawPartition: 3, expires: at
      ).json,
      #"{"account":"111122223333","attempt":1,"collections":[{"name":"aws.iam.role"}],"connection":"aws-prod","credentials":{"type":"environment"},"epoch":17,"expires":"2026-11-21T10:00:00.250Z","rawPartition":3,"run":"01KAZ2B3C4D5E6F7G8H9JKMNPQ","scan":"01KAZ2B3C4D5E6F7G8H9JKMNPR","settings":{"regions":["eu-west-1"]},"tenant":"acme","tokens":{"aws.cloudtrail.event":"2026-11-20"}}"#
    ),
    (
      "heartbeat",
      Progress(run: run, attempt: 2, phase: .heartbeat, records: 5, calls: 3, at: at).json,
      #"{"at":"2026-11-21T10:00:00.250Z","attempt":2,"calls":3,"phase":"heartbeat","records":5,"run":"01KAZ2B3C4D5E6F7G8H9JKMNPQ"}"#
    ),
    (
      "progress of a collection",
      Progress(
        run: run, attempt: 2,
        phase: .collectionEnded(
          collection: "aws.lambda.function@eu-west-1", outcome: .denied, records: 0,
          missing: ["lambda:ListFunctions"], message: nil), records: 5, calls: 3, at: at
      ).json,
      #"{"at":"2026-11-21T10:00:00.250Z","attempt":2,"calls":3,"collection":{"missing":["lambda:ListFunctions"],"name":"aws.lambda.function@eu-west-1","outcome":"denied","records":0},"phase":"collection","records":5,"run":"01KAZ2B3C4D5E6F7G8H9JKMNPQ"}"#
    ),
    (
      "progress at the end",
      Progress(
        run: run, attempt: 2, phase: .ended(outcome: .failed, message: "worker was stopped"),
        records: 5, calls: 3, at: at
      ).json,
      #"{"at":"2026-11-21T10:00:00.250Z","attempt":2,"calls":3,"message":"worker was stopped","outcome":"failed","phase":"ended","records":5,"run":"01KAZ2B3C4D5E6F7G8H9JKMNPQ"}"#
    ),
    (
      "scan.started",
      ScanStarted(
        scan: scan, epoch: 17, scope: scope, connector: "aws/1", collections: ["aws.iam.role"],
        at: at
      ).json,
      #"{"account":"111122223333","at":"2026-11-21T10:00:00.250Z","collections":["aws.iam.role"],"connection":"aws-prod","connector":"aws/1","epoch":17,"platform":"aws","scan":"01KAZ2B3C4D5E6F7G8H9JKMNPR","tenant":"acme"}"#
    ),
    (
      "collection.ended",
      CollectionEnded(
        collection: "aws.lambda.function@eu-west-1", outcome: .denied, records: 0,
        missing: ["lambda:ListFunctions"],
        calls: [
          APICall(
            number: 0, method: "GET", operation: "lambda:ListFunctions",
            url: "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions", status: 403,
            requestID: "r-1", at: at)
        ]
      ).json,
      #"{"calls":[{"at":"2026-11-21T10:00:00.250Z","method":"GET","n":0,"operation":"lambda:ListFunctions","requestId":"r-1","status":403,"url":"https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions"}],"collection":"aws.lambda.function@eu-west-1","missing":["lambda:ListFunctions"],"outcome":"denied","records":0}"#
    ),
    (
      "collection.ended of a delta",
      CollectionEnded(
        collection: "aws.iam.role", outcome: .complete, kind: .delta, records: 2, from: "t1",
        token: "t2"
      ).json,
      #"{"calls":[],"collection":"aws.iam.role","from":"t1","kind":"delta","outcome":"complete","records":2,"token":"t2"}"#
    ),
    (
      "scan.ended",
      ScanEnded(
        outcome: .partial, records: 41, calls: 7, retries: 1, throttledMilliseconds: 250, at: at
      ).json,
      #"{"at":"2026-11-21T10:00:00.250Z","calls":7,"outcome":"partial","records":41,"retries":1,"throttledMilliseconds":250}"#
    ),
    (
      "fragment",
      Fragment(
        object: "arn:r",
        nodes: [
          Node(
            id: "arn:r", kind: .identity, type: "aws.iam.role", name: "r", defines: ["arn:r"],
            state: ["path": "/"], observed: ["lastUsed": "2026-11-20"])
        ],
        edges: [Edge(.trustedBy, from: "arn:r", to: "arn:r#trust", discriminator: "d")],
        documents: [PolicyDocument(digest: "sha256:\(digest)", body: ["Statement": []])],
        receipt: Receipt(sha256: digest, partition: 3, offset: 120_934)
      ).json,
      #"{"documents":[{"body":{"Statement":[]},"digest":"sha256:\#(digest)"}],"edges":[{"basis":"direct","discriminator":"d","from":"arn:r","kind":"trustedBy","state":{},"to":"arn:r#trust"}],"nodes":[{"defines":["arn:r"],"id":"arn:r","kind":"identity","name":"r","observed":{"lastUsed":"2026-11-20"},"state":{"path":"/"},"type":"aws.iam.role"}],"object":"arn:r","receipt":{"offset":120934,"partition":3,"sha256":"\#(digest)"}}"#
    ),
    (
      "fragment of a removal",
      Fragment(
        object: "arn:r", receipt: Receipt(sha256: digest, partition: 3, offset: 1), isRemoval: true
      ).json,
      #"{"documents":[],"edges":[],"nodes":[],"object":"arn:r","receipt":{"offset":1,"partition":3,"sha256":"\#(digest)"},"removed":true}"#
    ),
    (
      "fragment of activity",
      Fragment(
        object: "e1",
        activity: [Activity(subject: "arn:r", action: "s3:GetObject", target: "arn:b", at: at)],
        receipt: Receipt(sha256: digest, partition: 3, offset: 1)
      ).json,
      #"{"activity":[{"action":"s3:GetObject","at":"2026-11-21T10:00:00.250Z","subject":"arn:r","target":"arn:b"}],"documents":[],"edges":[],"nodes":[],"object":"e1","receipt":{"offset":1,"partition":3,"sha256":"\#(digest)"}}"#
    ),
    (
      "tainted fragment",
      Fragment(
        object: "arn:r", receipt: Receipt(sha256: digest, partition: 3, offset: 1),
        taint: "$.Arn: expected a string"
      ).json,
      #"{"documents":[],"edges":[],"nodes":[],"object":"arn:r","receipt":{"offset":1,"partition":3,"sha256":"\#(digest)"},"taint":"$.Arn: expected a string"}"#
    ),
    (
      "snapshot",
      Snapshot(
        tenant: "acme", scope: scope.description, run: run, epoch: 17, graphVersion: 4
      ).json,
      #"{"epoch":17,"graphVersion":4,"run":"01KAZ2B3C4D5E6F7G8H9JKMNPQ","scope":"acme/aws-prod/aws/111122223333","tenant":"acme"}"#
    ),
  ]

  @Test(arguments: values.map(\.0))
  func aMessageHasTheseBytes(_ kind: String) throws {
    let (_, value, bytes) = try #require(Self.values.first { $0.0 == kind })
    #expect(value.text == bytes)
  }

  @Test(arguments: [
    (
      RecordHeader.Content.record(
        collection: "aws.iam.role", sequence: 41, key: "arn:aws:iam::1:role/a;b=c%\n", call: 2),
      "run=\(run);attempt=2;exec=5f0c9a1e;collection=aws.iam.role;seq=41;call=2;key=arn:aws:iam::1:role/a%3Bb=c%25%0A"
    ),
    (.scanStarted, "run=\(run);attempt=2;exec=5f0c9a1e;kind=scan.started"),
    (
      .collectionEnded(collection: "aws.iam.role"),
      "run=\(run);attempt=2;exec=5f0c9a1e;kind=collection.ended;collection=aws.iam.role"
    ),
    (.scanEnded, "run=\(run);attempt=2;exec=5f0c9a1e;kind=scan.ended"),
  ])
  func theHeaderHasThisTextAndIsReadBack(_ content: RecordHeader.Content, _ text: String) {
    let header = RecordHeader(run: Self.run, attempt: 2, execution: "5f0c9a1e", content)
    #expect(header.text == text)
    #expect(RecordHeader(text) == header)
  }

  @Test(arguments: [
    "", "run=x;attempt=1;exec=e;kind=scan.started",
    "run=\(run);attempt=0;exec=e;kind=scan.started", "run=\(run);attempt=1;kind=scan.started",
    "run=\(run);attempt=1;exec=e;kind=other", "run=\(run);attempt=1;exec=e;kind=collection.ended",
    "run=\(run);attempt=1;exec=e;collection=c;seq=-1;call=0;key=k",
    "run=\(run);attempt=1;exec=e;collection=c;seq=1;call=0",
    "run=\(run);attempt=1;attempt=2;exec=e;kind=scan.ended", "run=\(run);attempt=1;exec=e;kind=%ZZ",
  ])
  func aHeaderThatIsNotWellFormedIsRefused(_ text: String) {
    #expect(RecordHeader(text) == nil)
  }

  @Test func aCloudEventHasTheBindingsHeaders() {
    let event = CloudEvent(
      id: "\(Self.run).3", source: "sv0://acme/scheduler", type: CloudEventType.runChanged,
      time: Self.at)
    #expect(
      event.headers.map { "\($0.name)=\(String(decoding: $0.value ?? [], as: UTF8.self))" } == [
        "ce_specversion=1.0", "ce_id=\(Self.run).3", "ce_source=sv0://acme/scheduler",
        "ce_type=io.securityv0.run.changed.v1", "ce_time=2026-11-21T10:00:00.250Z",
        "content-type=application/json",
      ])
  }
}
