internal import Model

/// What is known about a permission, a hop or a path.
///
/// `denied` < `unknown` < `conditional` < `allowed`. Both operations are commutative, associative
/// and idempotent, so the order in which policies are read cannot matter.
public struct Decision: Sendable, Hashable {
  public enum Level: Int, Sendable, Hashable, Comparable, CaseIterable {
    case denied, unknown, conditional, allowed

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  public let level: Level
  /// What would have to be read to know; sorted. Only where the level is `unknown`.
  public let missing: [String]
  /// What a request would have to bring; sorted. Only where the level is `conditional` or
  /// `unknown`.
  public let conditions: [String]

  private init(_ level: Level, missing: Set<String> = [], conditions: Set<String> = []) {
    self.level = level
    self.missing = missing.sorted { $0.precedes($1) }
    self.conditions = conditions.sorted { $0.precedes($1) }
  }

  public static let denied = Decision(.denied)
  public static let allowed = Decision(.allowed)

  public static func unknown(_ missing: String) -> Decision {
    Decision(.unknown, missing: [missing])
  }

  public static func conditional(_ condition: String) -> Decision {
    Decision(.conditional, conditions: [condition])
  }

  public static func of(_ fact: Bool) -> Decision { fact ? .allowed : .denied }

  public var isPossible: Bool { level > .denied }

  /// Both must hold: the least, for the reasons of both.
  public func and(_ other: Decision) -> Decision {
    let least = min(level, other.level)
    if least == .denied { return .denied }
    if least == .allowed { return .allowed }
    return Decision(
      least, missing: Set(missing).union(other.missing),
      conditions: Set(conditions).union(other.conditions))
  }

  /// One is enough: the greatest, for the reasons of whichever reach it.
  public func or(_ other: Decision) -> Decision {
    if level != other.level { return level > other.level ? self : other }
    return Decision(
      level, missing: Set(missing).union(other.missing),
      conditions: Set(conditions).union(other.conditions))
  }

  /// What a matching deny leaves.
  public var negated: Decision {
    switch level {
    case .denied: .allowed
    case .allowed: .denied
    case .unknown: self
    case .conditional: Decision(.conditional, conditions: Set(conditions.map { "not \($0)" }))
    }
  }

  public static func all(_ decisions: some Sequence<Decision>) -> Decision {
    decisions.reduce(.allowed) { $0.and($1) }
  }

  public static func any(_ decisions: some Sequence<Decision>) -> Decision {
    decisions.reduce(.denied) { $0.or($1) }
  }
}
