import Model
import Testing

@testable import Evaluation

@Suite struct ScopeDriftTests {
  private static let rule = "scope-drift"
  private static let payroll = "arn:aws:s3:::acme-hr-payroll"
  private static let readHR = Policy.document(Policy.allow("s3:GetObject", on: "\(payroll)/*"))
  private static let writeHR = Policy.document(Policy.allow("s3:PutObject", on: "\(payroll)/*"))

  private struct Tenant {
    var settled = Settled()

    /// Titles of the findings, once the baselines are stored.
    mutating func evaluate(_ estate: Estate) -> [String] {
      let evaluation = estate.evaluation(at: Estate.now, settled: settled)
      let titles = evaluation.findings.filter { $0.rule == ScopeDriftTests.rule }.map(\.title)
      for baseline in evaluation.newBaselines { settled.baselines[baseline.subject] = baseline }
      settled.judged.formUnion(evaluation.newlyJudged)
      settled.acceptances = []
      return titles
    }
  }

  private static func estate(_ policies: [String] = [], hasBucket: Bool = true) -> Estate {
    var estate = Estate()
    if hasBucket { estate.resource(payroll, "aws.s3.bucket", policy: nil) }
    estate.role("worker", policies: policies)
    return estate
  }

  @Test func aNewDomainByANewPolicyIsDriftUntilItIsGoneOrAccepted() throws {
    var tenant = Tenant()
    #expect(tenant.evaluate(Self.estate()) == [])
    let drifted = Self.estate([Self.readHR])
    for _ in 1...3 {
      #expect(tenant.evaluate(drifted) == ["worker has come to reach hr data (readData)"])
    }
    var other = tenant
    #expect(other.evaluate(Self.estate()) == [])
    #expect(other.evaluate(drifted) == ["worker has come to reach hr data (readData)"])
    tenant.settled.acceptances = [BaselineAcceptance(subject: "arn:aws:iam::1:role/other")]
    #expect(tenant.evaluate(drifted).count == 1)
    tenant.settled.acceptances = [BaselineAcceptance(scope: Estate.scope)]
    #expect(tenant.evaluate(drifted) == [])
    #expect(tenant.evaluate(drifted) == [])
    #expect(tenant.evaluate(Self.estate([Self.readHR, Self.writeHR])).count == 1)
  }

  @Test func theFindingShowsTheNewChain() throws {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate([Self.readHR]))
    let evaluation = Self.estate([Self.readHR, Self.writeHR])
      .evaluation(at: Estate.now, settled: tenant.settled)
    let finding = try #require(evaluation.findings.first { $0.rule == Self.rule })
    #expect(finding.severity == .high && finding.targets.map(\.level) == ["write"])
    #expect(finding.chain.contains { $0.sentence.contains("s3:PutObject") })
  }

  /// What is there at first is no drift, and neither is what a new bucket adds.
  @Test func whatNobodyGrantedIsTakenIn() {
    var tenant = Tenant()
    #expect(tenant.evaluate(Self.estate([Self.readHR], hasBucket: false)) == [])
    #expect(tenant.evaluate(Self.estate([Self.readHR])) == [])
    let baseline = tenant.settled.baselines[Estate.arn("role", "worker")]
    #expect(baseline?.reached == ["data-domain:hr": "readData"])
    // Taken in, it does not come up when something else changes.
    let tagged = Policy.document(Policy.allow("sqs:SendMessage"))
    #expect(tenant.evaluate(Self.estate([Self.readHR, tagged])) == [])
  }

  /// What an organization stops forbidding, somebody has allowed: by another text, or from above.
  @Test(arguments: ["root", "unit", "account", "resources"])
  func whatAnOrganizationStopsForbiddingIsDrift(level: String) {
    func estate(_ text: String) -> Estate {
      var estate =
        switch level {
        case "root": OrganizationLimitTests.estate(root: text)
        case "unit": OrganizationLimitTests.estate(unit: text)
        case "account": OrganizationLimitTests.estate(account: text)
        default: OrganizationLimitTests.estate(resources: text)
        }
      estate.resource(Self.payroll, "aws.s3.bucket", policy: nil)
      estate.role("worker", policies: [Self.readHR])
      return estate
    }
    let to = level == "resources" ? #""*""# : nil
    let allow = Policy.allow("*", to: to)
    var tenant = Tenant()
    #expect(
      tenant.evaluate(estate(Policy.document(allow, Policy.deny("s3:Get*", to: to)))) == [])
    #expect(
      tenant.evaluate(estate(Policy.document(allow, Policy.deny("sqs:*", to: to))))
        == ["worker has come to reach hr data (readData)"])
  }

  @Test func whatAVendorWritesIntoItsOwnPolicyIsNoDrift() {
    let arn = "arn:aws:iam::aws:policy/SomeAccess"
    func estate(_ text: String, attached: Bool = true) -> Estate {
      var estate = Self.estate()
      estate.managed(arn, text, awsManaged: true)
      if attached { estate.attach(arn, to: Estate.arn("role", "worker")) }
      return estate
    }
    var tenant = Tenant()
    _ = tenant.evaluate(estate(Policy.document(Policy.allow("sqs:*"))))
    #expect(tenant.evaluate(estate(Self.readHR)) == [])
    var other = Tenant()
    _ = other.evaluate(estate(Self.readHR, attached: false))
    #expect(other.evaluate(estate(Self.readHR)).count == 1)
  }

  @Test func anotherClassifierIsNoDrift() {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    tenant.settled.baselines = tenant.settled.baselines.mapValues {
      var baseline = $0
      baseline.classifier = 0
      return baseline
    }
    #expect(tenant.evaluate(Self.estate([Self.readHR])) == [])
  }

  /// Somebody on the way was granted more, or is new and lets it in.
  @Test(arguments: [true, false]) func aChangeOnTheWayCounts(isThere: Bool) {
    func estate(_ policies: [String]?) -> Estate {
      var estate = Self.estate()
      let start = estate.role("start")
      if let policies {
        estate.role(
          "reader", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)),
          policies: policies)
      }
      return estate
    }
    var tenant = Tenant()
    _ = tenant.evaluate(estate(isThere ? [] : nil))
    let found = tenant.evaluate(estate([Self.readHR]))
    #expect(found.contains("start has come to reach hr data (readData)"))
    #expect(tenant.evaluate(estate([Self.readHR])).contains(found[0]))
  }

  /// An account that is read for the first time was there all the time.
  @Test func betterCoverageIsNoDrift() {
    let other = "444455556666"
    func estate(isRead: Bool) -> Estate {
      var estate = Estate(accounts: isRead ? [Estate.account, other] : [Estate.account])
      let reader = Estate.arn("role", "reader", other)
      let start = estate.role(
        "start", policies: [Policy.document(Policy.allow("sts:AssumeRole", on: reader))])
      if isRead {
        estate.resource(Self.payroll, "aws.s3.bucket", policy: nil, account: other)
        estate.role(
          "reader", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)),
          policies: [Self.readHR], account: other)
      }
      return estate
    }
    var tenant = Tenant()
    _ = tenant.evaluate(estate(isRead: false))
    #expect(tenant.evaluate(estate(isRead: true)) == [])
    let baseline = tenant.settled.baselines[Estate.arn("role", "start")]
    #expect(baseline?.reached["data-domain:hr"] == "readData")
  }

  @Test func withoutItsPoliciesNothingIsJudgedAndNoBaselineMoves() {
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    let before = tenant.settled.baselines
    var unread = Self.estate([Self.readHR])
    unread.end("aws.iam.policy", .denied)
    #expect(tenant.evaluate(unread) == [])
    #expect(tenant.settled.baselines == before)
    #expect(tenant.evaluate(Self.estate([Self.readHR])).count == 1)
  }

  @Test func whatIsNotCertainIsMedium() throws {
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    var tenant = Tenant()
    _ = tenant.evaluate(Self.estate())
    let estate = Self.estate([
      Policy.document(Policy.allow("s3:GetObject", on: "\(Self.payroll)/*", if: mfa))
    ])
    let evaluation = estate.evaluation(at: Estate.now, settled: tenant.settled)
    let finding = try #require(evaluation.findings.first { $0.rule == Self.rule })
    #expect(finding.severity == .medium && finding.strength == .conditional)
  }
}
