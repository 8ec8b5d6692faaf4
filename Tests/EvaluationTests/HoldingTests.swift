import Model
import Testing

@testable import Evaluation

/// What a rule says of a scope for the first time waits; what is news does not.
@Suite struct HoldingTests {
  private static let rule = "unbounded-scope"
  private static let low = Policy.document(Policy.allow("polly:*"))
  private static let scope = Estate.scope

  /// From one evaluation to the next, as a store keeps it.
  private struct Tenant {
    var findings: [String: PublishedFinding] = [:]
    var settled = Settled()

    /// Evaluates and stores; returns what was published, by rule and state.
    mutating func evaluate(_ estate: Estate, at now: Timestamp = Estate.now) -> [String] {
      let evaluation = estate.evaluation(at: now, settled: settled)
      let changes = evaluation.changes(since: Array(findings.values))
      settled.judged.formUnion(evaluation.newlyJudged)
      for baseline in evaluation.newBaselines { settled.baselines[baseline.subject] = baseline }
      settled.releases = []
      settled.acceptances = []
      for change in changes { findings[change.key.uid] = PublishedFinding(change) }
      // What policies add to a baseline has tests of its own.
      let told = changes.filter { $0.life.isPublished && $0.key.rule != "scope-drift" }
      return told.map { "\($0.key.rule) \($0.life.state)" }.sorted()
    }

    func finding(_ rule: String) -> PublishedFinding? {
      findings.values.first { $0.key.rule == rule }
    }

    /// As an older program would have left it.
    mutating func age(_ rule: String) {
      for (uid, finding) in findings where finding.key.rule == rule {
        guard case .object(var event) = finding.event,
          case .object(var info)? = event["finding_info"],
          case .object(var analytic)? = info["analytic"]
        else { continue }
        analytic["version"] = "0"
        info["analytic"] = .object(analytic)
        event["finding_info"] = .object(info)
        findings[uid]?.event = .object(event)
      }
      settled.judged = settled.judged.filter { $0.rule != rule }
    }
  }

  private static func estate(_ policies: [String] = [low]) -> Estate {
    var estate = Estate()
    estate.role("speaker", policies: policies)
    return estate
  }

  @Test func aFirstEvaluationSendsWhatIsHighAndASummaryOfTheRest() throws {
    var estate = Self.estate()
    estate.role("admin", policies: [Policy.everything])
    var tenant = Tenant()
    #expect(tenant.evaluate(estate) == ["summary new", "unbounded-scope new"])
    let held = try #require(tenant.findings.values.first { $0.life.isHeld })
    #expect(held.key.subject == Estate.arn("role", "speaker"))
    #expect(held.life.state == .new && held.life.version == 0)
    let summary = try #require(tenant.finding("summary"))
    let text = try #require(summary.event["finding_info"]?["desc"]?.string)
    #expect(text.contains("unbounded-scope: 1 \(held.key.severity.name)"))
    #expect(text.contains("sv0 findings release --scope \(Self.scope)"))
    #expect(tenant.evaluate(estate) == [])
  }

  @Test func whatIsFoundLaterIsNews() {
    var tenant = Tenant()
    #expect(tenant.evaluate(Estate()) == [])
    #expect(tenant.evaluate(Self.estate()) == ["unbounded-scope new"])
    #expect(tenant.finding("summary") == nil)
  }

  @Test func aScopeThatCouldNotBeReadIsNotJudgedYet() {
    var unread = Self.estate()
    unread.end("aws.iam.policy", .denied, missing: ["iam:ListPolicies"])
    var tenant = Tenant()
    #expect(tenant.evaluate(unread) == ["coverage new"])
    #expect(!tenant.settled.judged.contains { $0.rule == Self.rule && $0.type == "aws.iam.role" })
    #expect(tenant.evaluate(Self.estate()) == ["coverage resolved", "summary new"])
  }

  @Test func aReleaseSendsWhatWaitsAsItIsNow() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    let other = Policy.document(Policy.allow("polly:*"), Policy.allow("translate:*"))
    #expect(tenant.evaluate(Self.estate([other])) == [])
    tenant.settled.releases = [FindingRelease(scope: "acme/aws/aws/999900001111")]
    #expect(tenant.evaluate(Self.estate([other])) == [])
    tenant.settled.releases = [FindingRelease(scope: Self.scope, rule: Self.rule)]
    let sent = tenant.evaluate(Self.estate([other]))
    #expect(sent == ["summary resolved", "unbounded-scope new"])
    let finding = try #require(tenant.finding(Self.rule))
    #expect(finding.life.version == 1 && !finding.life.isHeld)
    #expect(finding.event["message"]?.string?.contains("translate") == true)
    #expect(finding.event["metadata"]?["sequence"] == 1)
  }

  @Test func whatRisesToHighGoesOutAtOnce() {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    let sent = tenant.evaluate(Self.estate([Policy.everything]))
    #expect(sent == ["summary resolved", "unbounded-scope new"])
  }

  @Test func whatDisappearsWhileItWaitsIsNeverSent() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    #expect(tenant.evaluate(Estate()) == ["summary resolved"])
    let gone = try #require(tenant.finding(Self.rule))
    #expect(gone.life.state == .resolved && gone.life.version == 0 && !gone.life.isHeld)
    #expect(gone.life.tombstoneDueAt == nil)
    // Back again it is news, and new to whoever hears of it.
    #expect(tenant.evaluate(Self.estate()) == ["unbounded-scope new"])
    #expect(tenant.finding(Self.rule)?.life.version == 1)
  }

  /// A new version of a rule finds the same, or the same in other words.
  @Test func anUpgradeIsNoNews() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Estate())
    _ = tenant.evaluate(Self.estate())
    tenant.age(Self.rule)
    #expect(tenant.evaluate(Self.estate()) == [])
    tenant.age(Self.rule)
    let other = Policy.document(Policy.allow("polly:*"), Policy.allow("translate:*"))
    var changed = Self.estate([other])
    changed.role("second", policies: [Self.low])
    #expect(tenant.evaluate(changed) == ["summary new"])
    let held = tenant.findings.values.filter(\.life.isHeld).map(\.life.version).sorted()
    #expect(held == [0, 1])
    // What was published before follows with its next change.
    #expect(tenant.evaluate(Estate()).contains("unbounded-scope resolved"))
  }

  @Test func anUpgradeThatFindsMoreSaysSoWhereItIsHigh() {
    var tenant = Tenant()
    _ = tenant.evaluate(Estate())
    _ = tenant.evaluate(Self.estate())
    tenant.age(Self.rule)
    #expect(tenant.evaluate(Self.estate([Policy.everything])) == ["unbounded-scope updated"])
  }

  @Test func aSuppressedFindingIsQuietUntilTheSuppressionEnds() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate([Policy.everything]))
    let uid = try #require(tenant.finding(Self.rule)?.uid)
    let end = Estate.now + .seconds(3600)
    tenant.settled.suppressions[uid] = Suppression(
      owner: "platform", reason: "replaced in May", endsAt: end)
    let estate = Self.estate([Policy.everything])
    #expect(tenant.settled.nextEnd(after: Estate.now) == end)
    #expect(tenant.evaluate(estate) == ["unbounded-scope suppressed"])
    let event = try #require(tenant.finding(Self.rule)?.event)
    #expect(event["status"] == "Suppressed" && event["comment"] == "replaced in May")
    #expect(event["unmapped"]?["suppression"]?["owner"] == "platform")
    #expect(tenant.evaluate(estate) == [])
    #expect(tenant.evaluate(estate, at: end) == ["unbounded-scope updated"])
    #expect(tenant.finding(Self.rule)?.event["comment"] == nil)
    #expect(tenant.settled.nextEnd(after: end) == nil)
  }

  @Test func aSuppressionKeepsWhatIsHeldFromGoingOutByItself() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    let uid = try #require(tenant.finding(Self.rule)?.uid)
    tenant.settled.suppressions[uid] = Suppression(
      owner: "platform", reason: "known", endsAt: Estate.now + .seconds(3600))
    #expect(tenant.evaluate(Self.estate([Policy.everything])) == ["summary updated"])
    #expect(tenant.finding(Self.rule)?.life.state == .suppressed)
    // Its end does not send what is low, and does send what is high.
    let later = Estate.now + .seconds(3600)
    let sent = tenant.evaluate(Self.estate([Policy.everything]), at: later)
    #expect(sent == ["summary resolved", "unbounded-scope new"])
  }
}
