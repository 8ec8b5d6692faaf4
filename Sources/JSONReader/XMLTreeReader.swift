/// Reads the bytes of an XML document into an `XMLTree`.
///
/// A reader of its own, which has no code for what AWS never writes: where a document type or a
/// processing instruction begins the document is refused, so no entity can be defined and nothing
/// is ever fetched. The rest is checked as XML 1.0 demands: encoding, characters, nesting, names,
/// attributes, references, line ends. In one point it takes more: any letter beyond ASCII may
/// stand in a name.
///
/// Invariants:
/// 1. Every turn of a loop moves `at` forward, and `at` never passes the end.
/// 2. `open` leads from the root to the element whose content comes next.
///
/// Source: https://www.w3.org/TR/xml/; numbers in brackets are its productions.
struct XMLTreeReader {
  private let bytes: [UInt8]
  private let maximumDepth: Int
  private var tree = XMLTree()
  /// The next byte to read.
  private var at = 0
  /// Elements without an end tag so far, with their names as written.
  private var open: [(element: Int32, name: Range<Int>)] = []
  private var indexOfName: [String: Int32] = [:]
  /// Where the text since the last tag begins.
  private var mark = 0

  init(_ bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
    tree.text.reserveCapacity(bytes.count / 2)
    // What most answers stay below.
    tree.elements.reserveCapacity(32)
    tree.names.reserveCapacity(32)
    indexOfName.reserveCapacity(32)
  }

  /// The document's tree, which has at least a root.
  ///
  /// - Throws: `.xml`.
  mutating func read() throws(JSONError) -> XMLTree {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      at = error.byteOffsets.lowerBound
      throw refusal(.encoding)
    }
    take("\u{FEFF}")
    if isNext("<?xml"), at + 5 < bytes.count, Self.isBlank(bytes[at + 5]) { try declaration() }
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "<") { try markup() } else { try text() }
    }
    guard open.isEmpty, !tree.elements.isEmpty else { throw refusal() }
    return tree
  }

  // MARK: Markup

  private mutating func markup() throws(JSONError) {
    switch at + 1 < bytes.count ? bytes[at + 1] : 0 {
    case UInt8(ascii: "/"): try endTag()
    case UInt8(ascii: "?"): throw refusal(.instruction)
    case UInt8(ascii: "!"):
      if take("<!--") {
        // [15] Two hyphens stand at a comment's end only.
        while !take("--") {
          try checkCharacter()
          at += 1
        }
        guard take(">") else { throw refusal() }
      } else if !open.isEmpty, take("<![CDATA[") {
        while !take("]]>") { try copyCharacter() }
      } else {
        throw refusal(isNext("<![") ? .notWellFormed : .documentType)
      }
    default: try startTag()
    }
  }

  /// [40, 44] A start tag, or an element without content.
  private mutating func startTag() throws(JSONError) {
    guard open.count < maximumDepth else { throw refusal(.tooDeep(maximum: maximumDepth)) }
    guard !open.isEmpty || tree.elements.isEmpty else { throw refusal() }
    guard dropBlanks() else { throw refusal(.mixedContent) }
    at += 1
    let name = try name()
    let element = Int32(tree.elements.count)
    tree.elements.append(
      XMLTree.Element(
        name: nameIndex(name), textStart: Int32(mark), textEnd: Int32(mark), isNull: false))
    if let parent = open.last { append(element, to: Int(parent.element)) }
    open.append((element, name))
    var attributes: Set<String> = []
    while true {
      let isApart = skipBlanks()
      if take(">") { return }
      if take("/>") { return try close() }
      guard isApart else { throw refusal() }
      let (attribute, value) = try attribute()
      guard attributes.insert(attribute).inserted else { throw refusal() }
      if attribute.hasSuffix(":nil"), value == "true" || value == "1" {
        tree.elements[Int(element)].isNull = true
      }
    }
  }

  /// [42]
  private mutating func endTag() throws(JSONError) {
    let start = at
    at += 2
    let name = try name()
    skipBlanks()
    guard take(">"), let opened = open.last, bytes[opened.name] == bytes[name] else {
      at = start
      throw refusal()
    }
    try close()
  }

  /// Ends the element that was opened last.
  private mutating func close() throws(JSONError) {
    guard let (element, _) = open.popLast() else { throw refusal() }
    if tree.elements[Int(element)].firstChild >= 0 {
      guard dropBlanks() else { throw refusal(.mixedContent) }
    }
    mark = tree.text.count
    tree.elements[Int(element)].textEnd = Int32(mark)
  }

  /// [41] A name and a quoted value.
  private mutating func attribute() throws(JSONError) -> (name: String, value: String) {
    let name = try name()
    skipBlanks()
    guard take("=") else { throw refusal() }
    skipBlanks()
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'")
    else { throw refusal() }
    let quote = bytes[at]
    at += 1
    var value: [UInt8] = []
    while at < bytes.count, bytes[at] != quote {
      if bytes[at] == UInt8(ascii: "&") {
        value.append(contentsOf: String(try reference()).utf8)
      } else {
        guard bytes[at] != UInt8(ascii: "<") else { throw refusal() }
        try checkCharacter()
        value.append(bytes[at])
        at += 1
      }
    }
    guard at < bytes.count else { throw refusal() }
    at += 1
    return (String(decoding: bytes[name], as: UTF8.self), String(decoding: value, as: UTF8.self))
  }

  /// [23] `<?xml version="1.0" encoding="UTF-8"?>`: any other encoding could hide a DOCTYPE.
  private mutating func declaration() throws(JSONError) {
    at += "<?xml".utf8.count
    var names: [String] = []
    while true {
      let isApart = skipBlanks()
      if take("?>") { break }
      guard isApart else { throw refusal() }
      let (name, value) = try attribute()
      names.append(name)
      if name == "version", value != "1.0", value != "1.1" { throw refusal() }
      if name == "encoding", !["utf-8", "us-ascii"].contains(value.lowercased()) {
        throw refusal(.encoding)
      }
    }
    let known = ["version", "encoding", "standalone"].filter { names.contains($0) }
    guard names == known, names.first == "version" else { throw refusal() }
  }

  // MARK: Text

  /// [14] Text up to the next tag, reference or character that must be looked at.
  private mutating func text() throws(JSONError) {
    guard !open.isEmpty else {
      guard skipBlanks() else { throw refusal() }
      return
    }
    let start = at
    while at < bytes.count, Self.isPlain(bytes[at]) { at += 1 }
    tree.text.append(contentsOf: bytes[start..<at])
    guard at < bytes.count else { return }
    switch bytes[at] {
    case UInt8(ascii: "<"): return
    case UInt8(ascii: "&"): tree.text.append(contentsOf: String(try reference()).utf8)
    case UInt8(ascii: "]") where isNext("]]>"): throw refusal()
    default: try copyCharacter()
    }
  }

  /// Appends the next byte to the text; a line end, however it is written, as `\n` (section 2.11).
  private mutating func copyCharacter() throws(JSONError) {
    try checkCharacter()
    let byte = bytes[at]
    at += 1
    guard byte == UInt8(ascii: "\r") else { return tree.text.append(byte) }
    if at < bytes.count, bytes[at] == UInt8(ascii: "\n") { at += 1 }
    tree.text.append(UInt8(ascii: "\n"))
  }

  /// [66, 68] `&amp;` and its four like, `&#233;`, `&#xE9;`.
  private mutating func reference() throws(JSONError) -> Unicode.Scalar {
    var end = at + 1
    while end < bytes.count, Self.isReferenceByte(bytes[end]) { end += 1 }
    guard end < bytes.count, bytes[end] == UInt8(ascii: ";") else { throw refusal() }
    let name = String(decoding: bytes[at + 1..<end], as: UTF8.self)
    let scalar: Unicode.Scalar? =
      switch name {
      case "amp": "&"
      case "lt": "<"
      case "gt": ">"
      case "quot": "\""
      case "apos": "'"
      default: Self.character(numbered: name)
      }
    guard let scalar else { throw refusal() }
    at = end + 1
    return scalar
  }

  /// What names of characters are written with, and numbers of either base.
  private static func isReferenceByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "F"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "#"):
      true
    default: false
    }
  }

  /// [2] The character of `#233` or `#xE9`, if it is one that XML has.
  private static func character(numbered name: String) -> Unicode.Scalar? {
    let isHexadecimal = name.hasPrefix("#x")
    let digits = name.dropFirst(isHexadecimal ? 2 : 1)
    guard name.hasPrefix("#"),
      let number = UInt32(digits, radix: isHexadecimal ? 16 : 10)
    else { return nil }
    switch number {
    case 0x09, 0x0A, 0x0D, 0x20...0xFFFD, 0x1_0000...: return Unicode.Scalar(number)
    default: return nil
    }
  }

  /// [2] Refuses the end of the input, control characters, U+FFFE and U+FFFF.
  private func checkCharacter() throws(JSONError) {
    guard at < bytes.count else { throw refusal() }
    let byte = bytes[at]
    let isAllowed =
      byte == 0xEF
      ? !(bytes[at + 1] == 0xBF && bytes[at + 2] >= 0xBE)
      : byte >= 0x20 || Self.isBlank(byte)
    guard isAllowed else { throw refusal() }
  }

  /// Whether the byte is text that means nothing else and needs no check.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "<") && byte != UInt8(ascii: "&")
      && byte != UInt8(ascii: "]") && byte != 0xEF
  }

  /// Forgets the text since the last tag; false when it is more than blanks.
  private mutating func dropBlanks() -> Bool {
    guard mark < tree.text.count else { return true }
    guard tree.text[mark...].allSatisfy(Self.isBlank) else { return false }
    tree.text.removeSubrange(mark...)
    return true
  }

  // MARK: Names

  /// [5]
  private mutating func name() throws(JSONError) -> Range<Int> {
    let start = at
    while at < bytes.count, Self.isNameByte(bytes[at], isFirst: at == start) { at += 1 }
    guard at > start else { throw refusal() }
    return start..<at
  }

  private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"), UInt8(ascii: ":"), 0x80...:
      true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): !isFirst
    default: false
    }
  }

  /// Of the name without its prefix.
  private mutating func nameIndex(_ qualified: Range<Int>) -> Int32 {
    let colon = bytes[qualified].lastIndex(of: UInt8(ascii: ":"))
    let local = bytes[(colon.map { $0 + 1 } ?? qualified.lowerBound)..<qualified.upperBound]
    let name = String(decoding: local, as: UTF8.self)
    if let known = indexOfName[name] { return known }
    let index = Int32(tree.names.count)
    tree.names.append(name)
    indexOfName[name] = index
    return index
  }

  private mutating func append(_ child: Int32, to parent: Int) {
    let last = tree.elements[parent].lastChild
    if last < 0 {
      tree.elements[parent].firstChild = child
    } else {
      tree.elements[Int(last)].nextSibling = child
    }
    tree.elements[parent].lastChild = child
  }

  // MARK: Bytes

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D
  }

  /// Whether there was a blank.
  @discardableResult
  private mutating func skipBlanks() -> Bool {
    let start = at
    while at < bytes.count, Self.isBlank(bytes[at]) { at += 1 }
    return at > start
  }

  private func isNext(_ text: String) -> Bool {
    var index = at
    for byte in text.utf8 {
      guard index < bytes.count, bytes[index] == byte else { return false }
      index += 1
    }
    return true
  }

  /// Moves past the text where it comes next.
  @discardableResult
  private mutating func take(_ text: String) -> Bool {
    guard isNext(text) else { return false }
    at += text.utf8.count
    return true
  }

  /// Refuses the document because of what begins at the next byte.
  private func refusal(_ reason: JSONError.XMLRefusal = .notWellFormed) -> JSONError {
    let before = bytes[..<min(at, bytes.count)]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return .xml(
      reason, line: before.count { $0 == UInt8(ascii: "\n") } + 1,
      column: before.count - lineStart + 1)
  }
}
