import Model
import Testing

@testable import Evaluation

@Suite struct AgentOverreachTests {
  private static let rule = "agent-overreach"
  private static let invoices = "arn:aws:s3:::acme-customer-records"
  private static let secret =
    "arn:aws:secretsmanager:eu-west-1:\(Estate.account):secret:prod/db-0a1b2c"
  private static let trust = Policy.document(
    Policy.trust(#"{"Service":"bedrock.amazonaws.com"}"#))
  private static let read = Policy.allow("s3:GetObject", on: "\(invoices)/*")
  private static let readSecret = Policy.allow("secretsmanager:GetSecretValue", on: secret)

  private static func arn(_ name: String) -> String {
    "arn:aws:bedrock:eu-west-1:\(Estate.account):agent/\(name)"
  }

  private func estate(_ statements: [String], purpose: String? = nil) -> Estate {
    var estate = Estate()
    estate.resource(Self.invoices, "aws.s3.bucket", policy: nil)
    estate.resource(Self.secret, "aws.secretsmanager.secret", policy: nil)
    let policy = #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#
    let role = estate.role(
      "agent-role", trust: Self.trust, policies: [policy],
      tags: purpose.map { ["sv0:purpose": .string($0)] } ?? [:])
    estate.agent(Self.arn("helper"), role: role)
    return estate
  }

  private func domains(_ statements: [String], purpose: String? = nil) -> [String] {
    estate(statements, purpose: purpose).findings(Self.rule).flatMap(\.targets)
      .map { "\($0.id) \($0.level ?? "")" }
  }

  @Test func withoutAPurposeOnlyWhatNoAgentShouldHaveIsFound() throws {
    #expect(domains([Self.read]) == [])
    #expect(domains([Self.read, Self.readSecret]) == ["\(Self.secret) readData"])
    #expect(domains([Policy.allow("s3:DeleteBucketPolicy", on: Self.invoices)]).count == 1)
    let finding = try #require(estate([Self.readSecret]).findings(Self.rule).first)
    #expect(finding.severity == .high && finding.title.contains("secrets data (readData)"))
    #expect(finding.description.contains("tag sv0:purpose"))
    #expect(finding.chain.contains { $0.sentence.contains("runs as") })
  }

  /// An agent that AgentCore puts together is one, too.
  @Test func aHarnessIsAnAgent() throws {
    var estate = estate([Self.readSecret])
    let harness = "arn:aws:bedrock-agentcore:eu-west-1:\(Estate.account):harness/h1"
    estate.thing(harness, "aws.agentcore.harness", .automation)
    estate.link(.runsAs, harness, Estate.arn("role", "agent-role"))
    #expect(estate.findings(Self.rule).map(\.subject).contains(harness))
  }

  @Test func aPurposeSaysWhatAndHowFar() {
    #expect(domains([Self.readSecret], purpose: "secrets") == [])
    #expect(domains([Self.read], purpose: "logs") == ["\(Self.invoices) readData"])
    #expect(domains([Self.read], purpose: "logs customer") == [])
    let write = Policy.allow("s3:PutObject", on: "\(Self.invoices)/*")
    #expect(domains([write], purpose: "customer") == ["\(Self.invoices) write"])
    #expect(domains([write], purpose: "customer:write") == [])
    #expect(domains([Policy.allow("*")], purpose: "customer:manageAccess").isEmpty == false)
  }

  @Test func anotherAgentIsFoundUnlessItIsDeclared() throws {
    let change = Policy.allow("iam:PassRole", on: Estate.arn("role", "agent-role"))
    for (purpose, isFound) in [(nil, true), ("agents", false)] as [(String?, Bool)] {
      var estate = estate([change], purpose: purpose)
      estate.agent(Self.arn("second"), role: Estate.arn("role", "agent-role"))
      estate.add(
        Edge(.triggers, from: Self.arn("helper"), to: Self.arn("second")), Self.arn("helper"),
        "aws.bedrock.agent@eu-west-1", Estate.account)
      let finding = estate.findings(Self.rule).first { $0.subject == Self.arn("helper") }
      #expect((finding != nil) == isFound)
      // To start it is not to decide what it does.
      #expect(finding.map { $0.severity == .medium && $0.via == "influence" } ?? !isFound)
    }
  }

  @Test func theAgentsItIsSetUpToWorkWithAreItsOwn() {
    var estate = estate([Self.read])
    estate.agent(Self.arn("second"), role: Estate.arn("role", "agent-role"))
    estate.add(
      Edge(.invokes, from: Self.arn("helper"), to: Self.arn("second")), Self.arn("helper"),
      "aws.bedrock.agent@eu-west-1", Estate.account)
    #expect(estate.findings(Self.rule).isEmpty)
  }

  @Test func withoutItsRoleItIsNotEvaluated() {
    var estate = estate([Self.readSecret])
    let before = estate.evaluation.changes(since: []).map { PublishedFinding($0) }
    estate.end("aws.iam.policy", .denied)
    #expect(estate.findings(Self.rule).isEmpty)
    let kept = estate.evaluation.changes(since: before).first { $0.key.rule == Self.rule }
    #expect(kept?.life.state == .updated)
  }

  @Test func aConditionMakesItMedium() throws {
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    let some = Policy.allow("secretsmanager:GetSecretValue", on: Self.secret, if: mfa)
    let finding = try #require(estate([some]).findings(Self.rule).first)
    #expect(finding.severity == .medium && finding.strength == .conditional)
  }
}

extension Estate {
  mutating func agent(_ arn: String, role: String) {
    let collection = "aws.bedrock.agent@eu-west-1"
    let name = String(arn.split(separator: "/").last ?? "")
    add(
      Node(
        id: arn, kind: .automation, type: "aws.bedrock.agent", name: name, defines: [arn],
        state: ["account": .string(Self.account), "region": "eu-west-1"]), arn, collection,
      Self.account)
    add(Edge(.runsAs, from: arn, to: role), arn, collection, Self.account)
  }
}
