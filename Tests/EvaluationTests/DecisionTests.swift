import Testing

@testable import Evaluation

@Suite struct DecisionTests {
  static let samples: [Decision] = [
    .denied, .allowed, .unknown("a"), .unknown("b"), .conditional("x"), .conditional("y"),
    .unknown("a").and(.conditional("x")),
  ]

  @Test func theLeastHopDecidesAndTheGreatestAlternative() {
    #expect(Decision.allowed.and(.conditional("x")) == .conditional("x"))
    #expect(Decision.conditional("x").and(.unknown("a")).level == .unknown)
    #expect(Decision.unknown("a").and(.denied) == .denied)
    #expect(Decision.unknown("a").or(.conditional("x")) == .conditional("x"))
    #expect(Decision.conditional("x").or(.allowed) == .allowed)
  }

  @Test func reasonsAreUnitedInStableOrder() {
    let both = Decision.unknown("b").and(.unknown("a")).and(.conditional("x"))
    #expect(both.missing == ["a", "b"])
    #expect(both.conditions == ["x"])
  }

  @Test func theOrderOfPoliciesCannotMatter() {
    for a in Self.samples {
      #expect(a.and(a) == a && a.or(a) == a)
      for b in Self.samples {
        #expect(a.and(b) == b.and(a) && a.or(b) == b.or(a))
        for c in Self.samples {
          #expect(a.and(b).and(c) == a.and(b.and(c)) && a.or(b).or(c) == a.or(b.or(c)))
        }
      }
    }
  }
}
