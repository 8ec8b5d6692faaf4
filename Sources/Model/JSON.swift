/// A JSON value, and the one way this project writes JSON.
///
/// Written canonically: object keys in order of their UTF-8 bytes, no white space, the shortest
/// escapes, so that equal values are equal bytes and can be hashed. Reading is not here: it is
/// `JSONReader`'s.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// A number that is no 64-bit integer, as it was written.
  case number(String)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  /// An object without the members whose value is `nil`.
  public static func members(_ members: [String: JSON?]) -> JSON {
    .object(members.compactMapValues { $0 })
  }

  public static func strings(_ values: some Sequence<String>) -> JSON {
    .array(values.map { .string($0) })
  }

  /// The canonical bytes.
  public var bytes: [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(256)
    write(into: &output)
    return output
  }

  /// The canonical text.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The member of an object; `nil` for anything else.
  public subscript(_ key: String) -> JSON? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  /// The text of a string; `nil` for anything else.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  private func write(into output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .number(let digits): output.append(contentsOf: digits.utf8)
    case .string(let text): writeString(text, into: &output)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        element.write(into: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      let ordered = members.sorted { $0.key.precedes($1.key) }
      for (index, member) in ordered.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        writeString(member.key, into: &output)
        output.append(UInt8(ascii: ":"))
        member.value.write(into: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}

extension String {
  /// Order by UTF-8 bytes: the same everywhere, unlike `<`, which follows Unicode's tables.
  public func precedes(_ other: String) -> Bool {
    let (own, its) = (utf8.span, other.utf8.span)
    for index in 0..<min(own.count, its.count) where own[index] != its[index] {
      return own[index] < its[index]
    }
    return own.count < its.count
  }
}

private func writeString(_ text: String, into output: inout [UInt8]) {
  output.append(UInt8(ascii: "\""))
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""): output.append(contentsOf: #"\""#.utf8)
    case UInt8(ascii: "\\"): output.append(contentsOf: #"\\"#.utf8)
    case 0x08: output.append(contentsOf: #"\b"#.utf8)
    case 0x09: output.append(contentsOf: #"\t"#.utf8)
    case 0x0A: output.append(contentsOf: #"\n"#.utf8)
    case 0x0C: output.append(contentsOf: #"\f"#.utf8)
    case 0x0D: output.append(contentsOf: #"\r"#.utf8)
    case 0..<0x20:
      let digits = String(byte, radix: 16)
      output.append(contentsOf: (digits.utf8.count == 1 ? "\\u000" : "\\u00").utf8)
      output.append(contentsOf: digits.utf8)
    default: output.append(byte)
    }
  }
  output.append(UInt8(ascii: "\""))
}
