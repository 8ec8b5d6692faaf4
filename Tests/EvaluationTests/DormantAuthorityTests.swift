import Model
import Testing

@testable import Evaluation

@Suite struct DormantAuthorityTests {
  private static let rule = "dormant-authority"
  private static let reader = Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::b/*"))

  private static func use(
    _ subject: String, on day: String, _ collection: String = "aws.iam.role"
  ) -> LastUse {
    LastUse(
      subject: subject, collection: CollectionKey(scope: Estate.scope, collection: collection),
      day: day)
  }

  @Test func whatNobodyUsedForLongIsFoundWithTheListingThatTellsIt() throws {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.everything], created: Estate.longAgo)
    estate.uses = [Self.use(role, on: "2026-05-01")]
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.subject == role && finding.severity == .high)
    #expect(finding.title == "r holds authority that was last used on 2026-05-01")
    #expect(finding.targets.map(\.id) == ["aws:account:\(Estate.account)#*"])
    #expect(finding.chain.first?.subject == .node(id: role))
    let absence = try #require(finding.limits.last)
    #expect(absence.subject == .collection(name: "aws.iam.role", scope: Estate.scope))
    #expect(absence.receipts.map(\.requestID) == ["request-1"] && absence.basis == .temporal)
  }

  @Test func whatWasNeverUsedIsAsOldAsTheIdentity() throws {
    var estate = Estate()
    estate.role("r", policies: [Self.reader], created: Estate.longAgo)
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.severity == .low && finding.title.contains("was never used"))
    #expect(finding.description.contains("2024-02-29"))
    #expect(finding.chain.count == 2)
  }

  @Test(arguments: ["young", "used", "powerless", "linked", "people", "trail"])
  func lookAlikesAreNotFound(what: String) {
    var estate = Estate()
    var uses: [LastUse] = []
    switch what {
    case "young": estate.role("r", policies: [Policy.everything])
    case "used":
      let role = estate.role("r", policies: [Policy.everything], created: Estate.longAgo)
      uses = [Self.use(role, on: "2026-05-01"), Self.use(role, on: "2026-08-23", "aws.iam.x")]
    case "powerless":
      estate.role("r", policies: [Policy.document(Policy.deny("*"))], created: Estate.longAgo)
    case "linked":
      estate.role(
        "r", policies: [Policy.everything], path: "/aws-service-role/x.amazonaws.com/",
        created: Estate.longAgo)
    case "people":
      estate.role("AWSReservedSSO_A_1", policies: [Policy.everything], created: Estate.longAgo)
    default:
      let role = estate.role("r", policies: [Policy.everything], created: Estate.longAgo)
      uses = [Self.use(role, on: "2026-11-20", "aws.cloudtrail.event@eu-west-1")]
    }
    estate.uses = uses
    #expect(estate.findings(Self.rule).isEmpty)
  }

  @Test func aUserIsAsAwakeAsItsCredentials() throws {
    var estate = Estate()
    let user = estate.user("bot", policies: [Self.reader], created: Estate.longAgo)
    estate.uses = [Self.use("aws:access-key:AKIAbot", on: "2026-11-01", "aws.iam.accessKey")]
    #expect(estate.findings(Self.rule).isEmpty)
    estate.uses = [Self.use("aws:access-key:AKIAbot", on: "2026-01-01", "aws.iam.accessKey")]
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.subject == user && finding.title.contains("2026-01-01"))
  }

  @Test func itIsDueWhenTheDayOfLastUseIsLongPast() throws {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.everything], created: Estate.longAgo)
    estate.uses = [Self.use(role, on: "2026-08-25")]
    let due = try #require(estate.evaluation.nextDueAt)
    #expect(due == Timestamp("2026-11-24T00:00:00.001Z"))
    #expect(
      !estate.evaluation(at: due + .milliseconds(-1)).findings.contains { $0.rule == Self.rule })
    #expect(estate.evaluation(at: due).findings.contains { $0.rule == Self.rule })
    // A finding holds dates, no ages: the next day it is the same.
    let found = estate.evaluation(at: due).findings.first { $0.rule == Self.rule }
    let later = estate.evaluation(at: due + .seconds(86400)).findings
    #expect(later.first { $0.rule == Self.rule } == found)
  }

  @Test func withoutASourceItIsNotJudged() throws {
    var estate = Estate()
    estate.user("bot", policies: [Self.reader], created: Estate.longAgo)
    #expect(estate.findings(Self.rule).count == 1)
    estate.end("aws.iam.credentialReport", .denied, missing: ["iam:GenerateCredentialReport"])
    #expect(estate.findings(Self.rule).isEmpty)
    let coverage = try #require(estate.findings("coverage").first)
    #expect(coverage.description.contains("dormant-authority lacks aws.iam.credentialReport"))
  }

  @Test func whatCouldNotBeToldIsNotNever() throws {
    for unread in [true, false] {
      var estate = Estate()
      if unread {
        estate.user(
          "bot", policies: [Self.reader], created: Estate.longAgo, keyState: ["useUnread": true])
      } else {
        estate.role("r", policies: [Self.reader], created: nil)
      }
      #expect(estate.findings(Self.rule).isEmpty)
      let gap = unread ? "last use of aws:access-key:AKIAbot" : "creation date of"
      #expect(estate.findings("coverage").first?.description.contains(gap) == true)
    }
  }

  @Test func beingUsedAgainResolvesIt() throws {
    var estate = Estate()
    let role = estate.role("r", policies: [Self.reader], created: Estate.longAgo)
    let before = estate.evaluation.changes(since: []).map(PublishedFinding.init)
    estate.uses = [Self.use(role, on: "2026-11-21")]
    let changes = estate.evaluation.changes(since: before)
    #expect(changes.map(\.key.rule) == [Self.rule])
    #expect(changes.map(\.life.state) == [.resolved])
  }
}
