import Model
import Testing

@testable import Evaluation

/// Pods and users of apps: who becomes a role by Kubernetes' tokens, pod identity or Cognito.
@Suite struct WorkloadIdentityTests {
  static let cluster = "arn:aws:eks:eu-west-1:\(Estate.account):cluster/main"
  static let host = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
  static let association =
    "arn:aws:eks:eu-west-1:\(Estate.account):podidentityassociation/main/a-1"
  static let podTrust = Policy.document(
    #"{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"#
      + #""Action":["sts:AssumeRole","sts:TagSession"]}"#)

  private func cluster(_ estate: inout Estate) {
    estate.thing(
      Self.cluster, "aws.eks.cluster", .container,
      state: ["issuer": .string("https://\(Self.host)")])
    let provider = Estate.arn("oidc-provider", Self.host)
    estate.thing(provider, "aws.iam.oidcProvider", .credential)
    estate.end("aws.iam.oidcProvider", .complete)
  }

  private static func tokenTrust(_ subject: String) -> String {
    Policy.document(
      #"{"Effect":"Allow","Principal":{"Federated":"\#(Estate.arn("oidc-provider", host))"},"#
        + #""Action":"sts:AssumeRoleWithWebIdentity","Condition":"#
        + #"{"StringLike":{"\#(host):sub":"\#(subject)"}}}"#)
  }

  /// EKS User Guide, "IAM roles for service accounts".
  @Test(arguments: [
    ("system:serviceaccount:shop:api", "shop/api"), ("system:serviceaccount:shop:*", "shop/*"),
    ("system:serviceaccount:*", "*/*"), ("*", "*/*"),
  ])
  func aServiceAccountIsJoinedToItsRole(subject: String, name: String) {
    var estate = Estate()
    cluster(&estate)
    let role = estate.role("api", trust: Self.tokenTrust(subject))
    let account = "\(Self.cluster)#serviceaccount/\(name)"
    #expect(estate.hops("federates", from: account) == [role: .allowed])
  }

  /// EKS User Guide, "Pod Identity": the role must trust the service, which tags the session.
  @Test(arguments: [
    (podTrust, Decision.Level?.some(.allowed)),
    (Policy.document(Policy.trust(#"{"Service":"pods.eks.amazonaws.com"}"#)), nil),
    (Policy.lambdaTrust, nil),
  ])
  func anAssociationIsWorthWhatTheRoleTrusts(trust: String, expected: Decision.Level?) {
    var estate = Estate()
    cluster(&estate)
    let role = estate.role("api", trust: trust)
    estate.thing(Self.association, "aws.eks.podIdentity", .automation, name: "shop/api")
    estate.link(.contains, Self.cluster, Self.association)
    estate.link(.runsAs, Self.association, role)
    #expect(estate.hops("runsAs", from: Self.association)[role] == expected)
    let account = "\(Self.cluster)#serviceaccount/shop/api"
    #expect(
      estate.evaluation.paths(from: account, to: role).first?.decision.level == expected)
  }

  /// EKS User Guide, "Review access policy permissions".
  @Test(arguments: [
    ("AmazonEKSClusterAdminPolicy", "cluster", true),
    ("AmazonEKSEditPolicy", "namespace", true), ("AmazonEKSViewPolicy", "cluster", false),
  ])
  func whoMayRunPodsGainsTheirRoles(policy: String, scope: String, expected: Bool) {
    var estate = Estate()
    cluster(&estate)
    let role = estate.role("api", trust: Self.tokenTrust("system:serviceaccount:shop:api"))
    let elsewhere = estate.role(
      "else", trust: Self.tokenTrust("system:serviceaccount:other:api"))
    let anyAccount = estate.role("any", trust: Self.tokenTrust("*"))
    let deployer = estate.role("deployer")
    let grant = "main#\(deployer)#\(policy)"
    estate.thing(
      grant, "aws.eks.accessPolicy", .grant, name: policy,
      state: ["scope": .string(scope), "namespaces": ["sh*"]])
    estate.link(.hasGrant, deployer, grant)
    estate.link(.within, grant, Self.cluster)
    let evaluation = estate.evaluation
    #expect(evaluation.paths(from: deployer, to: role).isEmpty != expected)
    #expect(evaluation.paths(from: deployer, to: anyAccount).isEmpty != expected)
    #expect(
      evaluation.paths(from: deployer, to: elsewhere).isEmpty != (expected && scope == "cluster"))
  }

  static let pool = "aws:cognito-identity-pool:eu-west-1:p"

  private static func poolTrust(_ amr: String, _ pool: String = "eu-west-1:p") -> String {
    let host = "cognito-identity.amazonaws.com"
    return Policy.document(
      #"{"Effect":"Allow","Principal":{"Federated":"\#(host)"},"#
        + #""Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":"#
        + #"{"\#(host):aud":"\#(pool)"},"ForAnyValue:StringLike":{"\#(host):amr":"\#(amr)"}}}"#)
  }

  private func pool(guests: Bool, classic: Bool = false) -> (estate: Estate, roles: [String]) {
    var estate = Estate()
    estate.thing(
      Self.pool, "aws.cognito.identityPool", .credential, name: "app",
      state: [
        "unauthenticated": .bool(guests), "classicFlow": .bool(classic),
        "providers": ["cognito-idp.eu-west-1.amazonaws.com/eu-west-1_1"],
      ])
    let roles = [
      estate.role("guest", trust: Self.poolTrust("unauthenticated")),
      estate.role("user", trust: Self.poolTrust("authenticated")),
      estate.role("other", trust: Self.poolTrust("authenticated")),
      estate.role("stranger", trust: Self.poolTrust("authenticated", "eu-west-1:q")),
    ]
    estate.link(.authenticatesAs, Self.pool, roles[0], "unauthenticated")
    estate.link(.authenticatesAs, Self.pool, roles[1], "authenticated")
    return (estate, roles)
  }

  /// Cognito Developer Guide, "Role trust and permissions".
  @Test func aPoolLeadsToTheRolesThatTrustIt() {
    let (estate, roles) = pool(guests: true)
    #expect(
      estate.hops("authenticatesAs", from: Self.pool)
        == [roles[0]: .allowed, roles[1]: .allowed])
    #expect(estate.hops("federates", from: anyoneNodeID) == [roles[0]: .allowed])
    let closed = pool(guests: false).estate
    #expect(closed.hops("federates", from: anyoneNodeID).isEmpty)
    #expect(closed.hops("authenticatesAs", from: Self.pool) == [roles[1]: .allowed])
    var wrong = pool(guests: true).estate
    wrong.link(.authenticatesAs, Self.pool, roles[3], "authenticated")
    #expect(wrong.hops("authenticatesAs", from: Self.pool)[roles[3]] == nil)
  }

  /// "Basic (classic) authflow": the app names the role itself.
  @Test func theClassicFlowOpensEveryRoleThatTrustsThePool() {
    #expect(pool(guests: false).estate.hops("federates", from: Self.pool).isEmpty)
    let (estate, roles) = pool(guests: false, classic: true)
    #expect(estate.hops("federates", from: Self.pool) == [roles[2]: .allowed])
  }

  @Test func anyoneWhoCanSignUpIsAUser() throws {
    var (estate, roles) = pool(guests: false)
    let users = "arn:aws:cognito-idp:eu-west-1:\(Estate.account):userpool/eu-west-1_1"
    estate.thing(
      users, "aws.cognito.userPool", .credential, name: "people",
      state: ["selfSignUp": true],
      defines: [users, "oidc:https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_1"])
    let path = try #require(estate.evaluation.paths(from: anyoneNodeID, to: roles[1]).first)
    #expect(path.hops.map(\.kind) == ["federates", "federates", "authenticatesAs"])
    #expect(path.decision == .allowed)
  }
}
