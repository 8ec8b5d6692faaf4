internal import Authentication
internal import Extraction
internal import JSONReader
internal import Model

// What a trail archives in a bucket. The only contents that are ever read, and only where a
// connection names the bucket: no other code can make these calls, and they take no other bucket.

extension AWSService {
  /// Objects that are JSON.
  fileprivate static let s3Object = AWSService("s3", .restJSON, pages: "AmazonS3/latest/API/API_")
}

extension AWSOperation {
  fileprivate static let listObjects = AWSOperation(
    .s3Bucket, "ListObjectsV2", get: "/{Bucket}", fixed: ["list-type": "2"],
    paging: Paging(
      "continuation-token", output: ["NextContinuationToken"], more: "IsTruncated",
      limit: ("max-keys", 1000)),
    action: "s3:ListBucket")
  /// S3 is told to call it compressed, whatever it was stored as: then the HTTP client unpacks it,
  /// within its limit. Source: S3 API reference, `GetObject`, `response-content-encoding`.
  fileprivate static let getObject = AWSOperation(
    .s3Object, "GetObject", get: "/{Bucket}/{Key+}",
    fixed: ["response-content-encoding": "gzip"], rate: Rate(perSecond: 20))
}

extension AWSUnit {
  static let cloudTrailArchive = [
    AWSUnit(
      kinds: [
        (
          AWSKind(
            "aws.cloudtrail.archivedEvent", key: .item("EventId"), redaction: .event,
            isRoadmap: true, kind: .activity, AWSNormalizer.trailEvent),
          [.listObjects, .getObject]
        )
      ], isRegional: true,
      read: { scan, region, output in try await scan.readArchive(output, region) })
  ]
}

/// The bucket that a connection names, `settings.trailBucket`.
struct AWSTrailBucket: Sendable, Equatable {
  let name: String
  let region: String
  /// What stands before `AWSLogs/`; empty, or with a slash at its end.
  let prefix: String
  /// Of a trail of a whole organization.
  let organization: String?

  /// - Returns: `nil` where the settings name none, or not rightly.
  static func read(_ settings: inout ConfigurationReader) -> AWSTrailBucket? {
    guard let value = settings.value("trailBucket") else { return nil }
    var reader = ConfigurationReader(value, at: settings.keyPath("trailBucket"))
    let name = reader.text(
      "name", isRequired: true, accepted: "the name of the bucket that the trail writes to",
      where: isName)
    let region = reader.text(
      "region", isRequired: true, accepted: "the commercial region that the bucket is in",
      where: AWSSettings.isRegion)
    let prefix = reader.text(
      "prefix", accepted: "what stands before /AWSLogs/ in the names of its objects",
      where: { !$0.isEmpty && $0.utf8.count <= 200 && !$0.hasPrefix("/") && !$0.hasSuffix("/") })
    let organization = reader.text(
      "organizationId", accepted: "the organization's id, o-…, of a trail of all its accounts",
      where: { id in
        id.hasPrefix("o-") && id.utf8.count <= 34
          && id.utf8.dropFirst(2).allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
          }
      })
    reader.finish()
    settings.add(reader.problems)
    guard let name, let region, reader.problems.isEmpty else { return nil }
    return AWSTrailBucket(
      name: name, region: region, prefix: prefix.map { $0 + "/" } ?? "",
      organization: organization)
  }

  /// Source: S3 User Guide, "General purpose bucket naming rules".
  private static func isName(_ text: String) -> Bool {
    (3...63).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x2E
      }
  }

  /// Source: CloudTrail User Guide, "Finding your CloudTrail log files".
  fileprivate func folder(of account: String, _ region: String) -> String {
    "\(prefix)AWSLogs/\(organization.map { $0 + "/" } ?? "")\(account)/CloudTrail/\(region)/"
  }
}

extension AWSScan {
  /// How far back one look goes, and how much of the newest it reads.
  static let archiveWindow = Duration.seconds(7 * 86_400)
  static let maximumArchivedObjects = 2_000
  static let maximumArchivedEvents = 100_000

  /// Events since the last look, as `readEvents` reads them, from the archive. An object that cannot
  /// be read, is too large or may not be decrypted is a gap.
  func readArchive(_ output: UnitOutput, _ region: String) async throws {
    guard let collection = output.collections.first else { return }
    guard let bucket = trailBucket else {
      throw CollectionFailure(
        .unsupported,
        "The connection names no bucket of a trail; set settings.trailBucket to read its archive.")
    }
    let now = client.context.surroundings.now()
    let start = eventsBegin(of: collection.name, at: now, window: Self.archiveWindow)
    let (keys, listed) = try await archived(in: bucket, region, from: start, to: now, output.logs)
    let gaps = AWSGaps()
    var (objects, events) = (0, 0)
    for key in keys.reversed() where events < Self.maximumArchivedEvents {
      objects += 1
      try await gaps.object(of: collection.name, by: [.getObject]) {
        do {
          events += try await readObject(key, in: bucket, collection, gaps)
        } catch let error as TransportError where error.kind == .refused {
          gaps.note(CollectionFailure(error), for: [collection.name])
        }
      }
    }
    var result = gaps.result(of: collection.name) ?? .activity(token: now.description)
    result.kind = .activity
    if objects < listed {
      result.outcome = .partial
      result.token = nil
      let cut = "Of \(listed) objects since \(start) the newest \(objects) were read."
      result.message = [cut, result.message].compactMap(\.self).joined(separator: " ")
    }
    try await collection.end(result)
  }

  /// Names of the archive's objects, oldest first, as many as are read; and how many there are.
  private func archived(
    in bucket: AWSTrailBucket, _ region: String, from start: Timestamp, to end: Timestamp,
    _ logs: [CallLog]
  ) async throws -> (keys: [String], listed: Int) {
    let folder = bucket.folder(of: account, region)
    let first = "\(account)_CloudTrail_\(region)_\(Self.minute(start))"
    var keys: [String] = []
    var listed = 0
    var day = start
    while day.day <= end.day {
      let prefix = folder + day.day.replacing("-", with: "/") + "/"
      try await client.pages(
        .listObjects, in: bucket.region,
        [
          "Bucket": .string(bucket.name), "prefix": .string(prefix),
          "start-after": .string(prefix + first),
        ], logs: logs
      ) { answer in
        let (items, problem) = try answer.result.items(
          at: ["Contents"], isXML: true, isOmittedWhenEmpty: true)
        if let problem { throw problem }
        let names = try items.map { try $0.string(at: "Key") }
          .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".json.gz") }
        listed += names.count
        keys = (keys + names).suffix(Self.maximumArchivedObjects)
      }
      day = day + .seconds(86_400)
    }
    return (keys, listed)
  }

  /// - Returns: how many events were published.
  private func readObject(
    _ key: String, in bucket: AWSTrailBucket, _ collection: CollectionOutput, _ gaps: AWSGaps
  ) async throws -> Int {
    let answer = try await client.call(
      .getObject, in: bucket.region, ["Bucket": .string(bucket.name), "Key": .string(key)],
      logs: [collection.calls])
    var records: [Record] = []
    var published = 0
    for event in try answer.result.array(at: "Records") {
      do throws(JSONError) {
        let id = try event.name("eventID")
        records.append(
          Record(key: id, bytes: try AWSNormalizer.archivedEvent(event), call: answer.call))
      } catch {
        gaps.note(CollectionFailure(error), for: [collection.name])
      }
      guard records.count == 1000 else { continue }
      try await collection.publish(records)
      published += records.count
      records = []
    }
    try await collection.publish(records)
    return published + records.count
  }

  /// As it stands in an object's name: `20261121T1005Z`.
  private static func minute(_ time: Timestamp) -> String {
    time.description.prefix(16).filter { $0 != "-" && $0 != ":" } + "Z"
  }
}

extension AWSNormalizer {
  /// What is published of an event of the archive: as of one that was looked up.
  fileprivate static func archivedEvent(_ event: JSONView) throws(JSONError) -> [UInt8] {
    try reducedEvent(
      event,
      [
        "EventId": try event.json("eventID"), "EventName": try event.json("eventName"),
        "EventSource": try event.json("eventSource"), "EventTime": try event.json("eventTime"),
      ], resources: [])
  }
}
