internal import Model

/// A set of the actions that hops are derived from.
///
/// There are few of them, and they are asked about once for each principal, so each statement knows
/// from the start which of them it is about.
struct ActionSet: Sendable, Hashable {
  private var members: UInt128 = 0

  /// Places of the actions, by names in lower case.
  private static let places: [String: Int] = Dictionary(
    uniqueKeysWithValues: Set(
      EscalationMethod.all.flatMap(\.permissions).map { $0.action.lowercased() }
        + [AWSSemantics.action.lowercased()]
    ).sorted { $0.precedes($1) }.enumerated().map { ($0.element, $0.offset) })

  private static let names = places.map { (bytes: Array($0.key.utf8), place: $0.value) }

  /// `nil` for an action that no hop is derived from.
  static func place(of action: String) -> Int? { places[action] }

  init() {}

  init(_ actions: some Sequence<String>) {
    for action in actions { if let place = Self.places[action.lowercased()] { insert(place) } }
  }

  /// Those that an element of a statement is about.
  init(matching element: Statement.Element) {
    for (bytes, place) in Self.names where element.matches(bytes) { insert(place) }
  }

  private mutating func insert(_ place: Int) { members |= 1 << UInt128(place) }

  func contains(_ place: Int) -> Bool { members >> UInt128(place) & 1 == 1 }

  func isSuperset(of other: ActionSet) -> Bool { other.members & ~members == 0 }

  func union(_ other: ActionSet) -> ActionSet {
    var both = self
    both.members |= other.members
    return both
  }
}
