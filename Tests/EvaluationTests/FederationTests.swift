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
}
