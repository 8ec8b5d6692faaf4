import Model
import Testing

@testable import Evaluation

/// Agents of Bedrock and AgentCore: what their configuration starts, and what their roles may take.
@Suite struct AgentTests {
  static let agent = "arn:aws:bedrock:eu-west-1:\(Estate.account):agent/A1"
  static let gateway = "arn:aws:bedrock-agentcore:eu-west-1:\(Estate.account):gateway/gw1"
  static let provider =
    "arn:aws:bedrock-agentcore:eu-west-1:\(Estate.account):token-vault/default"
    + "/oauth2credentialprovider/crm"

  /// An agent whose role may do everything, and the function of its action group.
  private func agent(
    policy: String?, enabled: Bool = true
  ) -> (estate: Estate, function: String) {
    var estate = Estate()
    let role = estate.role("agent", policies: [Policy.everything])
    let function = estate.function("orders", role: estate.role("orders"), policy: policy)
    estate.thing(Self.agent, "aws.bedrock.agent", .automation)
    estate.link(.runsAs, Self.agent, role)
    estate.link(.invokes, Self.agent, function, "DRAFT/g1", state: ["enabled": .bool(enabled)])
    return (estate, function)
  }

  private static func admitting(_ source: String) -> String {
    Policy.document(
      Policy.allow(
        "lambda:InvokeFunction", on: "*", if: #"{"ArnLike":{"aws:SourceArn":"\#(source)"}}"#,
        to: #"{"Service":"bedrock.amazonaws.com"}"#))
  }

  /// Bedrock calls the function in its own name: the function's policy decides, not the role.
  @Test func aFunctionBehindAnActionGroupIsAuthorisedByItsOwnPolicy() {
    let (named, function) = agent(policy: Self.admitting(Self.agent))
    #expect(named.hops("invokes", from: Self.agent) == [function: .allowed])
    let another = agent(policy: Self.admitting("\(Self.agent)2")).estate
    #expect(another.hops("invokes", from: Self.agent).isEmpty)
    #expect(agent(policy: nil).estate.hops("invokes", from: Self.agent).isEmpty)
    var unread = agent(policy: nil).estate
    unread.end("aws.lambda.policy@eu-west-1", .denied)
    #expect(unread.hops("invokes", from: Self.agent) == [function: .unknown])
  }

  @Test func aDisabledActionGroupCallsNothing() {
    let estate = agent(policy: Self.admitting(Self.agent), enabled: false).estate
    #expect(estate.hops("invokes", from: Self.agent).isEmpty)
  }

  @Test func theCallIsAdmittedByAnAliasToo() {
    var (estate, function) = agent(policy: nil)
    let alias = "\(function):live"
    estate.thing(alias, "aws.lambda.alias", .automation)
    estate.link(.invokes, alias, function)
    estate.policy(
      "\(alias)#policy", "aws.lambda.resourcePolicy", "policy", Self.admitting(Self.agent),
      of: alias, Estate.account)
    estate.link(.governs, "\(alias)#policy", alias)
    #expect(estate.hops("invokes", from: Self.agent) == [function: .allowed])
  }

  private func gateway(
    _ policies: [String], authorizer: String = "CUSTOM_JWT"
  ) -> (estate: Estate, role: String, function: String) {
    var estate = Estate()
    let role = estate.role("gateway", policies: policies)
    let function = estate.function("orders", role: estate.role("orders"))
    estate.thing(Self.gateway, "aws.agentcore.gateway", .automation, name: "tools")
    estate.link(.runsAs, Self.gateway, role)
    estate.link(.invokes, Self.gateway, function, "t1")
    if authorizer == "NONE" {
      estate.link(.triggers, anyoneNodeID, Self.gateway, "gateway", state: ["authType": "NONE"])
    }
    estate.thing(Self.provider, "aws.agentcore.oauthProvider", .credential, name: "crm")
    estate.link(.authenticatesAs, Self.provider, "entra:t/app")
    return (estate, role, function)
  }

  @Test func aGatewayCallsAsItsRole() {
    let allow = Policy.document(
      Policy.allow("lambda:InvokeFunction", on: "arn:aws:lambda:eu-west-1:*:function:orders:live"))
    let (allowed, _, function) = gateway([allow])
    #expect(allowed.hops("invokes", from: Self.gateway) == [function: .allowed])
    #expect(gateway([]).estate.hops("invokes", from: Self.gateway).isEmpty)
  }

  @Test func aGatewayThatAsksNobodyIsOpenToAnyone() throws {
    let (estate, role, _) = gateway([], authorizer: "NONE")
    let path = try #require(estate.evaluation.paths(from: anyoneNodeID, to: role).first)
    #expect(path.via == "influence" && path.hops.map(\.kind) == ["triggers", "runsAs"])
    #expect(gateway([]).estate.hops("triggers", from: anyoneNodeID).isEmpty)
  }

  /// Whoever may take a provider's tokens is its client elsewhere.
  @Test func theRoleOfAnAgentGoesOnByCredentialsThatItMayTake() {
    let allow = Policy.document(
      Policy.allow("bedrock-agentcore:GetResourceOauth2Token", on: Self.provider))
    let estate = gateway([allow]).estate
    let paths = estate.evaluation.paths(from: Self.gateway, to: "entra:t/app")
    #expect(paths.map { $0.hops.map(\.kind) } == [["runsAs", "discloses", "authenticatesAs"]])
    #expect(paths.map(\.decision) == [.allowed])
    #expect(gateway([]).estate.evaluation.paths(from: Self.gateway, to: "entra:t/app").isEmpty)
  }
}
