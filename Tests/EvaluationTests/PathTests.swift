import Model
import Testing

@testable import Evaluation

@Suite struct PathTests {
  private static func trusting(_ principal: String, if condition: String? = nil) -> String {
    Policy.document(Policy.trust(#"{"AWS":"\#(principal)"}"#, if: condition))
  }

  @Test func hopsThatDifferOnlyInTheirStartHaveAnOrder() {
    let hops = ["b", "a"].map {
      Hop(
        kind: "canAssume", from: $0, to: "r", transfer: .acquire, decision: .allowed,
        sentence: "", cause: "one statement")
    }
    #expect(hops[1].precedes(hops[0]) && !hops[0].precedes(hops[1]))
  }

  @Test func aChainOfRolesIsFoundAndToldWithReceipts() throws {
    var estate = Estate()
    let first = estate.role("first")
    let second = estate.role("second", trust: Self.trusting(first), policies: [Policy.everything])
    let function = estate.function("hello", role: first)
    let set = "aws:account:\(Estate.account)#*"
    let path = try #require(estate.evaluation.paths(from: function, to: set).first)
    #expect(path.hops.map(\.kind) == ["runsAs", "canAssume", "reaches"])
    #expect(path.decision == .allowed && path.via == "authority")
    let lines = ChainText.lines(estate.evaluation.chain(path))
    #expect(lines[0] == "1. hello: automation (aws.lambda.function) \(function)")
    #expect(lines[1].contains("test:aws.lambda.function@eu-west-1"))
    #expect(lines.contains { $0.contains("role first can assume role second") })
    #expect(estate.evaluation.paths(from: second, to: function).isEmpty)
  }

  @Test func aShorterWeakerPathIsShownAfterTheStrongerOne() {
    var estate = Estate()
    let start = estate.role("start")
    let middle = estate.role("middle", trust: Self.trusting(start))
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    let end = estate.role(
      "end",
      trust: Policy.document(
        Policy.trust(#"{"AWS":"\#(start)"}"#, if: mfa), Policy.trust(#"{"AWS":"\#(middle)"}"#)))
    let paths = estate.evaluation.paths(from: start, to: end)
    #expect(paths.map(\.hops.count) == [2, 1])
    #expect(paths.map(\.decision.level) == [.allowed, .conditional])
  }

  @Test func anInactiveKeyAuthenticatesNobody() {
    var estate = Estate()
    let user = estate.user("ann", key: "Inactive")
    #expect(estate.evaluation.paths(from: "aws:access-key:AKIAann", to: user).isEmpty)
    let bob = estate.user("bob")
    #expect(estate.evaluation.paths(from: "aws:access-key:AKIAbob", to: bob).count == 1)
  }

  @Test func whatOnlyStartsIsInfluence() throws {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.everything])
    let function = estate.function("hello", role: role)
    estate.add(
      Edge(.triggers, from: "arn:aws:sqs:q", to: function, state: ["enabled": true]), "m",
      "aws.lambda.eventSourceMapping@eu-west-1", Estate.account)
    let path = try #require(estate.evaluation.paths(from: "arn:aws:sqs:q", to: role).first)
    #expect(path.via == "influence")
  }
}
