import Model
import Testing

@testable import Evaluation

/// One thing has one node, whoever mentions it.
@Suite struct NameJoinTests {
  static let other = "444455556666"

  @Test func anARNThatAnotherAccountMentionsIsTheSameThing() throws {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let role = estate.role("worker", policies: [Policy.everything], account: Self.other)
    let function = estate.function("hello", role: role)
    let everything = "aws:account:\(Self.other)#*"
    let path = try #require(estate.evaluation.paths(from: function, to: everything).first)
    #expect(path.hops.map(\.kind) == ["runsAs", "reaches"])
    let scopes = Set(estate.evaluation.chain(path).flatMap(\.receipts).map(\.scope))
    #expect(scopes == [Estate.scope(Estate.account), Estate.scope(Self.other)])
  }

  /// Two definers are shown, and neither is taken.
  @Test func aNameThatTwoDefineLeadsToNeither() {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let name = "oidc:https://issuer.example"
    for account in [Estate.account, Self.other] {
      estate.thing(
        "arn:aws:eks:eu-west-1:\(account):cluster/main", "aws.eks.cluster", .container,
        defines: [name], account: account)
    }
    let graph = estate.graph
    #expect(graph.node(named: name) == nil)
    #expect(graph.conflicts[name]?.count == 2)
  }

  /// A join by a matcher cites both sides: the cluster that issues, and the trust that accepts.
  @Test func aServiceAccountsHopCitesTheClusterAndTheTrust() throws {
    var estate = Estate()
    let host = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    let cluster = "arn:aws:eks:eu-west-1:\(Estate.account):cluster/main"
    estate.thing(
      cluster, "aws.eks.cluster", .container, state: ["issuer": .string("https://\(host)")])
    let provider = Estate.arn("oidc-provider", host)
    estate.thing(provider, "aws.iam.oidcProvider", .credential)
    let role = estate.role(
      "api",
      trust: Policy.document(
        #"{"Effect":"Allow","Principal":{"Federated":"\#(provider)"},"#
          + #""Action":"sts:AssumeRoleWithWebIdentity","Condition":"#
          + #"{"StringEquals":{"\#(host):sub":"system:serviceaccount:shop:api"}}}"#))
    let path = try #require(
      estate.evaluation.paths(from: "\(cluster)#serviceaccount/shop/api", to: role).first)
    let objects = Set(estate.evaluation.chain(path).flatMap(\.receipts).map(\.object))
    #expect(objects.isSuperset(of: [cluster, role]))
  }
}
