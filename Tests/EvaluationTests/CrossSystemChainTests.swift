import Model
import Testing

@testable import Evaluation

/// Authority that goes on into an account that has nothing to do with the start's.
@Suite struct CrossSystemChainTests {
  private static let rule = "cross-system-chain"
  private static let other = "444455556666"
  private static let payroll = "arn:aws:s3:::acme-hr-payroll"
  private static let read = Policy.document(Policy.allow("s3:GetObject", on: "\(payroll)/*"))

  /// Two accounts in no organization; `start` may assume `reader` of the other one, which reads its
  /// payroll.
  private func estate(
    policy: String = read, tags: [String: JSON] = [:], organization: Bool = false
  ) -> Estate {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let start = estate.role(
      "start",
      policies: [
        Policy.document(
          Policy.allow("sts:AssumeRole", on: Estate.arn("role", "reader", Self.other)))
      ])
    estate.role(
      "reader", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)), policies: [policy],
      tags: tags, account: Self.other)
    estate.resource(Self.payroll, "aws.s3.bucket", policy: nil, account: Self.other)
    estate.end("aws.s3.bucket@eu-west-1", .complete, Self.other)
    if organization { estate.organization(management: Estate.account, members: [Self.other]) }
    return estate
  }

  @Test func aChainIntoAnUnrelatedAccountIsFoundWithItsProof() throws {
    let finding = try #require(estate().findings(Self.rule).first)
    #expect(estate().findings(Self.rule).count == 1)
    #expect(finding.subject == Estate.arn("role", "start"))
    #expect(finding.severity == .high && finding.strength == .effective)
    #expect(finding.title.contains("hr data (readData) of unrelated account \(Self.other)"))
    #expect(finding.targets.map(\.id) == [Self.payroll])
    let edges = finding.chain.compactMap { step -> String? in
      guard case .edge(let kind, _, _) = step.subject else { return nil }
      return kind
    }
    #expect(edges.contains("canAssume") && edges.suffix(2) == ["reaches", "holds"])
    #expect(
      finding.chain.allSatisfy { !$0.receipts.isEmpty || $0.sentence.contains("data domain") })
    let stranger = try #require(finding.limits.last)
    #expect(stranger.sentence.contains("account \(Self.other) is in no organization"))
    #expect(
      stranger.subject
        == .collection(name: "aws.organizations.organization", scope: Estate.scope))
    let scopes = Set(finding.inputs.map(\.scope))
    #expect(scopes == [Estate.scope, Estate.scope(Self.other)])
  }

  @Test func anAdministratorThereIsFound() throws {
    let finding = try #require(estate(policy: Policy.everything).findings(Self.rule).first)
    #expect(finding.targets.contains { $0.id == "aws:account:\(Self.other)#administrators" })
  }

  @Test(arguments: ["organization", "declared", "not sensitive", "metadata", "own account"])
  func lookAlikesAreNotFound(what: String) {
    var estate: Estate
    switch what {
    case "organization": estate = self.estate(organization: true)
    case "declared": estate = self.estate(tags: ["sv0:accepts": .string("1 \(Estate.account)")])
    case "not sensitive":
      estate = self.estate(
        policy: Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::x/*")))
    case "metadata":
      estate = self.estate(
        policy: Policy.document(Policy.allow("s3:GetBucketTagging", on: Self.payroll)))
    default:
      estate = Estate()
      estate.role("start", policies: [Self.read])
      estate.resource(Self.payroll, "aws.s3.bucket", policy: nil)
    }
    #expect(estate.findings(Self.rule).isEmpty)
  }

  /// Another way into the same account is another entry.
  @Test func aDeclaredEntryDoesNotHideAnother() throws {
    var estate = estate(tags: ["sv0:accepts": .string(Estate.account)])
    let start = Estate.arn("role", "start")
    estate.role(
      "longer", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)),
      policies: [Self.read], account: Self.other)
    estate.role("start2")
    #expect(estate.findings(Self.rule).isEmpty)
    estate.role(
      "side",
      policies: [
        Policy.document(Policy.allow("sts:AssumeRole", on: "arn:aws:iam::\(Self.other):role/*"))
      ])
    #expect(estate.findings(Self.rule).isEmpty)
    let side = Estate.arn("role", "side")
    estate.role(
      "third", trust: Policy.document(Policy.trust(#"{"AWS":"\#(side)"}"#)),
      policies: [Self.read], account: Self.other)
    #expect(estate.findings(Self.rule).map(\.subject) == [side])
  }

  @Test func aBucketThatLetsAStrangerInIsAnEntry() throws {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let start = estate.role("start", policies: [Self.read])
    estate.resource(
      Self.payroll, "aws.s3.bucket",
      policy: Policy.document(
        Policy.allow("s3:GetObject", on: "\(Self.payroll)/*", to: #"{"AWS":"\#(start)"}"#)),
      account: Self.other)
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.subject == start && finding.targets.map(\.id) == [Self.payroll])
  }

  @Test func withoutTheOrganizationItIsNotEvaluated() throws {
    var estate = estate()
    let before = estate.evaluation.changes(since: []).map { PublishedFinding($0) }
    estate.end("aws.organizations.organization", .denied)
    #expect(estate.findings(Self.rule).isEmpty)
    let coverage = try #require(estate.findings("coverage").first { $0.subject == Estate.scope })
    #expect(coverage.description.contains(Self.rule))
    let kept = try #require(
      estate.evaluation.changes(since: before).first { $0.key.rule == Self.rule })
    #expect(kept.life.state == .updated)
  }

  @Test func whatIsNotCertainIsMedium() throws {
    var estate = estate()
    estate.end("aws.organizations.organization", .denied, Self.other)
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.severity == .medium && finding.strength == .unknown)
  }

  @Test func itIsResolvedOnceTheTrustIsGone() throws {
    let before = estate().evaluation.changes(since: []).map { PublishedFinding($0) }
    let after = estate(tags: ["sv0:accepts": .string(Estate.account)]).evaluation
      .changes(since: before).first { $0.key.rule == Self.rule }
    #expect(after?.life.state == .resolved)
  }
}
