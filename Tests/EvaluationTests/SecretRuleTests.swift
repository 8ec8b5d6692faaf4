import Model
import Testing

@testable import Evaluation

@Suite struct LongLivedSecretTests {
  private static let rule = "long-lived-secret"

  private func found(_ build: (inout Estate) -> Void) -> Finding? {
    var estate = Estate()
    build(&estate)
    return estate.findings(Self.rule).first
  }

  @Test func anOldKeyIsFoundWithWhoseItIs() throws {
    let finding = try #require(
      found { $0.user("bot", policies: [Policy.everything], created: Estate.longAgo) })
    #expect(finding.subject == "aws:access-key:AKIAbot" && finding.severity == .high)
    #expect(finding.title.contains("2024-02-29") && finding.title.contains("of bot"))
    #expect(finding.targets.map(\.id) == [Estate.arn("user", "bot")])
    #expect(finding.chain.map(\.receipts.count) == [1, 1, 1])
  }

  @Test func anOrdinaryUsersKeyIsMedium() throws {
    let finding = found { $0.user("bot", created: Estate.longAgo) }
    #expect(finding?.severity == .medium)
  }

  @Test func theRootUsersKeyIsHigh() throws {
    let finding = try #require(
      found { estate in
        let root = "arn:aws:iam::\(Estate.account):root"
        let collection = "aws.iam.credentialReport"
        estate.add(
          Node(id: root, kind: .identity, type: "aws.iam.root", name: "root"), root, collection,
          Estate.account)
        estate.add(
          Node(
            id: "\(root)#accessKey1", kind: .credential, type: "aws.iam.accessKey",
            name: "accessKey1 of root", state: ["created": .string(Estate.longAgo)]), root,
          collection, Estate.account)
        estate.add(
          Edge(.authenticatesAs, from: "\(root)#accessKey1", to: root), root, collection,
          Estate.account)
      })
    #expect(finding.severity == .high)
  }

  @Test func lookAlikesAreNotFound() {
    #expect(found { $0.user("bot", created: Estate.yesterday) } == nil)
    #expect(found { $0.user("bot", key: "Inactive", created: Estate.longAgo) } == nil)
  }

  @Test func aYoungKeyBesideARoleIsFound() throws {
    let finding = try #require(
      found { estate in
        estate.user("bot")
        let function = estate.function("nightly", role: estate.role("r"))
        estate.add(
          Edge(.stores, from: function, to: "aws:access-key:AKIAbot", state: ["names": ["KEY"]]),
          function, "aws.lambda.function@eu-west-1", Estate.account)
      })
    #expect(finding.severity == .low && finding.description.contains("nightly holds it"))
    #expect(finding.title.contains("stands in for a role"))
  }

  @Test func itIsDueWhenTheKeyIsOldEnough() throws {
    var estate = Estate()
    estate.user("bot", created: "2026-08-25T00:00:00Z")
    let due = try #require(estate.evaluation.nextDueAt)
    #expect(due == Timestamp("2026-11-23T00:00:00.001Z"))
    #expect(estate.evaluation(at: due).findings.contains { $0.rule == Self.rule })
  }

  @Test func aSecretThatNothingRotatesIsFound() throws {
    let old = ["created": JSON.string(Estate.longAgo)]
    #expect(found { $0.secret("db", old) }?.severity == .low)
    #expect(found { $0.secret("db", old.merging(["rotation": false]) { $1 }) } != nil)
    for more: [String: JSON] in [
      ["rotation": true], ["owningService": "rds"], ["changed": .string(Estate.yesterday)],
    ] {
      #expect(found { $0.secret("db", old.merging(more) { $1 }) } == nil)
    }
  }

  @Test func withoutADateItIsNotJudged() {
    var estate = Estate()
    estate.secret("db", [:])
    #expect(estate.findings(Self.rule).isEmpty)
    #expect(estate.findings("coverage").first?.description.contains("creation date") == true)
    var denied = Estate()
    denied.user("bot", created: Estate.longAgo)
    denied.end("aws.iam.accessKey", .denied)
    #expect(denied.findings(Self.rule).isEmpty)
  }

  @Test func aKeyThatIsDeletedResolvesIt() {
    var estate = Estate()
    estate.user("bot", created: Estate.longAgo)
    let before = estate.evaluation.changes(since: []).map(PublishedFinding.init)
    var after = Estate()
    after.user("bot", key: nil, created: Estate.longAgo)
    let changes = after.evaluation.changes(since: before)
    #expect(changes.first { $0.key.rule == Self.rule }?.life.state == .resolved)
  }
}

@Suite struct ExpiringCredentialTests {
  private static let rule = "expiring-credential"

  private static func estate(until: String) -> Estate {
    var estate = Estate()
    let arn = "arn:aws:iam::\(Estate.account):server-certificate/shop"
    estate.add(
      Node(
        id: arn, kind: .credential, type: "aws.iam.serverCertificate", name: "shop",
        state: ["expires": .string(until)]), arn, "aws.iam.serverCertificate", Estate.account)
    return estate
  }

  @Test func whatExpiresSoonIsFoundAndEachThresholdIsDue() throws {
    let estate = Self.estate(until: "2026-12-22T00:00:00Z")
    #expect(estate.findings(Self.rule).isEmpty)
    let month = try #require(estate.evaluation.nextDueAt)
    #expect(month == Timestamp("2026-11-22T00:00:00Z"))
    let found = estate.evaluation(at: month)
    #expect(found.findings.first { $0.rule == Self.rule }?.severity == .low)
    #expect(found.findings.first { $0.rule == Self.rule }?.title == "shop expires on 2026-12-22")
    let week = try #require(Timestamp("2026-12-15T00:00:00Z"))
    // Readings become too old before.
    var read = estate
    for key in read.collections.keys { read.collections[key]?.at = week }
    #expect(read.evaluation(at: week + .seconds(-1)).nextDueAt == week)
    #expect(read.evaluation(at: week).findings.first { $0.rule == Self.rule }?.severity == .medium)
  }

  /// ACM says what is in use, and renews what it can before the warning.
  @Test(
    arguments: [
      (["inUse": true], "Replace it before"), (["inUse": false, "exported": true], "Replace it"),
      (["inUse": true, "renewal": "ELIGIBLE"], "ACM renews it by itself and has not yet"),
      ([:], "Replace it"), (["inUse": false, "exported": false], nil), (["inUse": false], nil),
    ] as [([String: JSON], String?)])
  func ofCertificatesOfACMThoseCountThatAreInUse(state: [String: JSON], advice: String?) {
    var estate = Estate()
    estate.thing(
      "arn:aws:acm:eu-west-1:\(Estate.account):certificate/1", "aws.acm.certificate", .credential,
      name: "shop.example", state: state.merging(["expires": "2026-11-25T00:00:00Z"]) { $1 })
    let finding = estate.findings(Self.rule).first
    #expect(finding?.severity == advice.map { _ in Severity.medium })
    #expect(finding?.description.contains(advice ?? "") ?? (advice == nil))
  }

  @Test func whatHasExpiredStaysFound() {
    let finding = Self.estate(until: "2026-01-01T00:00:00Z").findings(Self.rule).first
    #expect(finding?.severity == .medium)
  }

  @Test func whatWasNotReadIsNotJudged() {
    var estate = Self.estate(until: "2026-01-01T00:00:00Z")
    estate.end("aws.iam.serverCertificate", .denied)
    #expect(estate.findings(Self.rule).isEmpty)
  }
}

extension Estate {
  mutating func secret(_ name: String, _ state: [String: JSON]) {
    let arn = "arn:aws:secretsmanager:eu-west-1:\(Self.account):secret:\(name)"
    add(
      Node(
        id: arn, kind: .system, type: "aws.secretsmanager.secret", name: name, defines: [arn],
        state: state.merging(["region": "eu-west-1"]) { $1 }), arn,
      "aws.secretsmanager.secret@eu-west-1", Self.account)
  }
}
