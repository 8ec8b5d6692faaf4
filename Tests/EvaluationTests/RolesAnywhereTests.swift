import Model
import Testing

@testable import Evaluation

/// IAM Roles Anywhere User Guide, "Trust model in IAM Roles Anywhere": who becomes a role with a
/// certificate, and what a profile leaves of it.
@Suite struct RolesAnywhereTests {
  static let prefix = "arn:aws:rolesanywhere:eu-west-1:\(Estate.account)"
  static let anchor = "\(prefix):trust-anchor/ta1"
  static let other = "\(prefix):trust-anchor/ta2"
  static let profile = "\(prefix):profile/pr1"
  static let bucket = "arn:aws:s3:::data"

  private static func trust(_ condition: String?, _ actions: String = allActions) -> String {
    let rest = condition.map { ",\"Condition\":\($0)" } ?? ""
    return Policy.document(
      #"{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},"#
        + #""Action":\#(actions)\#(rest)}"#)
  }

  private static let allActions =
    #"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#

  private func estate(
    _ condition: String? = nil, actions: String = allActions, session: String? = nil,
    enabled: (anchor: Bool, profile: Bool) = (true, true)
  ) -> (estate: Estate, role: String) {
    var estate = Estate()
    let role = estate.role(
      "plant", trust: Self.trust(condition, actions),
      policies: [Policy.document(Policy.allow("s3:*"), Policy.allow("sts:AssumeRole"))])
    for (id, isEnabled) in [(Self.anchor, enabled.anchor), (Self.other, true)] {
      estate.thing(
        id, "aws.rolesanywhere.trustAnchor", .principalSet, state: ["enabled": .bool(isEnabled)])
    }
    estate.thing(Self.profile, "aws.rolesanywhere.profile", .connection)
    estate.link(
      .runsAs, Self.profile, role, state: ["enabled": .bool(enabled.profile)])
    if let session {
      estate.policy(
        "\(Self.profile)#session", "aws.rolesanywhere.sessionPolicy", "session policy", session,
        of: Self.profile, Estate.account)
      estate.link(.limitedBy, Self.profile, "\(Self.profile)#session")
    }
    return (estate, role)
  }

  @Test func aCertificateOfAnAnchorOpensTheRolesOfAProfile() {
    let (estate, role) = estate()
    #expect(estate.hops("federates", from: Self.anchor) == [role: .allowed])
    #expect(estate.hops("federates", from: Self.other) == [role: .allowed])
    #expect(estate.hops("runsAs", from: Self.profile) == [role: .allowed])
  }

  @Test func theTrustMayNameTheAnchor() {
    let condition = #"{"ArnEquals":{"aws:SourceArn":"\#(Self.anchor)"}}"#
    let (estate, role) = estate(condition)
    #expect(estate.hops("federates", from: Self.anchor) == [role: .allowed])
    #expect(estate.hops("federates", from: Self.other).isEmpty)
  }

  /// "sts:AssumeRole", "sts:TagSession" and "sts:SetSourceIdentity" are all asked for.
  @Test(arguments: [
    (true, true, #""sts:AssumeRole""#), (false, true, allActions), (true, false, allActions),
  ])
  func whatIsSwitchedOffOrNotTrustedOpensNothing(anchor: Bool, profile: Bool, actions: String) {
    let estate = estate(actions: actions, enabled: (anchor, profile)).estate
    #expect(estate.hops("federates", from: Self.anchor).isEmpty)
  }

  @Test(arguments: [
    (String?.none, Severity?.some(.high)),
    (#"{"StringEquals":{"aws:PrincipalTag/x509Issuer/CN":"Acme CA"}}"#, .high),
    (#"{"StringEquals":{"aws:PrincipalTag/x509Subject/OU":"plant"}}"#, .medium),
    (#"{"StringLike":{"aws:PrincipalTag/x509Subject/CN":"press-*"}}"#, .medium),
    (#"{"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"press-7"}}"#, nil),
  ])
  func aTrustIsAsWideAsTheSubjectsThatItNames(condition: String?, expected: Severity?) {
    let findings = estate(condition).estate.findings("federation-too-wide")
    #expect(findings.first?.severity == expected)
  }

  /// A certificate that was seen is let in as far as its subject fits.
  @Test func aCertificateThatWasUsedOpensWhatItsSubjectFits() {
    let condition = #"{"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"press-7"}}"#
    var (estate, role) = estate(condition)
    let subjects = ["CN=press-7,OU=plant", "CN=press-8,OU=plant"].enumerated().map { index, name in
      estate.thing(
        "\(Self.prefix):subject/su\(index)", "aws.rolesanywhere.subject", .credential, name: name,
        state: ["enabled": true])
    }
    #expect(estate.hops("federates", from: subjects[0]) == [role: .allowed])
    #expect(estate.hops("federates", from: subjects[1]).isEmpty)
  }

  @Test func theIssuerOfAUsedCertificateIsNotKnown() {
    let condition = #"{"StringEquals":{"aws:PrincipalTag/x509Issuer/CN":"Acme CA"}}"#
    var (estate, role) = estate(condition)
    let subject = estate.thing(
      "\(Self.prefix):subject/su1", "aws.rolesanywhere.subject", .credential, name: "CN=press-7")
    #expect(estate.hops("federates", from: subject) == [role: .conditional])
  }

  /// IAM User Guide, "Session policies": what both the role and the session's policies allow.
  @Test func aSessionPolicyLimitsWhatTheSessionMayDo() throws {
    let allow = Policy.document(Policy.allow("s3:*"))
    var (estate, role) = estate(session: allow)
    let next = estate.role(
      "next", trust: Policy.document(Policy.trust(#"{"AWS":"\#(role)"}"#)),
      policies: [Policy.everything])
    let everything = "aws:account:\(Estate.account)#s3:*"
    let session = try #require(estate.hops("federates", from: Self.anchor).keys.first)
    #expect(session == "\(role)#session/\(Self.profile)")
    #expect(estate.hops("runsAs", from: Self.profile).isEmpty)
    // The role goes on to another; its limited session does not.
    #expect(estate.hops("canAssume", from: role) == [next: .allowed])
    #expect(estate.hops("canAssume", from: session).isEmpty)
    #expect(estate.hops("reaches", from: session) == [everything: .allowed])
    let path = try #require(estate.evaluation.paths(from: Self.anchor, to: everything).first)
    #expect(
      path.hops[0].sentence.hasSuffix("within the policies of profile pr1"))
    #expect(
      ChainText.lines(estate.evaluation.chain(path)).contains {
        $0.contains("sessions of a role, limited by a profile")
      })
  }

  @Test func aSessionThatMayAssumeGoesOn() throws {
    let allow = Policy.document(Policy.allow("sts:AssumeRole"))
    var (estate, role) = estate(session: allow)
    let next = estate.role(
      "next", trust: Policy.document(Policy.trust(#"{"AWS":"\#(role)"}"#)))
    let session = try #require(estate.hops("federates", from: Self.anchor).keys.first)
    #expect(estate.hops("canAssume", from: session) == [next: .allowed])
    #expect(estate.hops("reaches", from: session).isEmpty)
  }
}
