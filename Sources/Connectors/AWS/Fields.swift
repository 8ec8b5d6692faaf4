internal import JSONReader
internal import Model

// How AWS writes the fields that several services share.

extension JSONView {
  /// A text that must be there and not be empty: names and ids.
  func name(_ field: String) throws(JSONError) -> String {
    let view = try value(at: field)
    let text = try view.string()
    guard !text.isEmpty else { throw view.mismatch("a name", "an empty string") }
    return text
  }

  /// A text; `nil` where it is absent, null or empty, which AWS's XML cannot tell apart.
  func text(_ field: String) throws(JSONError) -> String? {
    guard let text = try optionalString(at: field), !text.isEmpty else { return nil }
    return text
  }

  /// The same as JSON.
  func json(_ field: String) throws(JSONError) -> JSON? {
    try text(field).map { .string($0) }
  }

  /// The elements of a list; one that stands alone, as in a flattened XML list, is a list of one.
  func list(_ field: String) throws(JSONError) -> [JSONView] {
    if let value = try optionalValue(at: field), value.kind == .object || value.hasText {
      return [value]
    }
    guard let elements = try optionalArray(at: field) else { return [] }
    return Array(elements)
  }

  /// A time as RFC 3339 in UTC; `nil` where there is none.
  func time(_ field: String) throws(JSONError) -> JSON? {
    try timestamp(field).map { .string($0.description) }
  }

  /// A time as its UTC day; `nil` where there is none.
  func day(_ field: String) throws(JSONError) -> String? {
    try timestamp(field)?.day
  }

  /// A text in XML; in JSON often a number of seconds. Lambda writes the offset without its colon:
  /// `2026-11-20T10:00:00.000+0000`.
  func timestamp(_ field: String) throws(JSONError) -> Timestamp? {
    guard let view = try optionalValue(at: field) else { return nil }
    if let seconds = view.double, abs(seconds) < 1e11 {
      return Timestamp(milliseconds: Int64((seconds * 1000).rounded()))
    }
    guard var text = try text(field) else { return nil }
    if let sign = text.utf8.dropLast(4).last, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
    {
      text.insert(":", at: text.utf8.index(text.endIndex, offsetBy: -2))
    }
    guard let time = Timestamp(text) else { throw view.mismatch("a time", "another text") }
    return time
  }

  /// IAM's list of `Key` and `Value`.
  func tags(_ field: String) throws(JSONError) -> [String: String] {
    var tags: [String: String] = [:]
    for tag in try list(field) {
      let key = try tag.string(at: "Key")
      guard tags.updateValue(try tag.string(at: "Value"), forKey: key) == nil else {
        throw tag.mismatch("each key once", "a repeated one")
      }
    }
    return tags
  }

  func mismatch(_ expected: String, _ found: String) -> JSONError {
    .mismatch(path: path, expected: expected, found: found)
  }

  private var hasText: Bool {
    stringBytes?.contains { $0 != 0x20 && !(0x09...0x0D).contains($0) } ?? false
  }
}

extension JSON {
  static func texts(_ texts: [String: String]) -> JSON { .object(texts.mapValues { .string($0) }) }

  /// The same with every list in the order of its elements' bytes: for settings, whose lists are
  /// sets.
  var ordered: JSON {
    switch self {
    case .array(let elements):
      .array(
        elements.map(\.ordered).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    case .object(let members): .object(members.mapValues(\.ordered))
    default: self
    }
  }

  /// A set, in order of its UTF-8 bytes.
  static func set(_ texts: [String]) -> JSON { .strings(texts.sorted { $0.precedes($1) }) }
}

extension [String: JSON] {
  /// The members that have a value.
  static func present(_ members: [String: JSON?]) -> [String: JSON] {
    members.compactMapValues { $0 }
  }
}

/// The six parts of `arn:partition:service:region:account:resource`.
///
/// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
struct ARNParts {
  let partition: Substring
  let service: Substring
  let region: Substring
  let account: Substring
  /// Everything after the fifth colon: `role/deploy`, `function:orders`.
  let resource: Substring

  init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", !parts[2].isEmpty, !parts[5].isEmpty else {
      return nil
    }
    (partition, service, region, account, resource) = (
      parts[1], parts[2], parts[3], parts[4], parts[5]
    )
  }

  /// What stands after the last `/` or `:` of the resource.
  var name: String {
    String(resource.split { $0 == "/" || $0 == ":" }.last ?? resource)
  }
}

extension AWSRecord {
  /// The record's identifier at `field`, and its parts.
  func arn(_ field: String) throws(JSONError) -> (text: String, parts: ARNParts) {
    let view = try root.value(at: field)
    let text = try identifier(view)
    guard let parts = ARNParts(text) else { throw view.mismatch("an ARN", "another text") }
    return (text, parts)
  }
}
