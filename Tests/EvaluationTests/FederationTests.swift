import Model
import Testing

@testable import Evaluation

/// IAM User Guide, "Create a role for OpenID Connect federation"; "Available keys for SAML-based
/// federation".
@Suite struct FederationTests {
  static let github = "token.actions.githubusercontent.com"
  static let cluster = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  static let cognito = "cognito-identity.amazonaws.com"

  private static func provider(_ issuer: String) -> String {
    issuer == cognito ? issuer : Estate.arn("oidc-provider", issuer)
  }

  /// A role that trusts an issuer whose provider exists, under a condition.
  private func estate(
    _ issuer: String, _ condition: String?, exists: Bool = true,
    action: String = "sts:AssumeRoleWithWebIdentity"
  ) -> Estate {
    var estate = Estate()
    let provider = Self.provider(issuer)
    if exists, issuer != Self.cognito {
      estate.add(
        Node(
          id: provider, kind: .credential, type: "aws.iam.oidcProvider", name: issuer,
          state: ["account": .string(Estate.account)]), provider, "aws.iam.oidcProvider",
        Estate.account)
    }
    estate.end("aws.iam.oidcProvider", .complete)
    let rest = condition.map { ",\"Condition\":\($0)" } ?? ""
    let trust =
      #"{"Effect":"Allow","Principal":{"Federated":"\#(provider)"},"#
      + #""Action":"\#(action)"\#(rest)}"#
    estate.role("deploy", trust: Policy.document(trust))
    return estate
  }

  private func sub(_ issuer: String, _ subject: String, _ operation: String = "StringLike")
    -> String
  { #"{"\#(operation)":{"\#(issuer):sub":\#(subject)}}"# }

  private func severity(_ estate: Estate) -> Severity? {
    estate.findings("federation-too-wide").first?.severity
  }

  @Test(arguments: [
    (#""repo:acme/shop:ref:refs/heads/main""#, Severity?.none),
    (#""repo:acme/shop:environment:production""#, nil),
    (#""repo:acme/shop:*""#, .low),
    (#""repo:acme/*""#, .medium), (#""repo:acme/*:ref:refs/heads/main""#, .medium),
    (#""repo:*""#, .critical), (#""repo:acme*/shop:*""#, .critical), (#""*""#, .critical),
    (#"["repo:acme/shop:ref:refs/heads/main","repo:acme/*"]"#, .medium),
  ])
  func aGitHubSubjectIsAsWideAsItsPattern(subject: String, expected: Severity?) {
    #expect(severity(estate(Self.github, sub(Self.github, subject))) == expected)
  }

  @Test func aSharedIssuerWithoutASubjectLetsAnybodyIn() {
    #expect(severity(estate(Self.github, nil)) == .critical)
    let audience = #"{"StringEquals":{"\#(Self.github):aud":"sts.amazonaws.com"}}"#
    #expect(severity(estate(Self.github, audience)) == .critical)
    let not = sub(Self.github, #""repo:evil/*""#, "StringNotLike")
    #expect(severity(estate(Self.github, not)) == .critical)
    let owner = #"{"StringEquals":{"\#(Self.github):repository_owner":"acme"}}"#
    #expect(severity(estate(Self.github, owner)) == .medium)
  }

  /// Source: GitHub Docs, "Immutable subject claims": `repo:acme@12/shop@34:ref:refs/heads/main`.
  @Test(arguments: [
    (#""repo:acme@12/shop@34:ref:refs/heads/main""#, Severity?.none),
    (#""repo:acme@12/shop@34:*""#, .low), (#""repo:acme@12/shop@*:ref:refs/heads/main""#, .low),
    (#""repo:acme@12/*""#, .medium), (#""repo:acme@*/shop@*:ref:refs/heads/main""#, .medium),
    (#""repo:*@12/shop@34:*""#, .critical),
  ])
  func numbersInASubjectAreReadAsTheNamesBeforeThem(subject: String, expected: Severity?) {
    #expect(severity(estate(Self.github, sub(Self.github, subject))) == expected)
  }

  @Test func otherClaimsNarrowATrustToo() {
    let both =
      #"{"StringLike":{"\#(Self.github):sub":"repo:*"},"#
      + #""StringEquals":{"\#(Self.github):repository_id":"34"}}"#
    #expect(severity(estate(Self.github, both)) == .low)
    let open = #"{"StringLike":{"\#(Self.github):repository":"*/shop"}}"#
    #expect(severity(estate(Self.github, open)) == .critical)
  }

  /// Conditions are joined by AND, so the narrower of two counts.
  @Test func theNarrowerOfTwoConditionsCounts() {
    let both =
      #"{"StringLike":{"\#(Self.github):sub":"repo:*"},"#
      + #""StringEquals":{"\#(Self.github):sub":"repo:acme/shop:ref:refs/heads/main"}}"#
    #expect(severity(estate(Self.github, both)) == nil)
  }

  @Test(arguments: [
    (#""system:serviceaccount:shop:api""#, Severity?.none),
    (#""system:serviceaccount:shop:*""#, .low),
    (#""system:serviceaccount:*:api""#, .high), (#""*""#, .high),
  ])
  func aServiceAccountIsAsWideAsItsPattern(subject: String, expected: Severity?) {
    #expect(severity(estate(Self.cluster, sub(Self.cluster, subject))) == expected)
  }

  @Test func aClusterWithoutASubjectLetsAllOfItsWorkloadsIn() {
    #expect(severity(estate(Self.cluster, nil)) == .high)
  }

  @Test func cognitoIsToldApartByItsPool() {
    let pool = #""\#(Self.cognito):aud":"eu-west-1:pool""#
    #expect(severity(estate(Self.cognito, nil)) == .critical)
    #expect(severity(estate(Self.cognito, #"{"StringEquals":{\#(pool)}}"#)) == .high)
    let users =
      #"{"StringEquals":{\#(pool)},"ForAnyValue:StringLike":"#
      + #"{"\#(Self.cognito):amr":"authenticated"}}"#
    #expect(severity(estate(Self.cognito, users)) == nil)
  }

  @Test func aTrustWithoutItsProviderLetsNobodyIn() {
    let role = Estate.arn("role", "deploy")
    let provider = Self.provider(Self.github)
    let gone = estate(Self.github, nil, exists: false)
    #expect(gone.evaluation.hops(from: provider).isEmpty)
    #expect(severity(gone) == nil)
    let there = estate(Self.github, nil).evaluation.hops(from: provider)
    #expect(there.map(\.to) == [role] && there.map(\.kind) == ["federates"])
    #expect(there.map(\.decision) == [.allowed])
  }

  @Test func anotherActionLetsNoTokenIn() {
    let other = estate(Self.github, nil, action: "sts:AssumeRole")
    #expect(other.evaluation.hops(from: Self.provider(Self.github)).isEmpty)
  }

  @Test func samlAssertionsFederateToo() {
    var estate = Estate()
    let provider = Estate.arn("saml-provider", "okta")
    estate.add(
      Node(
        id: provider, kind: .credential, type: "aws.iam.samlProvider", name: "okta",
        state: ["account": .string(Estate.account)]), provider, "aws.iam.samlProvider",
      Estate.account)
    let role = estate.role(
      "people",
      trust: Policy.document(
        #"{"Effect":"Allow","Principal":{"Federated":"\#(provider)"},"#
          + #""Action":"sts:AssumeRoleWithSAML","Condition":{"StringEquals":"#
          + #"{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}"#))
    let hops = estate.evaluation.hops(from: provider)
    #expect(hops.map(\.to) == [role] && hops.map(\.decision) == [.allowed])
    #expect(estate.findings("federation-too-wide").isEmpty)
  }

  private static let owners = [
    Owner(names: ["team-a", "github:acme"], status: .active),
    Owner(names: ["github:acme-old", "cognito:eu-west-1:old"], status: .departed),
    Owner(names: ["cognito:eu-west-1:mine", "oidc:ci.acme.example"], status: .active),
  ]

  private func owned(
    _ issuer: String, _ condition: String?, by owners: [Owner] = owners
  ) -> Estate {
    var estate = estate(issuer, condition)
    estate.owners = owners
    return estate
  }

  /// An owner file that names one owner at GitHub names all.
  @Test(arguments: [
    (#""repo:acme/shop:ref:refs/heads/main""#, Severity?.none),
    (#""repo:Acme@12/shop@34:ref:refs/heads/main""#, nil), (#""repo:acme/*""#, .medium),
    (#""repo:evil/shop:ref:refs/heads/main""#, .high), (#""repo:evil/*""#, .high),
    (#""repo:acme-old/shop:environment:production""#, .high),
    (#"["repo:acme/shop:environment:a","repo:evil/shop:environment:b"]"#, .high),
    (#""repo:*""#, .critical),
  ])
  func aStrangersRepositoryIsFoundHoweverExactlyItIsNamed(subject: String, expected: Severity?) {
    let condition = sub(Self.github, subject)
    #expect(severity(owned(Self.github, condition)) == expected)
  }

  @Test func aFindingNamesTheStranger() throws {
    let condition = sub(Self.github, #""repo:evil/shop:ref:refs/heads/main""#)
    let finding = try #require(owned(Self.github, condition).findings(Self.rule).first)
    #expect(finding.title.contains("github:evil, a stranger, of \(Self.github)"))
    #expect(finding.description.contains("sv0 owner apply"))
    #expect(finding.chain.contains { $0.sentence.contains("repo:evil/shop") })
  }

  @Test func otherIssuersHaveOwnersToo() {
    func aud(_ pool: String) -> String {
      #"{"StringEquals":{"\#(Self.cognito):aud":"\#(pool)"},"#
    }
    let users =
      #""ForAnyValue:StringLike":{"\#(Self.cognito):amr":"authenticated"}}"#
    for (pool, expected) in [("mine", Severity?.none), ("old", .high), ("other", .high)] {
      let trust = owned(Self.cognito, aud("eu-west-1:\(pool)") + users)
      #expect(severity(trust) == expected, "\(pool)")
    }
    let main = #""acme:main""#
    #expect(severity(owned("ci.acme.example", sub("ci.acme.example", main))) == nil)
    #expect(severity(owned("ci.vendor.example", sub("ci.vendor.example", main))) == .high)
    #expect(severity(owned("ci.vendor.example", nil)) == .critical)
  }

  @Test func aClusterThatWasReadIsTheTenantsOwn() {
    let exact = sub(Self.cluster, #""system:serviceaccount:shop:api""#)
    #expect(severity(owned(Self.cluster, exact)) == .high)
    var read = owned(Self.cluster, exact)
    read.thing(
      "arn:aws:eks:eu-west-1:\(Estate.account):cluster/c", "aws.eks.cluster",
      defines: ["oidc:https://\(Self.cluster)"])
    #expect(severity(read) == nil && read.findings("coverage").isEmpty)
  }

  /// Whose it is nobody can tell then: it is no stranger, and not passed either.
  @Test func withoutAnOwnerOfItsKindItIsUnknown() throws {
    let exact = sub(Self.github, #""repo:acme/shop:ref:refs/heads/main""#)
    let wide = estate(Self.github, sub(Self.github, #""repo:acme/*""#))
    let finding = try #require(wide.findings(Self.rule).first)
    #expect(finding.description.contains("Whether github:acme is the tenant's own is not known"))
    let narrow = estate(Self.github, exact)
    #expect(severity(narrow) == nil)
    let gap = "federation-too-wide lacks the tenant's own github: names in its owner file"
    #expect(narrow.findings("coverage").first?.description.contains(gap) == true)

    let before = wide.evaluation.changes(since: []).map(PublishedFinding.init)
    let doubtful = narrow.evaluation.changes(since: before).first { $0.key.rule == Self.rule }
    #expect(doubtful?.life.state == .updated)
    let declared = owned(Self.github, exact)
    let told = declared.evaluation.changes(since: before).first { $0.key.rule == Self.rule }
    #expect(told?.life.state == .resolved)
  }

  @Test func anOwnerWhoLeavesIsAStrangerByTheClock() throws {
    let condition = sub(Self.github, #""repo:sold/shop:ref:refs/heads/main""#)
    let estate = owned(
      Self.github, condition,
      by: [Owner(names: ["team-a", "github:sold"], status: .active, until: "2026-11-22")])
    #expect(severity(estate) == nil)
    let due = try #require(estate.evaluation.nextDueAt)
    #expect(due == Timestamp("2026-11-23T00:00:00Z"))
    #expect(estate.evaluation(at: due).findings.contains { $0.rule == Self.rule })
  }

  private static let rule = "federation-too-wide"
}
