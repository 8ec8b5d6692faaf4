import Foundation
import FoundationXML
import JSONReader
import Testing

/// Our reader of XML beside libxml2, on texts that are damaged at random.
@Suite struct RandomXMLTests {
  /// Whether libxml2 takes the text, and all its characters.
  private final class Reference: NSObject, XMLParserDelegate {
    private(set) var text = ""
    private var openCount = 0
    private var code = 0
    /// FoundationXML's own verdict misses texts that are cut. `nil` when a namespace is wrong,
    /// which our reader drops: only the last error is known.
    var isWellFormed: Bool? {
      [99, 100].contains(code) || (200...205).contains(code) ? nil : code == 0 && openCount == 0
    }

    init(_ bytes: [UInt8]) {
      super.init()
      let parser = XMLParser(stream: InputStream(data: Data(bytes)))
      parser.delegate = self
      _ = parser.parse()
      code = (parser.parserError as NSError?)?.code ?? 0
    }

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) { openCount += 1 }
    func parser(
      _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?,
      qualifiedName: String?
    ) { openCount -= 1 }
    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    func parser(_ parser: XMLParser, foundCDATA block: Data) {
      text += String(decoding: block, as: UTF8.self)
    }
  }

  private static let seeds = [
    AWSXMLTests.assumeRole, AWSXMLTests.error, AWSXMLTests.accountDetails,
    """
    <?xml version="1.0" encoding="UTF-8"?>\n<a:R xmlns:a="u" b='&lt;"'><!-- n --><V>&#233;é\r\n\
    <![CDATA[<&]]>&#x1F600;</V>\n<W x = "1" /><N a:nil="true"/></a:R>
    """,
  ]

  @Test func takesAndRefusesWhatLibxml2Does() {
    var generator = SeededGenerator(state: 3)
    var (accepted, refused) = (0, 0)
    for round in 0..<4_000 {
      var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
      for _ in 0..<Int.random(in: 1...2, using: &generator) { damage(&bytes, &generator) }
      let shown = String(decoding: bytes, as: UTF8.self)
      do {
        let json = try AWSXML.json(from: bytes)
        accepted += 1
        let reference = Reference(bytes)
        #expect(reference.isWellFormed != false, "round \(round): \(shown)")
        guard reference.isWellFormed == true else { continue }
        let document = try JSONDocument(parsing: json)
        let isSame = characters(document.root).sorted() == reference.text.bytesWithoutBlanks
        #expect(isSame, "round \(round): \(shown)")
      } catch JSONError.xml(.notWellFormed, _, _) {
        refused += 1
        #expect(Reference(bytes).isWellFormed != true, "round \(round): \(shown)")
      } catch {
        // Mixed content, a document type, an instruction or bytes that are no UTF-8: libxml2 takes
        // the first three, and the last two end the process in FoundationXML.
      }
    }
    #expect(accepted > 500 && refused > 500)
  }

  private func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    guard let position = bytes.indices.randomElement(using: &generator) else { return }
    let pieces = Array("<>&;/=\"'!?-[] \r#x:a0").map { Array(String($0).utf8) }
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes.remove(at: position)
    case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
    case 2: bytes.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: position)
    default:
      let end = min(bytes.count, position + Int.random(in: 1...9, using: &generator))
      bytes.insert(contentsOf: bytes[position..<end], at: position)
    }
  }

  /// The bytes of all strings, without blanks; of members that repeat, each.
  private func characters(_ view: JSONView) -> [UInt8] {
    if let elements = view.elements { return elements.flatMap { characters($0) } }
    if let members = view.members { return members.flatMap { characters($0.value) } }
    return (view.string ?? "").bytesWithoutBlanks
  }
}

extension String {
  /// Sorted, because an array stands where its name first occurs.
  fileprivate var bytesWithoutBlanks: [UInt8] {
    utf8.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }.sorted()
  }
}
