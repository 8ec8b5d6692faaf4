import Model
import Testing

@testable import Evaluation

/// Administrators: what they are told to hold, and where they get to.
@Suite struct AdministratorTests {
  static let other = "444455556666"
  static let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
  static let administrators = "aws:account:\(Estate.account)#administrators"

  private static func trusting(_ principal: String) -> String {
    Policy.document(Policy.trust(#"{"AWS":"\#(principal)"}"#))
  }

  /// Becoming an administrator is no dead end: any principal of the account can be taken over.
  @Test func administratorsGoOnToWhereTheirPrincipalsAreLetIn() throws {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let bridge = estate.role(
      "bridge", policies: [Policy.document(Policy.allow("sts:AssumeRole"))])
    let target = estate.role(
      "target", trust: Self.trusting(bridge), policies: [Policy.everything], account: Self.other)
    let start = estate.role(
      "start", policies: [Policy.document(Policy.allow("iam:PutRolePolicy", on: "*"))])
    let path = try #require(estate.evaluation.paths(from: start, to: target).first)
    #expect(path.hops.map(\.to) == [Self.administrators, bridge, target])
    #expect(path.decision == .allowed && path.via == "escalation")
    #expect(estate.evaluation.hops(from: Self.administrators).map(\.to) == [bridge])
  }

  @Test func aControlPolicyCanKeepAdministratorsFromThem() {
    let management = "999900001111"
    var estate = Estate(accounts: [management, Estate.account, Self.other])
    estate.organization(management: management, members: [Estate.account, Self.other])
    for name in ["policy", "organizationalUnit", "resourceControlPolicy"] {
      estate.end("aws.organizations.\(name)", .complete, management)
    }
    estate.unit("r-1", isRoot: true, in: nil, management)
    let bridge = estate.role(
      "bridge", policies: [Policy.document(Policy.allow("sts:AssumeRole"))])
    estate.role("target", trust: Self.trusting(bridge), account: Self.other)
    for account in [Estate.account, Self.other] {
      let target = "aws:account:\(account)"
      estate.add(
        Edge(.contains, from: "aws:organizations:r-1", to: target), account,
        "aws.organizations.organizationalUnit", management)
      estate.limit(
        target, "scp-\(account)",
        Policy.document(Policy.allow("*"), Policy.deny("iam:Update*", on: bridge)), "scp",
        management)
    }
    estate.limit(
      "aws:organizations:r-1", "full", Policy.document(Policy.allow("*")), "scp", management)
    #expect(estate.evaluation.hops(from: Self.administrators).isEmpty)
  }

  /// Found by a property: a wider but less certain allow hid a narrower, certain one.
  @Test func aServiceThatIsGrantedFirmlyIsToldBesideEverythingUnderACondition() {
    var estate = Estate()
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("s3:*"), Policy.allow("*", if: Self.mfa))])
    let account = "aws:account:\(Estate.account)"
    #expect(
      estate.hops("reaches", from: role)
        == ["\(account)#*": .conditional, "\(account)#s3:*": .allowed])
  }

  @Test func anAdministratorUnderAConditionIsAskedWhatItGainsWithoutIt() {
    var estate = Estate()
    let role = estate.role(
      "r",
      policies: [
        Policy.document(Policy.allow("iam:PutRolePolicy"), Policy.allow("*", if: Self.mfa))
      ])
    #expect(estate.hops("canEscalateTo", from: role)[Self.administrators] == .allowed)
    #expect(estate.findings("escalation-path").map(\.subject) == [role])
    var held = Estate()
    let conditional = held.role("r", policies: [Policy.document(Policy.allow("*", if: Self.mfa))])
    #expect(held.hops("canEscalateTo", from: conditional) == [Self.administrators: .conditional])
    #expect(held.findings("escalation-path").isEmpty)
  }
}
