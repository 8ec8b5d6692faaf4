import JSONReader
import Testing

/// What RFC 8259 allows and forbids, one vector per rule.
@Suite struct SyntaxTests {
  static let valid: [String] = [
    "null", "true", "false", "0", "-0", "\"\"", "[]", "{}", " \t\r\n[ ]\n", "{ \"a\" : 1 }",
    "1.5", "-0.0", "1e5", "1E+5", "1e-5", "0e0", "0.1e1", "123456789012345678901234567890",
    "1e400", "[1,[2,[3]]]", "{\"\":0}", "{\"a\":1,\"a\":2}", "\"\\u0000\"", "\"\u{7F}\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\uD834\\uDD1E\"", "\"\\u00e9\\uFFFF\"", "\"é😀\"",
    "[\"]\",\"}\",\",\"]", "{\"{\":\"[\"}", "\"// text\"",
  ]

  @Test(arguments: valid)
  func accepts(_ text: String) throws {
    let document = try JSONDocument(parsing: Array(text.utf8))
    let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    let trimmed = text.utf8.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }
    #expect(Array(document.root.verbatim) == Array(trimmed.reversed()))
  }

  static let malformed: [String] = [
    "nul1", "True", "nulls", "truefalse", "NaN", "Infinity", "-Infinity", "+1", "01", "-01", ".5",
    "1.e5", "1.", "1..2", "0x10", "1e5.5", "--1", "- 1", "1a", "[1,]", "[,1]", "[1 2]", "[1,,2]",
    "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\",1}", "{\"a\"::1}", "{a:1}", "{1:2}", "{'a':1}",
    "[1}", "{\"a\":1]", "]", "}", ",", ":", "'a'", "\"\\x\"", "\"\\a\"", "\"\\'\"", "\"\\u12\"",
    "\"\\u12G4\"", "\"\\uD800\"", "\"\\uD800x\"", "\"\\uDC00\"", "\"\\uD800\\u0041\"",
    "\"\\uD800\\n\"", "\"\\U0041\"", "[\"a\"b]", "[1\"a\"]", "[\"a\"\"b\"]", "// a\n1", "/**/1",
    "[1]//", "\"a\tb\"", "\"a\nb\"", "\"a\u{0}b\"", "[1\u{C}]", "\u{A0}1", "\u{FEFF}1", "[true1]",
    "[-]", "[1e]", "[1,\u{0}]", "{\"a\":}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{[]:1}", "{null:1}",
  ]

  /// Some are also the start of nothing valid with something after them; the point is a refusal.
  @Test(arguments: malformed)
  func refusesMalformed(_ text: String) {
    let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
    switch error {
    case .syntax, .trailingBytes, .truncated: break
    default: Issue.record("\(text): \(String(describing: error))")
    }
  }

  @Test(arguments: ["", " ", "\n\t\r "])
  func refusesNothing(_ text: String) {
    #expect(throws: JSONError.empty) { try JSONDocument(parsing: Array(text.utf8)) }
  }

  @Test(arguments: ["{} {}", "[1] x", "1 2", "null,", "{}]", "\"a\" \"b\""])
  func refusesTrailingBytes(_ text: String) {
    let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
    guard case .trailingBytes = error else {
      Issue.record("\(text): \(String(describing: error))")
      return
    }
  }

  /// Every proper prefix of an object is a truncation, wherever the cut falls.
  @Test func namesTruncation() throws {
    let text = Array(
      "{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9y\\n\"],\"b\":{\"c\":\"d\"}}".utf8)
    _ = try JSONDocument(parsing: text)
    for length in 1..<text.count {
      #expect(throws: JSONError.truncated(bytes: length), "cut at \(length)") {
        try JSONDocument(parsing: Array(text[..<length]))
      }
    }
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x5B, 0x31, 0x5D, 0x80],
      [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00],
    ] as [[UInt8]])
  func refusesInvalidUTF8(_ bytes: [UInt8]) {
    #expect(throws: JSONError.notUTF8) { try JSONDocument(parsing: bytes) }
  }

  @Test func refusesTooDeepAndTooLarge() throws {
    let limits = JSONLimits(maximumBytes: 10, maximumDepth: 3)
    _ = try JSONDocument(parsing: Array("[[{}]]".utf8), limits: limits)
    #expect(throws: JSONError.tooDeep(maximum: 3, offset: 3)) {
      try JSONDocument(parsing: Array("[[[[]]]]".utf8), limits: limits)
    }
    #expect(throws: JSONError.tooLarge(bytes: 11, maximum: 10)) {
      try JSONDocument(parsing: Array("[1,2,3,4,5]".utf8), limits: limits)
    }
    let hostile = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(throws: JSONError.tooDeep(maximum: 128, offset: 128)) {
      try JSONDocument(parsing: hostile)
    }
  }

  @Test func saysWhereAndNothingElse() {
    let error = #expect(throws: JSONError.self) {
      try JSONDocument(parsing: Array("{\"password\": hunter2}".utf8))
    }
    #expect(error == .syntax(offset: 13))
    #expect(error?.isRetriable == false)
    #expect(error?.description.contains("hunter2") == false)
  }
}
