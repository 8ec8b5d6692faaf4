internal import JSONReader
internal import Model

/// One member of a JSON object's text, found without reading the others.
///
/// The text is an object: the builder takes no other. Names are compared as they are written, so
/// one that needs escapes is not found; the names that are asked for need none.
struct StateText {
  private let bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  /// The value of a member; of two members of one name the last counts, as everywhere.
  subscript(name: String) -> JSON? {
    guard let range = Self.range(of: name.utf8.span, in: bytes.span) else { return nil }
    let start = bytes.startIndex
    let value = bytes[(start + range.lowerBound)..<(start + range.upperBound)]
    switch value.first {
    case Self.quote where !value.contains(Self.backslash):
      return .string(String(decoding: value.dropFirst().dropLast(), as: UTF8.self))
    case UInt8(ascii: "t"): return .bool(true)
    case UInt8(ascii: "f"): return .bool(false)
    default: return (try? JSONDocument(parsing: Array(value))).map { JSON($0.root) }
    }
  }

  private static let quote = UInt8(ascii: "\"")
  private static let backslash = UInt8(ascii: "\\")

  /// Where the value is, counted from the text's beginning.
  private static func range(of name: Span<UInt8>, in text: Span<UInt8>) -> Range<Int>? {
    var found: Range<Int>?
    var position = skipBlanks(in: text, from: 0) + 1
    while true {
      position = skipBlanks(in: text, from: position)
      guard position < text.count, text[position] == quote else { return found }
      let key = (position + 1)..<(endOfString(in: text, from: position) - 1)
      position = skipBlanks(in: text, from: key.upperBound + 1)
      let start = skipBlanks(in: text, from: position + 1)
      position = endOfValue(in: text, from: start)
      if isEqual(name, text.extracting(key)) { found = start..<position }
      position = skipBlanks(in: text, from: position)
      if position < text.count, text[position] == UInt8(ascii: ",") { position += 1 }
    }
  }

  private static func isEqual(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    for index in one.indices where one[index] != other[index] { return false }
    return true
  }

  private static func skipBlanks(in text: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while position < text.count, text[position] <= UInt8(ascii: " ") { position += 1 }
    return position
  }

  /// Behind the closing quote of a string that begins here.
  private static func endOfString(in text: Span<UInt8>, from start: Int) -> Int {
    var position = start + 1
    while position < text.count, text[position] != quote {
      position += text[position] == backslash ? 2 : 1
    }
    return min(position + 1, text.count)
  }

  /// Behind a value that begins here.
  private static func endOfValue(in text: Span<UInt8>, from start: Int) -> Int {
    var position = start
    var depth = 0
    while position < text.count {
      switch text[position] {
      case quote:
        position = endOfString(in: text, from: position)
        if depth == 0 { return position }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        // The end of the object that the value is a member of, or of the value.
        if depth == 0 { return position }
        depth -= 1
        if depth == 0 { return position + 1 }
      case UInt8(ascii: ","), 0...UInt8(ascii: " "):
        if depth == 0 { return position }
      default: break
      }
      position += 1
    }
    return position
  }
}
