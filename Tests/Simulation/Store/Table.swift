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
  /// Grows with every change, so that who looks for changes need not look at rows.
  private(set) var edition = 0

  var isEmpty: Bool { rows.isEmpty }
  var count: Int { rows.count }

  subscript(key: Key) -> Row? {
    get { rows[key] }
    _modify {
      edition += 1
      yield &rows[key]
    }
  }

  /// All rows, in order.
  var all: [(key: Key, row: Row)] { rows(where: { _, _ in true }) }

  /// The rows that meet a condition, in order.
  func rows(where condition: (Key, Row) -> Bool) -> [(key: Key, row: Row)] {
    var found: [(key: Key, row: Row)] = []
    for (key, row) in rows where condition(key, row) { found.append((key, row)) }
    if found.count > 1 { found.sort { Key.precedes($0.key, $1.key) } }
    return found
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
    edition += 1
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
    var keys: [Key] = []
    for (key, row) in rows where condition(key, row) { keys.append(key) }
    guard !keys.isEmpty else { return 0 }
    edition += 1
    for key in keys {
      guard var row = rows[key] else { continue }
      change(&row)
      rows[key] = row
    }
    return keys.count
  }

  @discardableResult
  mutating func remove(where condition: (Key, Row) -> Bool) -> Int {
    let before = rows.count
    rows = rows.filter { !condition($0.key, $0.value) }
    edition += 1
    return before - rows.count
  }

  mutating func removeAll() {
    edition += 1
    rows = [:]
  }
}

extension String {
  /// Compares this column, and where it is the same the rest.
  func precedes(_ other: String, else rest: @autoclosure () -> Bool) -> Bool {
    self == other ? rest() : precedes(other)
  }
}

extension String: TableKey {
  static func precedes(_ left: String, _ right: String) -> Bool { left.precedes(right) }
}
