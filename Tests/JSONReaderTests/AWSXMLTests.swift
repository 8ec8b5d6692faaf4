import JSONReader
import Testing

@Suite struct AWSXMLTests {
  private func json(_ xml: String, limits: JSONLimits = .standard) throws -> String {
    String(decoding: try AWSXML.json(from: Array(xml.utf8), limits: limits), as: UTF8.self)
  }

  /// The rule, one row per case: XML inside `<R>`, and the JSON of `R`.
  static let rule: [(xml: String, json: String)] = [
    ("<a>1</a><b>2</b>", #"{"a":"1","b":"2"}"#),
    ("<b>2</b><a><c>3</c></a>", #"{"b":"2","a":{"c":"3"}}"#),
    ("", #""""#),
    ("<a/>", #"{"a":""}"#),
    ("<a></a>", #"{"a":""}"#),
    ("text", #""text""#),
    ("  two  blanks\n", #""  two  blanks\n""#),
    ("<member>1</member>", #"["1"]"#),
    ("<member>1</member><member><a>2</a></member><member/>", #"["1",{"a":"2"},""]"#),
    ("<item>1</item><item>2</item>", #"["1","2"]"#),
    ("<member>1</member><other>2</other>", #"{"member":"1","other":"2"}"#),
    ("<a>1</a><b>2</b><a>3</a>", #"{"a":["1","3"],"b":"2"}"#),
    ("<a><x>1</x><x>2</x></a><x>3</x>", #"{"a":{"x":["1","2"]},"x":"3"}"#),
    (
      "<entry><key>k</key><value>v</value></entry><entry><key>\"q</key><value><z/></value></entry>",
      #"{"k":"v","\"q":{"z":""}}"#
    ),
    ("<entry><key>k</key><other>v</other></entry>", #"[{"key":"k","other":"v"}]"#),
    ("<entry>1</entry>", #"["1"]"#),
    (
      "<a xsi:nil=\"true\"/><b xsi:nil=\"false\">1</b><c id=\"7\">2</c>",
      #"{"a":null,"b":"1","c":"2"}"#
    ),
    ("<n:a xmlns:n=\"u\"><n:b>1</n:b></n:a>", #"{"a":{"b":"1"}}"#),
    ("\n  <a>1</a>\n  <!-- note -->\n  ", #"{"a":"1"}"#),
    ("<![CDATA[<a>&amp;]]> &lt;b&gt;&amp;&#233;&#x1F600;", #""<a>&amp; <b>&é😀""#),
    ("<a>\\ \" / \t</a>", #"{"a":"\\ \" / \t"}"#),
    ("<a>1\r\n2\r3&#13;<![CDATA[\r\n]]></a>", #"{"a":"1\n2\n3\r\n"}"#),
    ("<a>]] &quot;&apos;&gt;&#x0041;\u{FEFF}</a>", "{\"a\":\"]] \\\"'>A\u{FEFF}\"}"),
    ("<a b='>' c = \"'\"\n>1</a\n><!--<?-->", #"{"a":"1"}"#),
  ]

  @Test(arguments: rule)
  func followsTheRule(_ xml: String, _ expected: String) throws {
    let document = "<R xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\(xml)</R>"
    let output = try json(document)
    #expect(output == "{\"R\":\(expected)}")
    _ = try JSONDocument(parsing: Array(output.utf8))
  }

  @Test func longTextsAndNonASCIIStayWhole() throws {
    let value = String(repeating: "Zürich €😀 &amp; ", count: 4_000)
    let root = try JSONDocument(parsing: AWSXML.json(from: Array("<R><V>\(value)</V></R>".utf8)))
      .root
    #expect(try root.string(at: "R", "V") == value.replacing("&amp;", with: "&"))
  }

  @Test func readsMoreThanTenMegabytes() throws {
    let text = String(repeating: "%7B%22Version%22%3A", count: 50_000)
    let xml = "<R>" + String(repeating: "<member>\(text)</member>\n", count: 12) + "</R>"
    #expect(xml.utf8.count > 10 << 20)
    let root = try JSONDocument(parsing: AWSXML.json(from: Array(xml.utf8))).root
    #expect(
      try root.array(at: "R").map { $0.verbatim.count } == Array(repeating: 950_002, count: 12))
  }

  @Test func refusesEveryDocumentType() {
    let bomb = """
      <?xml version="1.0"?>\n<!-- c --><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
      <r>&b;</r>
      """
    let external = "<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><r/>"
    let reference = "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>"
    for xml in [bomb, external, reference, "\u{FEFF}<!DOCTYPE r><r/>"] {
      let error = #expect(throws: JSONError.self) { try json(xml) }
      guard case .xml(.documentType, _, _) = error else {
        Issue.record("\(xml): \(String(describing: error))")
        continue
      }
    }
  }

  @Test func refusesProcessingInstructions() {
    for (xml, column) in [
      ("<?p?><r/>", 1), ("<r><?p?></r>", 4), ("<r/><?p x?>", 5), ("<?xmlx?><r/>", 1),
      ("<?xml version='1.0'?> <?p?><r/>", 23),
    ] {
      #expect(throws: JSONError.xml(.instruction, line: 1, column: column)) { try json(xml) }
    }
  }

  @Test func refusesOtherEncodingsWhereADocumentTypeCouldHide() {
    for encoding in ["UTF-7", "utf-16", "ISO-8859-1", "IBM037"] {
      let error = #expect(throws: JSONError.self) {
        try json("<?xml version=\"1.0\" encoding=\"\(encoding)\"?><r/>")
      }
      guard case .xml(.encoding, _, _) = error else {
        Issue.record("\(encoding): \(String(describing: error))")
        continue
      }
    }
    let wide: [UInt8] = "<!DOCTYPE r><r/>".utf8.reduce(into: []) { $0 += [$1, 0] }
    for bytes: [UInt8] in [wide, [0xFF, 0xFE] + wide] {
      #expect(throws: JSONError.self) { try AWSXML.json(from: bytes) }
    }
    #expect(throws: Never.self) { try json("<?xml version='1.0' encoding='UTF-8'?><r/>") }
  }

  @Test(arguments: [
    "<r>&undefined;</r>", "<r><a></r>", "<r><a>1</a>", "<r", "<r>", "<r/><r/>", "plain",
    "{\"a\":1}",
    "<r a=1/>", "<r>\u{1}</r>", "<r>&#0;</r>", "<r/>trailing", "<r a='1' a='2'/>", "<r a='<'/>",
    "<r a='1'b='2'/>", "<r a='&x;'/>", "<r>]]></r>", "<r>&#xFFFE;</r>", "<r>\u{FFFF}</r>",
    "<r>&#+65;</r>", "<r>&#;</r>", "<r>&amp</r>", "<1/>", "<-r/>", "< r/>", "<r></ r>", "<r></r",
    "<!-- a -- b --><r/>", "<!-- a --->", "<r><![CDATA[ ]] ></r>", "<![CDATA[a]]><r/>",
    "<?xml encoding=\"UTF-8\"?><r/>",
    "<?xml version=\"1.0\"><r/>", "<?xml version=\"1.0\" other=\"1\"?><r/>",
    "<?xml version='1.0'><r><?p?></r>", "<r>&#x;</r>", "<r>&#65</r>", "<r>&&amp;</r>", "<r>&",
    "<r><?", " <?xml version='1.0'?><r/>", "<!doctype html><html/>", "<r><!DOCTYPE r></r>",
  ])
  func refusesWhatIsNotWellFormed(_ xml: String) {
    let error = #expect(throws: JSONError.self) { try json(xml) }
    guard case .xml(.notWellFormed, _, _) = error else {
      Issue.record("\(xml): \(String(describing: error))")
      return
    }
  }

  @Test func refusesInvalidUTF8() {
    let damaged: [[UInt8]] = [
      Array("<r>".utf8) + [0xFF, 0x3C, 0x2F],
      Array("<r>a".utf8) + [0xC3, 0x28] + Array("</r>".utf8),
      Array("<r a=\"".utf8) + [0xFF] + Array("\"/>".utf8),
      Array("<r a".utf8) + [0xFF] + Array("=\"1\"/>".utf8),
    ]
    for bytes in damaged {
      #expect(throws: JSONError.xml(.encoding, line: 1, column: 1)) {
        try AWSXML.json(from: bytes)
      }
    }
  }

  @Test func refusesEveryTruncation() throws {
    let xml = Array(Self.assumeRole.utf8)
    _ = try AWSXML.json(from: xml)
    for length in 0..<xml.count {
      #expect(throws: JSONError.self, "cut at \(length)") {
        try AWSXML.json(from: Array(xml[..<length]))
      }
    }
  }

  @Test func refusesMixedContentAndLimits() throws {
    for xml in ["<p>a<b>c</b></p>", "<p><b>c</b>a</p>", "<p><b>c</b>a<b>d</b></p>"] {
      let error = #expect(throws: JSONError.self) { try json(xml) }
      guard case .xml(.mixedContent, _, _) = error else {
        Issue.record("\(xml): \(String(describing: error))")
        continue
      }
    }
    let deep = String(repeating: "<a>", count: 4) + String(repeating: "</a>", count: 4)
    #expect(try json(deep, limits: JSONLimits(maximumDepth: 4)) == #"{"a":{"a":{"a":{"a":""}}}}"#)
    let error = #expect(throws: JSONError.self) {
      try json(deep, limits: JSONLimits(maximumDepth: 3))
    }
    guard case .xml(.tooDeep(maximum: 3), _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(throws: JSONError.tooLarge(bytes: 4, maximum: 3)) {
      try json("<r/>", limits: JSONLimits(maximumBytes: 3))
    }
    #expect(throws: JSONError.empty) { try json(" \n") }
  }

  @Test func errorsHoldNoContent() {
    let error = #expect(throws: JSONError.self) { try json("<r><token>s3cret</tok></r>") }
    #expect(error?.description.contains("s3cret") == false)
    #expect(error?.isRetriable == false)
  }
}
