internal import Model

/// What names a row.
protocol TableKey: Hashable, Sendable {
  /// By the bytes of its columns, as Postgres orders text under the collation `C`.
  static func precedes(_ left: Self, _ right: Self) -> Bool
}

/// Rows by key. The order of a hash table never shows: whoever sees several rows sees them in the
/// order of their keys.
struct Table<Key: TableKey, Row: Sendable>: Sendable {
  private var rows: [Key: Row] = [:]

  var isEmpty: Bool { rows.isEmpty }
  var count: Int { rows.count }

  subscript(key: Key) -> Row? {
    get { rows[key] }
    _modify { yield &rows[key] }
  }

  /// All rows, in order.
  var all: [(key: Key, row: Row)] { rows(where: { _, _ in true }) }

  /// The rows that meet a condition, in order.
  func rows(where condition: (Key, Row) -> Bool) -> [(key: Key, row: Row)] {
    rows.filter { condition($0.key, $0.value) }.sorted { Key.precedes($0.key, $1.key) }
      .map { (key: $0.key, row: $0.value) }
  }

  func contains(where condition: (Key, Row) -> Bool) -> Bool {
    rows.contains { condition($0.key, $0.value) }
  }

  /// Inserts a row unless there is one of that key.
  ///
  /// - Returns: whether it did.
  @discardableResult
  mutating func insert(_ row: Row, as key: Key) -> Bool {
    guard rows[key] == nil else { return false }
    rows[key] = row
    return true
  }

  /// Changes each row that meets a condition; what it does to one must not depend on another.
  ///
  /// - Returns: how many.
  @discardableResult
  mutating func update(
    where condition: (Key, Row) -> Bool, _ change: (inout Row) -> Void
  ) -> Int {
    let keys = rows.filter { condition($0.key, $0.value) }.map(\.key)
    for key in keys {
      if var row = rows.removeValue(forKey: key) {
        change(&row)
        rows[key] = row
      }
    }
    return keys.count
  }

  @discardableResult
  mutating func remove(where condition: (Key, Row) -> Bool) -> Int {
    let before = rows.count
    rows = rows.filter { !condition($0.key, $0.value) }
    return before - rows.count
  }

  mutating func removeAll() { rows = [:] }
}

/// Compares columns one after the other.
func precedes(_ left: [String], _ right: [String]) -> Bool {
  for (first, second) in zip(left, right) where first != second { return first.precedes(second) }
  return left.count < right.count
}

extension String: TableKey {
  static func precedes(_ left: String, _ right: String) -> Bool { left.precedes(right) }
}
