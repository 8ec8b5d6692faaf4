import Foundation
import FoundationXML

/// Turns the XML of AWS's query protocol into JSON by one rule that knows no service.
///
/// | XML | JSON |
/// |---|---|
/// | the root | an object with the root's name as its one member |
/// | children all named `member`, or all `item` | array of them |
/// | children all named `entry`, each a text `key` and a `value` | object, keys verbatim |
/// | children all named `entry` otherwise | array of them |
/// | other children | object in document order |
/// | a name that occurs more than once | array, where the name first occurs |
/// | text only | string, verbatim with its blanks; CDATA is text |
/// | nothing | `""`, which the getters also accept as an empty array or object |
/// | `xsi:nil="true"` | `null` |
///
/// Blanks between elements, comments, namespaces and other attributes are dropped. All scalars are
/// strings: read numbers and booleans with `lenient: true`. A list that AWS flattens (repeated
/// siblings without a `member`) is an array only from two on.
///
/// Refused before the XML parser sees it: a DOCTYPE, so no entity can be defined (external ones
/// are never fetched); and what crashes FoundationXML, which is bytes that are no UTF-8 and
/// processing instructions. AWS sends none of these.
public enum AWSXML {
  /// The JSON of an XML text in UTF-8, compact, in document order.
  ///
  /// The limits apply to the XML: its bytes and how deep its elements are nested. The JSON is
  /// at most twice as deep, plus one. libxml2 adds limits of its own: 256 levels, and 10 MB for one
  /// text.
  ///
  /// - Throws: `.empty`, `.tooLarge` or `.xml`.
  ///
  /// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
  public static func json(
    from bytes: [UInt8], limits: JSONLimits = .standard
  ) throws(JSONError) -> [UInt8] {
    let maximumBytes = min(limits.maximumBytes, Int(Int32.max))
    guard bytes.count <= maximumBytes else {
      throw .tooLarge(bytes: bytes.count, maximum: maximumBytes)
    }
    guard bytes.contains(where: { !XMLGuard.isBlank($0) }) else { throw .empty }
    do {
      try XMLGuard.check(bytes)
    } catch {
      throw .xml(error, line: 1, column: 1)
    }
    let reader = XMLTreeReader(maximumDepth: limits.maximumDepth)
    // As a stream: given all at once, libxml2 refuses input over its 10 MB look-ahead.
    let parser = XMLParser(stream: InputStream(data: Data(bytes)))
    parser.shouldResolveExternalEntities = false
    parser.externalEntityResolvingPolicy = .never
    parser.delegate = reader
    let isComplete = parser.parse()
    if let refusal = reader.refusal { throw refusal }
    guard isComplete, reader.isComplete else {
      let code = (parser.parserError as NSError?)?.code ?? 0
      throw .xml(
        .notWellFormed(code: code), line: parser.lineNumber, column: parser.columnNumber)
    }
    var writer = XMLTreeWriter(tree: reader.tree)
    return writer.json()
  }
}

/// What is checked by hand, because the XML parser must not see it.
enum XMLGuard {
  static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  /// Refuses a DOCTYPE, every encoding but UTF-8, in which one could hide, and instructions.
  static func check(_ bytes: [UInt8]) throws(JSONError.XMLRefusal) {
    guard (try? UTF8Span(validating: bytes.span)) != nil else { throw .encoding }
    var rest = bytes[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    let isDeclared =
      rest.starts(with: "<?xml".utf8) && (rest.dropFirst(5).first.map(isBlank) ?? false)
    if isDeclared { rest = rest.dropFirst(5) }
    // Before the declaration is passed: one that does not end may reach into an instruction.
    try refuseInstructions(rest)
    if isDeclared { try checkEncoding(skip(to: "?>", in: &rest)) }
    while true {
      rest = rest.drop(while: isBlank)
      if rest.starts(with: "<!--".utf8) {
        rest = rest.dropFirst(4)
        _ = skip(to: "-->", in: &rest)
      } else if rest.starts(with: "<!".utf8) {
        throw .documentType
      } else {
        // A UTF-16 text has a NUL here.
        let second = rest.dropFirst().first
        guard rest.first == UInt8(ascii: "<"), second != 0 else { throw .notWellFormed(code: 4) }
        return
      }
    }
  }

  /// Anywhere, in a comment or CDATA too: FoundationXML crashes on an instruction without data.
  private static func refuseInstructions(
    _ bytes: ArraySlice<UInt8>
  ) throws(JSONError.XMLRefusal) {
    var last: UInt8 = 0
    for byte in bytes {
      if byte == UInt8(ascii: "?"), last == UInt8(ascii: "<") { throw .instruction }
      last = byte
    }
  }

  /// Moves past `terminator`, or to the end; gives what was passed.
  private static func skip(to terminator: String, in rest: inout ArraySlice<UInt8>) -> [UInt8] {
    var passed: [UInt8] = []
    while !rest.isEmpty, !rest.starts(with: terminator.utf8) {
      passed.append(rest.removeFirst())
    }
    rest = rest.dropFirst(terminator.utf8.count)
    return passed
  }

  private static func checkEncoding(_ declaration: [UInt8]) throws(JSONError.XMLRefusal) {
    let text = String(decoding: declaration, as: UTF8.self).lowercased()
    guard let name = text.range(of: "encoding") else { return }
    let value = text[name.upperBound...].drop(while: { "= \t\r\n\"'".contains($0) })
    let encoding = value.prefix(while: { !"\"' \t\r\n?".contains($0) })
    guard encoding == "utf-8" || encoding == "us-ascii" else { throw .encoding }
  }
}
