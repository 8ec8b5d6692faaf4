import Model
import Testing

@testable import Evaluation

/// IAM User Guide, "Cross-account policy evaluation logic" and "How permissions boundaries work
/// with resource-based policies".
@Suite struct TrustTests {
  static let other = "444455556666"
  static let mayAssume = Policy.document(Policy.allow("sts:AssumeRole"))

  private func level(_ estate: Estate, _ from: String, _ to: String) -> Decision.Level? {
    estate.evaluation.hops(from: from).first { $0.kind == "canAssume" && $0.to == to }?
      .decision.level
  }

  private static func trusting(_ principal: String) -> String {
    Policy.document(Policy.trust(#"{"AWS":"\#(principal)"}"#))
  }

  @Test func namingAPrincipalOfTheSameAccountIsEnough() {
    var estate = Estate()
    let source = estate.role("source")
    let target = estate.role("target", trust: Self.trusting(source))
    #expect(level(estate, source, target) == .allowed)
  }

  @Test(arguments: [Estate.account, "arn:aws:iam::\(Estate.account):root"])
  func namingTheAccountLeavesItToTheIdentitySide(account: String) {
    var estate = Estate()
    let (without, with) = (estate.role("a"), estate.role("b", policies: [Self.mayAssume]))
    let target = estate.role("target", trust: Self.trusting(account))
    #expect(level(estate, without, target) == nil)
    #expect(level(estate, with, target) == .allowed)
  }

  @Test func acrossAccountsBothSidesMustAllow() {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let without = estate.role("a", account: Self.other)
    let with = estate.role("b", policies: [Self.mayAssume], account: Self.other)
    for source in [without, with] {
      let name = String(source.suffix(1))
      let target = estate.role("target-\(name)", trust: Self.trusting(source))
      #expect(level(estate, source, target) == (source == with ? .allowed : nil))
    }
  }

  @Test func aForeignAccountsAdministratorAnswersForItsIdentities() {
    var estate = Estate()
    let target = estate.role("target", trust: Self.trusting("999900001111"))
    #expect(level(estate, "aws:account:999900001111", target) == .allowed)
  }

  @Test func aDenyInTheTrustOrAtTheSourceForbids() {
    var estate = Estate()
    let source = estate.role(
      "source", policies: [Self.mayAssume, Policy.document(Policy.deny("sts:*"))])
    let target = estate.role("target", trust: Self.trusting(source))
    #expect(level(estate, source, target) == nil)
    let free = estate.role("free")
    let guarded = estate.role(
      "guarded",
      trust: Policy.document(
        Policy.trust(#"{"AWS":"*"}"#),
        Policy.trust(#"{"AWS":"\#(free)"}"#, effect: "Deny")))
    #expect(level(estate, free, guarded) == nil)
    #expect(level(estate, source, guarded) == nil)
  }

  /// "Resource-based policies that grant permissions to an IAM user ARN … are not limited by an
  /// implicit deny in a permissions boundary"; those that name a role are.
  @Test func onlyANamedUserOutgrowsItsBoundary() {
    var estate = Estate()
    let boundary = Policy.document(Policy.allow("s3:*"))
    let user = estate.user("ann", boundary: boundary)
    let role = estate.role("bot", boundary: boundary)
    let byUser = estate.role("by-user", trust: Self.trusting(user))
    let byRole = estate.role("by-role", trust: Self.trusting(role))
    #expect(level(estate, user, byUser) == .allowed)
    #expect(level(estate, role, byRole) == nil)
  }

  /// Found by a property: of several that one statement names, the first changed from run to run,
  /// and with it what `external-trust` tells.
  @Test func whomOneStatementNamesComesInOrder() throws {
    let accounts = (0..<9).map { "10000000000\($0)" }
    let names = accounts.shuffled().map { "\"\($0)\"" }.joined(separator: ",")
    var estate = Estate()
    let target = estate.role(
      "target", trust: Policy.document(Policy.trust(#"{"AWS":[\#(names)]}"#)))
    let parties = try #require(estate.semantics.trusts[target])
    #expect(parties.map(\.hop.from) == accounts.map { "aws:account:\($0)" })
  }

  @Test func servicesAreSourcesToo() {
    var estate = Estate()
    let target = estate.role("target")
    #expect(level(estate, "aws:service:lambda.amazonaws.com", target) == .allowed)
  }

  @Test func sessionsStandForTheirRole() {
    var estate = Estate()
    let source = estate.role("source")
    let target = estate.role(
      "target", trust: Self.trusting("arn:aws:sts::\(Estate.account):assumed-role/source/any"))
    #expect(level(estate, source, target) == .allowed)
  }

  @Test func conditionsOnThePrincipalAreDecided() {
    var estate = Estate()
    let tagged = estate.role("tagged", tags: ["team": "ops"])
    let plain = estate.role("plain")
    let target = estate.role(
      "target",
      trust: Policy.document(
        Policy.trust(
          #"{"AWS":["\#(tagged)","\#(plain)"]}"#,
          if: #"{"StringEquals":{"aws:PrincipalTag/team":"ops"}}"#)))
    #expect(level(estate, tagged, target) == .allowed)
    #expect(level(estate, plain, target) == nil)
  }

  @Test func aMemberOfAnOrganizationIsNotCertain() {
    var estate = Estate(accounts: ["999900001111", Estate.account])
    estate.organization(management: "999900001111", members: [Estate.account])
    let source = estate.role("source")
    let target = estate.role("target", trust: Self.trusting(source))
    #expect(level(estate, source, target) == .unknown)
  }
}
