import Authentication
import Extraction
import Foundation
import HTTPTypes
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

/// Activity from the bucket of a trail, and from no other.
@Suite struct ArchiveTests {
  private static let collection = "aws.cloudtrail.archivedEvent@eu-west-1"
  private static let file = "\(FakeAWS.account)_CloudTrail_eu-west-1_"

  private static func settings(_ bucket: JSON) -> JSON {
    ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"], "trailBucket": bucket]
  }

  private static func listing(_ keys: [String]) -> Answer {
    let contents = keys.map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
    return Answer("<R><IsTruncated>false</IsTruncated>\(contents)</R>")
  }

  /// The folder that a listing is asked of.
  private static func folder(_ call: ScriptedTransport.Call) -> String {
    let query = (call.path.removingPercentEncoding ?? "").split(separator: "&")
    return query.first { $0.contains("prefix=") }.map { String($0.drop { $0 != "=" }.dropFirst()) }
      ?? ""
  }

  @Test func eventsAreReadFromTheFoldersOfTheAccountSinceTheLastLook() async {
    let aws = FakeAWS()
    let transport = aws.transport
    var attempt = aws.attempt(
      collections: ["aws.cloudtrail.archivedEvent"],
      settings: Self.settings([
        "name": "trail", "region": "eu-central-1", "prefix": "all/logs",
        "organizationId": "o-a1b2c3",
      ]))
    attempt.transport = transport
    attempt.dispatch.tokens = [Self.collection: "2026-11-20T23:50:00Z"]
    _ = await attempt.run()
    let listings = transport.calls.filter { $0.path.hasPrefix("/trail?") }
    let root = "all/logs/AWSLogs/o-a1b2c3/\(FakeAWS.account)/CloudTrail/eu-west-1/"
    #expect(listings.map(Self.folder) == [root + "2026/11/20/", root + "2026/11/21/"])
    let first = listings.first?.path.removingPercentEncoding ?? ""
    #expect(first.contains("start-after=\(root)2026/11/20/\(Self.file)20261120T2335Z"))
    #expect(Set(listings.map(\.request.authority)) == ["s3.eu-central-1.amazonaws.com"])
  }

  @Test func anEventSaysNoMoreThanWhoDidWhatToWhat() async {
    let published = await FakeAWS().attempt(collections: ["aws.cloudtrail.archivedEvent"]).run()
    let end = published.end(of: Self.collection)
    #expect(end?.outcome == .complete && end?.kind == .activity, "\(end?.message ?? "")")
    #expect(end?.token != nil)
    #expect(published.records.map(\.key) == ["a-1", "a-2"])
    #expect(!published.everything.contains(FakeAWS.secret))
    #expect(!published.everything.contains("203.0.113.5"))
  }

  @Test func nothingIsReadWhereNoBucketIsNamed() async {
    let aws = FakeAWS()
    let transport = aws.transport
    var attempt = aws.attempt(
      collections: ["aws.cloudtrail.archivedEvent"],
      settings: ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"]])
    attempt.transport = transport
    let published = await attempt.run()
    let end = published.end(of: Self.collection)
    #expect(end?.outcome == .unsupported)
    #expect(end?.message?.contains("settings.trailBucket") == true)
    #expect(!transport.calls.contains { $0.request.authority?.hasPrefix("s3.") == true })
  }

  /// Whatever a listing says: only what lies in the folder that was asked for.
  @Test func whatLiesElsewhereIsNotAskedFor() async {
    let aws = FakeAWS { operation, call in
      guard operation == "s3:ListObjectsV2" else { return nil }
      let folder = Self.folder(call)
      return Self.listing([
        "secrets/payroll.json.gz", folder + "notes.txt", "../\(folder)x.json.gz",
      ])
    }
    let transport = aws.transport
    var attempt = aws.attempt(collections: ["aws.cloudtrail.archivedEvent"])
    attempt.transport = transport
    let published = await attempt.run()
    #expect(published.outcome(of: Self.collection) == .complete)
    #expect(published.records.isEmpty)
    #expect(!transport.calls.contains { $0.path.hasPrefix("/trail/") })
  }

  /// One that is too large, one that is none, one that was deleted, one without its id.
  @Test func anObjectThatCannotBeReadIsAGap() async {
    let names = ["gone", "good", "html", "large", "nameless"]
    let aws = FakeAWS { operation, call in
      switch operation {
      case "s3:ListObjectsV2" where call.path.contains("21%2F"):
        return Self.listing(
          names.map { "\(Self.folder(call))\(Self.file)20261121T0950Z_\($0).json.gz" })
      case "s3:GetObject" where call.path.contains("gone"):
        return Answer(404, "<Error><Code>NoSuchKey</Code></Error>")
      case "s3:GetObject" where call.path.contains("html"): return Answer("<html>")
      case "s3:GetObject" where call.path.contains("large"):
        throw TransportError(.refused, "the answer is larger than the limit")
      case "s3:GetObject" where call.path.contains("nameless"):
        return Answer(#"{"Records":[{"eventName":"x"},{"eventID":"n-2"}]}"#)
      case "s3:GetObject": return Answer(#"{"Records":[{"eventID":"g-1"}]}"#)
      default: return nil
      }
    }
    let published = await aws.attempt(collections: ["aws.cloudtrail.archivedEvent"]).run()
    let end = published.end(of: Self.collection)
    #expect(end?.outcome == .partial && end?.kind == .activity)
    #expect(end?.message?.hasPrefix("3 objects could not be read, the first: ") == true)
    #expect(Set(published.records.map(\.key)) == ["g-1", "n-2"])
  }

  @Test func aKeyThatMayNotBeUsedIsNamed() async {
    let denial = Answer(
      403,
      "<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::1:assumed-role/x is not "
        + "authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k because "
        + "no identity-based policy allows the kms:Decrypt action</Message></Error>")
    let published = await FakeAWS.answering("s3:GetObject", denial)
      .attempt(collections: ["aws.cloudtrail.archivedEvent"]).run()
    let end = published.end(of: Self.collection)
    #expect(end?.outcome == .denied)
    #expect(end?.missing == ["kms:Decrypt"])
  }

  /// Of more than one look reads, the newest; where it begins is kept, so that none is forgotten.
  @Test func tooManyObjectsMakeItPartial() async {
    let count = AWSScan.maximumArchivedObjects + 3
    let aws = FakeAWS { operation, call in
      switch operation {
      case "s3:ListObjectsV2" where call.path.contains("21%2F"):
        let folder = Self.folder(call)
        return Self.listing(
          (0..<count).map { "\(folder)\(Self.file)20261121T0900Z_\(10_000 + $0).json.gz" })
      case "s3:GetObject": return Answer(#"{"Records":[]}"#)
      default: return nil
      }
    }
    let transport = aws.transport
    var attempt = aws.attempt(collections: ["aws.cloudtrail.archivedEvent"])
    attempt.transport = transport
    let end = await attempt.run().end(of: Self.collection)
    #expect(end?.outcome == .partial)
    #expect(end?.token == nil)
    #expect(end?.message?.hasPrefix("Of \(count) objects since ") == true)
    let asked = transport.calls.filter { $0.path.hasPrefix("/trail/") }
    #expect(asked.count == AWSScan.maximumArchivedObjects)
    #expect(asked.first?.path.contains("_\(10_000 + count - 1).") == true)
  }

  @Test func aBucketIsNamedWhole() {
    let settings: JSON = [
      "regions": ["eu-west-1"],
      "trailBucket": [
        "name": "Trail*", "prefix": "/logs", "organizationId": "o-*", "bucket": "trail",
      ],
    ]
    #expect(
      Set(AWSSettings.read(settings, account: nil).problems.map(\.key)) == [
        "settings.trailBucket.name", "settings.trailBucket.region", "settings.trailBucket.prefix",
        "settings.trailBucket.organizationId", "settings.trailBucket.bucket",
      ])
  }
}
