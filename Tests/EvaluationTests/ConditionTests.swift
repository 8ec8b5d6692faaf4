import JSONReader
import Testing

@testable import Evaluation

/// IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
@Suite struct ConditionTests {
  private func decide(
    _ operation: String, _ key: String, _ values: [String], _ known: [String: KeyValue] = [:],
    _ effect: Statement.Effect = .allow
  ) throws -> Decision.Level {
    var context = RequestContext()
    for (key, value) in known { context[key] = value }
    return try Condition(operator: operation, key: key, values: values, withVariables: true)
      .decision(in: context, for: effect).level
  }

  @Test func whatTheGraphKnowsIsDecided() throws {
    let account: [String: KeyValue] = ["aws:PrincipalAccount": .known(["1"])]
    #expect(try decide("StringEquals", "AWS:principalaccount", ["2", "1"], account) == .allowed)
    #expect(try decide("StringNotEquals", "aws:PrincipalAccount", ["2", "1"], account) == .denied)
    #expect(try decide("StringEqualsIgnoreCase", "k", ["AbC"], ["k": .known(["aBc"])]) == .allowed)
    #expect(try decide("StringLike", "k", ["a*c"], ["k": .known(["abbc"])]) == .allowed)
    #expect(try decide("StringEquals", "k", ["a*c"], ["k": .known(["abbc"])]) == .denied)
    #expect(try decide("NumericLessThanEquals", "k", ["10"], ["k": .known(["9.5"])]) == .allowed)
    #expect(try decide("Bool", "k", ["true"], ["k": .known(["True"])]) == .allowed)
    let date: [String: KeyValue] = ["k": .known(["2026-01-01T00:00:00Z"])]
    #expect(try decide("DateGreaterThan", "k", ["2025-01-01T00:00:00Z"], date) == .allowed)
  }

  /// "Each of the six colon-delimited components of the ARN is checked separately."
  @Test func arnsAreComparedComponentByComponent() throws {
    let key: [String: KeyValue] = ["k": .known(["arn:aws:iam::1:role/a"])]
    #expect(try decide("ArnLike", "k", ["arn:aws:iam::*:role/*"], key) == .allowed)
    #expect(try decide("ArnEquals", "k", ["arn:aws:iam::1:role/?"], key) == .allowed)
    #expect(try decide("ArnLike", "k", ["arn:aws:*:role/a"], key) == .conditional)
    #expect(try decide("ArnLike", "k", ["arn:*:iam::2:role/a"], key) == .denied)
    #expect(try decide("ArnLike", "k", ["*"], key) == .allowed)
  }

  @Test func whatTheCallerChoosesIsChosenInItsFavour() throws {
    #expect(try decide("StringEquals", "sts:ExternalId", ["x"]) == .allowed)
    #expect(try decide("StringEquals", "aws:RequestTag/team", ["x"]) == .allowed)
    #expect(try decide("Bool", "aws:SecureTransport", ["false"], [:], .deny) == .denied)
  }

  @Test func whatOnlyTheRequestKnowsIsAProviso() throws {
    #expect(try decide("IpAddress", "aws:SourceIp", ["10.0.0.0/8"]) == .conditional)
    #expect(try decide("IpAddress", "aws:SourceIp", ["0.0.0.0/0"]) == .allowed)
    #expect(try decide("Bool", "aws:MultiFactorAuthPresent", ["true"]) == .conditional)
    #expect(try decide("StringEquals", "some:UnheardOfKey", ["x"]) == .conditional)
  }

  @Test func whatWasNotReadIsUnknown() throws {
    let key: [String: KeyValue] = ["aws:PrincipalOrgID": .unread("organization")]
    #expect(try decide("StringEquals", "aws:PrincipalOrgID", ["o-1"], key) == .unknown)
  }

  /// "If the key is not present … ForAllValues returns true", and so do IfExists and Not….
  @Test func aMissingKeySatisfiesMoreThanOneThinks() throws {
    let none: [String: KeyValue] = ["k": .absent]
    #expect(try decide("StringEquals", "k", ["x"], none) == .denied)
    #expect(try decide("StringEqualsIfExists", "k", ["x"], none) == .allowed)
    #expect(try decide("StringNotEquals", "k", ["x"], none) == .allowed)
    #expect(try decide("ForAllValues:StringEquals", "k", ["x"], none) == .allowed)
    #expect(try decide("ForAnyValue:StringEquals", "k", ["x"], none) == .denied)
    #expect(try decide("ForAnyValue:StringNotEquals", "k", ["x"], none) == .denied)
    #expect(try decide("Null", "k", ["true"], none) == .allowed)
    #expect(try decide("Null", "k", ["false"], none) == .denied)
    #expect(try decide("Null", "k", ["false"], ["k": .known(["x"])]) == .allowed)
  }

  @Test func setOperatorsQuantifyOverTheRequest() throws {
    let tags: [String: KeyValue] = ["k": .known(["a", "b"])]
    #expect(try decide("ForAllValues:StringEquals", "k", ["a", "b", "c"], tags) == .allowed)
    #expect(try decide("ForAllValues:StringEquals", "k", ["a"], tags) == .denied)
    #expect(try decide("ForAnyValue:StringEquals", "k", ["a"], tags) == .allowed)
    #expect(try decide("ForAnyValue:StringNotEquals", "k", ["a"], tags) == .allowed)
    #expect(try decide("ForAllValues:StringNotEquals", "k", ["a"], tags) == .denied)
  }
}
