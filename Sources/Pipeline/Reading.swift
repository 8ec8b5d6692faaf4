// Reading the values of messages: what `Model` writes, as bytes that somebody else produced. Every
// initialiser names the path that is wrong, and never a value.

internal import JSONReader
internal import Model

extension BadMessage {
  /// Runs a reader and turns its error into a dead letter's reason.
  static func reading<Value>(
    _ what: String, _ bytes: [UInt8]?, _ read: (JSONView) throws -> Value
  ) throws(BadMessage) -> Value {
    guard let bytes else { throw BadMessage("malformed", "\(what) has no value") }
    do {
      return try read(JSONDocument(parsing: bytes).root)
    } catch let bad as BadMessage {
      throw bad
    } catch let error as JSONError {
      throw BadMessage("malformed", "\(what): \(error)")
    } catch {
      throw BadMessage("malformed", "\(what) cannot be read")
    }
  }
}

extension JSONView {
  /// A text at `path` read as a closed set of words, a time, an id or a name.
  func word<Value>(
    _ path: String, _ accepted: String, _ read: (String) -> Value?
  ) throws -> Value {
    guard let value = read(try string(at: path)) else {
      throw BadMessage("schema", "$.\(path): expected \(accepted)")
    }
    return value
  }

  func word<Value: RawRepresentable & CaseIterable>(
    _ path: String, as type: Value.Type
  ) throws -> Value where Value.RawValue == String {
    let accepted = Value.allCases.map(\.rawValue).joined(separator: ", ")
    return try word(path, "one of \(accepted)", Value.init(rawValue:))
  }

  func name(_ path: String) throws -> String {
    try word(path, "a name of A-Z a-z 0-9 . _ - :") { Scope.isName($0) ? $0 : nil }
  }

  func ulid(_ path: String) throws -> String {
    try word(path, "a ULID") { ULID.isValid($0) ? $0 : nil }
  }

  func timestamp(_ path: String) throws -> Timestamp {
    try word(path, "an RFC 3339 time") { Timestamp($0) }
  }

  func count(_ path: String, from least: Int64 = 0) throws -> Int64 {
    let value = try int64(at: path)
    guard value >= least else {
      throw BadMessage("schema", "$.\(path): expected at least \(least)")
    }
    return value
  }

  func texts(_ path: String) throws -> [String] {
    try optionalArray(at: path)?.map { element in
      guard let text = element.string else {
        throw BadMessage("schema", "\(element.path): expected a string")
      }
      return text
    } ?? []
  }

  /// Fails on members that nobody asked for: in a public message they are somebody's typing error.
  func only(_ known: Set<String>) throws {
    for member in try object() where !known.contains(member.key) {
      throw BadMessage(
        "schema", "a member is unknown; accepted are \(known.sorted().joined(separator: ", "))")
    }
  }
}
