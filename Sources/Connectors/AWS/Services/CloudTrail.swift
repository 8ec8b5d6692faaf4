internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// Source: CloudTrail User Guide, "Quotas": 10 a second, LookupEvents 2.
  static let cloudTrail = AWSService(
    "cloudtrail", .json(target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
    perSecond: 5, pages: "awscloudtrail/latest/APIReference/API_")
}

extension AWSOperation {
  static let describeTrails = AWSOperation(
    .cloudTrail, "DescribeTrails", fixed: ["includeShadowTrails": false])
  static let getTrailStatus = AWSOperation(.cloudTrail, "GetTrailStatus")
  static let getEventSelectors = AWSOperation(.cloudTrail, "GetEventSelectors")
  static let lookupEvents = AWSOperation(
    .cloudTrail, "LookupEvents", paging: Paging("NextToken", limit: ("MaxResults", 50)),
    rate: Rate(perSecond: 2, burst: 1))
}

extension AWSUnit {
  static let cloudTrail: [AWSUnit] = [
    .tree(
      AWSListing(
        .describeTrails, items: ["trailList"],
        [AWSKind("aws.cloudtrail.trail", key: .item("TrailARN"), AWSNormalizer.trail)],
        each: [
          AWSListing(
            .getTrailStatus, ["Name": .item("TrailARN")],
            [
              AWSKind(
                "aws.cloudtrail.status", key: .parent("TrailARN"),
                members: [("Arn", .parent("TrailARN")), ("IsLogging", .item("IsLogging"))],
                AWSNormalizer.trailStatus)
            ]),
          AWSListing(
            .getEventSelectors, ["TrailName": .item("TrailARN")],
            [
              AWSKind(
                "aws.cloudtrail.eventSelectors", key: .parent("TrailARN"),
                members: [("Arn", .parent("TrailARN")), ("Selectors", .at(0, []))],
                AWSNormalizer.eventSelectors)
            ]),
        ])),
    AWSUnit(
      kinds: [
        (
          AWSKind(
            "aws.cloudtrail.event", key: .item("EventId"), redaction: .event, kind: .activity,
            AWSNormalizer.trailEvent), [.lookupEvents]
        )
      ], isRegional: true,
      read: { scan, region, output in try await scan.readEvents(output, region) }
    ),
  ]
}

extension Redaction {
  /// Applied while events are read, as one is several texts deep.
  static let event = Redaction(
    note: "of an event only who did what to which resource, and when: no parameters, answers, "
      + "addresses or user agents",
    published: { try AWSNormalizer.lookedUpEvent($0) })
}

extension AWSScan {
  /// How far back the first look goes, and how many pages one look reads: five minutes at two a
  /// second.
  static let firstWindow = Duration.seconds(24 * 3600)
  static let maximumEventPages = 600

  /// Events since the last look. The token is the end of the window that was read; events come
  /// minutes late, so that windows overlap by a quarter of an hour: what is told twice is the same.
  func readEvents(_ output: UnitOutput, _ region: String) async throws {
    guard let collection = output.collections.first else { return }
    let now = client.context.surroundings.now()
    let start = eventsBegin(of: collection.name, at: now, window: .seconds(90 * 86_400))
    var pages = 0
    var unreadable = 0
    do {
      try await client.pages(
        .lookupEvents, in: region,
        [
          "StartTime": .integer(start.milliseconds / 1000),
          "EndTime": .integer(now.milliseconds / 1000),
        ],
        logs: output.logs
      ) { answer in
        pages += 1
        guard pages <= Self.maximumEventPages else { throw EventLimit() }
        let events = Array(try answer.result.array(at: "Events"))
        let records = events.compactMap { event -> Record? in
          guard let key = event["EventId"]?.string,
            let bytes = try? AWSNormalizer.lookedUpEvent(event)
          else { return nil }
          return Record(key: key, bytes: bytes, call: answer.call)
        }
        unreadable += events.count - records.count
        try await collection.publish(records)
      }
    } catch is EventLimit {
      try await collection.end(
        CollectionResult(
          .partial,
          message: "More than \(Self.maximumEventPages) pages of events since \(start); the newest "
            + "were read. For volumes like this read the trail's archive.", kind: .activity))
      return
    }
    var result = CollectionResult.activity(token: now.description)
    if unreadable > 0 {
      result.outcome = .partial
      result.message = "\(unreadable) events could not be read; what they say is not known."
    }
    try await collection.end(result)
  }

  /// Where a look begins: where the last one ended, and a day back if there was none.
  func eventsBegin(of collection: String, at now: Timestamp, window: Duration) -> Timestamp {
    let last = tokens[collection].flatMap { Timestamp($0) }
    let start = last.map { $0 + .seconds(-900) } ?? now + (Duration.zero - Self.firstWindow)
    return max(start, now + (Duration.zero - window))
  }

  private struct EventLimit: Error {}
}

extension AWSNormalizer {
  static func trail(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.cloudtrail.trail", arn: "TrailARN", name: root.name("Name"),
      [
        "multiRegion": root.flag("IsMultiRegionTrail"),
        "organization": root.flag("IsOrganizationTrail"),
        "globalEvents": root.flag("IncludeGlobalServiceEvents"),
        "validation": root.flag("LogFileValidationEnabled"), "key": root.json("KmsKeyId"),
      ])
    assertions.link(
      .invokes, id, try root.text("S3BucketName").map { "arn:aws:s3:::\($0)" }, "archive")
    assertions.link(.invokes, id, try root.text("SnsTopicARN"), "topic")
    assertions.link(.runsAs, id, try root.text("CloudWatchLogsRoleArn"))
    return assertions
  }

  private static func setting(
    _ record: AWSRecord, _ type: String, _ suffix: String, _ state: [String: JSON?]
  ) throws(JSONError) -> Assertions {
    let id = try record.identifier(record.root.value(at: "Arn"))
    let node = Node(
      id: "\(id)#\(suffix)", kind: .resourceSet, type: type,
      name: "\(suffix) of \(ARNParts(id)?.name ?? id)", state: .present(state))
    var assertions = Assertions(nodes: [node])
    assertions.link(.contains, id, node.id)
    return assertions
  }

  static func trailStatus(_ record: AWSRecord) throws(JSONError) -> Assertions {
    try setting(
      record, "aws.cloudtrail.status", "status", ["logging": record.root.flag("IsLogging")])
  }

  static func eventSelectors(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let selectors = try record.root.value(at: "Selectors")
    return try setting(
      record, "aws.cloudtrail.eventSelectors", "selectors",
      [
        "basic": selectors.optionalValue(at: "EventSelectors").map { JSON($0).ordered },
        "advanced": selectors.optionalValue(at: "AdvancedEventSelectors").map { JSON($0).ordered },
      ])
  }

  /// What is published of an event.
  static func lookedUpEvent(_ event: JSONView) throws -> [UInt8] {
    let detail = try JSONDocument(parsing: Array(event.string(at: "CloudTrailEvent").utf8)).root
    let names = try event.list("Resources").compactMap { resource throws(JSONError) in
      try resource.text("ResourceName")
    }
    return try reducedEvent(
      detail,
      [
        "EventId": try event.json("EventId"), "EventName": try event.json("EventName"),
        "EventSource": try event.json("EventSource"),
        "EventTime": try event.optionalValue(at: "EventTime").map { JSON($0) },
      ], resources: names.filter { $0.hasPrefix("arn:") })
  }

  /// - Parameters:
  ///   - detail: the event as a trail writes it.
  ///   - members: what and when, by the names of `LookupEvents`.
  static func reducedEvent(
    _ detail: JSONView, _ members: [String: JSON?], resources: [String]
  ) throws(JSONError) -> [UInt8] {
    let identity = try detail.inner("userIdentity")
    let issuer = try identity?.inner("sessionContext")?.inner("sessionIssuer")
    let all = Set(try detail.texts("resources", "ARN")).union(resources)
    let others: [String: JSON?] = [
      "ErrorCode": try detail.json("errorCode"), "Region": try detail.json("awsRegion"),
      "Account": try detail.json("recipientAccountId"),
      "Identity": .members([
        "type": try identity?.json("type"), "arn": try identity?.json("arn"),
        "accountId": try identity?.json("accountId"), "issuer": try issuer?.json("arn"),
        "invokedBy": try identity?.json("invokedBy"),
      ]),
      "Resources": .set(Array(all)),
    ]
    return JSON.members(members.merging(others) { what, _ in what }).bytes
  }

  /// An event that was refused is no use of anything.
  static func trailEvent(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    _ = try record.identifier(root.value(at: "EventId"))
    let identity = try root.value(at: "Identity")
    let (issuer, arn) = (try identity.text("issuer"), try identity.text("arn"))
    guard try root.text("ErrorCode") == nil, let subject = issuer ?? arn,
      let at = try root.timestamp("EventTime")
    else { return Assertions() }
    let source = try root.name("EventSource")
    let action = "\(source.prefix { $0 != "." }):\(try root.name("EventName"))"
    let resources = try root.texts("Resources")
    let targets = resources.isEmpty ? ["aws:service:\(source)"] : resources
    return Assertions(
      activity: targets.map { Activity(subject: subject, action: action, target: $0, at: at) })
  }
}
