package import Model

/// A node or an edge, as its row has it.
package enum Element: Sendable, Hashable {
  case node(Node)
  case edge(Edge)

  package enum Key: Sendable, Hashable {
    case node(id: String)
    case edge(EdgeKey)
  }

  package var key: Key {
    switch self {
    case .node(let node): .node(id: node.id)
    case .edge(let edge): .edge(edge.key)
    }
  }
}

/// What tells the open assertions of a scope apart.
package struct AssertionKey: TableKey {
  package var collection: String
  package var object: String
  package var element: Element.Key

  private var columns: [String] {
    switch element {
    case .node(let id): [collection, object, "node", id]
    case .edge(let key):
      [collection, object, "edge", key.kind.rawValue, key.from, key.to, key.discriminator]
    }
  }

  package static func precedes(_ left: Self, _ right: Self) -> Bool {
    Simulation.precedes(left.columns, right.columns)
  }
}

/// One version of what one object says.
package struct Assertion: Sendable, Equatable {
  package var key: AssertionKey
  /// What facts about use it has is not in it.
  package var element: Element
  package var hash: [UInt8]
  package var receipt: RowReceipt
  package var opened: Edition
  package var closed: Edition?
  package var suspectSince: Timestamp?

  /// Where in the history a version begins or ends.
  package struct Edition: Sendable, Equatable {
    package var epoch: Int64
    package var at: Timestamp
    package var version: Int64
  }
}

/// What one scope asserts, now and before.
struct ScopeAssertions: Sendable {
  private(set) var open = Table<AssertionKey, Assertion>()
  /// In the order in which they were closed.
  private(set) var closed: [Assertion] = []

  /// Opens a version unless there is an open one.
  ///
  /// - Returns: whether it did.
  mutating func insert(_ assertion: Assertion) -> Bool {
    open.insert(assertion, as: assertion.key)
  }

  /// Closes the open versions that meet the condition.
  ///
  /// - Returns: how many.
  mutating func close(
    as edition: Assertion.Edition, where condition: (Assertion) -> Bool
  ) -> Int {
    let closing = open.rows { _, assertion in condition(assertion) }
    for (key, assertion) in closing {
      var assertion = assertion
      assertion.closed = edition
      closed.append(assertion)
      open[key] = nil
    }
    return closing.count
  }

  /// Marks open versions as suspects, or no longer.
  ///
  /// - Returns: how many.
  mutating func mark(
    suspectSince: Timestamp?, where condition: (Assertion) -> Bool
  ) -> Int {
    open.update(where: { condition($1) }) { $0.suspectSince = suspectSince }
  }
}
