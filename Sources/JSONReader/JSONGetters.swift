/// Getters that follow names from a value and say in their errors where it went wrong.
///
/// Without names they read the value itself: `try element.string()`. The required ones throw
/// `.missing` for an absent field and `.mismatch` for another kind; the optional ones give `nil`
/// for an absent field, a null, or a null or blank string on the way, and throw `.mismatch` for
/// another kind.
extension JSONView {
  /// - Throws: `.missing` or `.mismatch`.
  public func string(at path: String...) throws(JSONError) -> String {
    try required(path, "a string") { $0.string }
  }

  /// - Throws: `.mismatch`.
  public func optionalString(at path: String...) throws(JSONError) -> String? {
    try optional(path, "a string") { $0.string }
  }

  /// - Parameter lenient: also accept a string that holds the number, as AWS's XML does.
  /// - Throws: `.missing` or `.mismatch`.
  public func int64(at path: String..., lenient: Bool = false) throws(JSONError) -> Int64 {
    try required(path, "a 64-bit integer") { $0.int64(lenient: lenient) }
  }

  /// - Parameter lenient: also accept a string that holds the number; a blank one is `nil`.
  /// - Throws: `.mismatch`.
  public func optionalInt64(
    at path: String..., lenient: Bool = false
  ) throws(JSONError) -> Int64? {
    try optional(path, blankIsNil: lenient, "a 64-bit integer") { $0.int64(lenient: lenient) }
  }

  /// - Parameter lenient: also accept the strings `true` and `false`, as AWS's XML has them.
  /// - Throws: `.missing` or `.mismatch`.
  public func bool(at path: String..., lenient: Bool = false) throws(JSONError) -> Bool {
    try required(path, "a boolean") { $0.bool(lenient: lenient) }
  }

  /// - Parameter lenient: also accept the strings `true` and `false`; a blank one is `nil`.
  /// - Throws: `.mismatch`.
  public func optionalBool(at path: String..., lenient: Bool = false) throws(JSONError) -> Bool? {
    try optional(path, blankIsNil: lenient, "a boolean") { $0.bool(lenient: lenient) }
  }

  /// The elements of an array; none for a blank string.
  ///
  /// - Throws: `.missing` or `.mismatch`.
  public func array(at path: String...) throws(JSONError) -> JSONElements {
    try required(path, "an array") { $0.tolerantElements }
  }

  /// The elements of an array; none for a blank string, `nil` for an absent field or null.
  ///
  /// - Throws: `.mismatch`.
  public func optionalArray(at path: String...) throws(JSONError) -> JSONElements? {
    try optional(path, "an array") { $0.tolerantElements }
  }

  /// The members of an object; none for a blank string.
  ///
  /// - Throws: `.missing` or `.mismatch`.
  public func object(at path: String...) throws(JSONError) -> JSONMembers {
    try required(path, "an object") { $0.tolerantMembers }
  }

  /// The members of an object; none for a blank string, `nil` for an absent field or null.
  ///
  /// - Throws: `.mismatch`.
  public func optionalObject(at path: String...) throws(JSONError) -> JSONMembers? {
    try optional(path, "an object") { $0.tolerantMembers }
  }

  /// Whatever value is there, a null included.
  ///
  /// - Throws: `.missing`, or `.mismatch` when a value on the way is not an object.
  public func value(at path: String...) throws(JSONError) -> JSONView {
    try required(path, "a value") { $0 }
  }

  /// Whatever value is there; `nil` for an absent field or a null.
  ///
  /// - Throws: `.mismatch` when a value on the way is not an object.
  public func optionalValue(at path: String...) throws(JSONError) -> JSONView? {
    try optional(path, "a value") { $0 }
  }
}

extension JSONView {
  private func required<Value>(
    _ path: [String], _ expected: String, _ read: (JSONView) -> Value?
  ) throws(JSONError) -> Value {
    var reached = index
    for (depth, name) in path.enumerated() {
      guard let next = document.member(named: name, of: reached) else {
        let view = JSONView(document: document, index: reached)
        guard view.kind == .object || view.isBlankString else { throw view.mismatch("an object") }
        let rest = path[depth...].map { Self.component($0) }.joined()
        throw .missing(path: view.path + rest, expected: expected)
      }
      reached = next
    }
    let view = JSONView(document: document, index: reached)
    guard let value = read(view) else { throw view.mismatch(expected) }
    return value
  }

  private func optional<Value>(
    _ path: [String], blankIsNil: Bool = false, _ expected: String, _ read: (JSONView) -> Value?
  ) throws(JSONError) -> Value? {
    var reached = index
    for name in path {
      guard let next = document.member(named: name, of: reached) else {
        let view = JSONView(document: document, index: reached)
        if view.kind == .object || view.isNull || view.isBlankString { return nil }
        throw view.mismatch("an object")
      }
      reached = next
    }
    let view = JSONView(document: document, index: reached)
    if view.isNull { return nil }
    guard let value = read(view) else {
      if blankIsNil, view.isBlankString { return nil }
      throw view.mismatch(expected)
    }
    return value
  }

  private func mismatch(_ expected: String) -> JSONError {
    let found =
      switch kind {
      case .null: "null"
      case .boolean: "a boolean"
      case .number: expected == "a 64-bit integer" ? "another number" : "a number"
      case .string: "a string"
      case .array: "an array"
      case .object: "an object"
      }
    return .mismatch(path: path, expected: expected, found: found)
  }

  private func int64(lenient: Bool) -> Int64? {
    if let int64 { return int64 }
    return lenient ? string.flatMap { Int64($0) } : nil
  }

  private func bool(lenient: Bool) -> Bool? {
    if let bool { return bool }
    return lenient ? string.flatMap { Bool($0) } : nil
  }

  private var tolerantElements: JSONElements? {
    elements ?? (isBlankString ? JSONElements(array: self, isEmptyText: true) : nil)
  }

  private var tolerantMembers: JSONMembers? {
    members ?? (isBlankString ? JSONMembers(object: self, isEmptyText: true) : nil)
  }
}
