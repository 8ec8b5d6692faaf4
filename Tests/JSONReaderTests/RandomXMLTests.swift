import JSONReader
import Testing

/// Whatever comes back in AWS's name, the process lives on: damaged texts are read or refused.
@Suite struct RandomXMLTests {
  private static let seeds = [
    AWSXMLTests.assumeRole, AWSXMLTests.error, AWSXMLTests.accountDetails,
    """
    <?xml version="1.0" encoding="UTF-8"?>\n<a:R xmlns:a="u" b='&lt;"'><!-- n --><V>&#233;é\r\n\
    <![CDATA[<&]]>&#x1F600;</V>\n<?p?><W x = "1" /><N a:nil="true"/></a:R>
    """,
  ]

  @Test func damagedTextsAreReadOrRefused() throws {
    var generator = SeededGenerator(state: 3)
    var (accepted, refused) = (0, 0)
    for round in 0..<4_000 {
      var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
      for _ in 0..<Int.random(in: 1...2, using: &generator) { damage(&bytes, &generator) }
      guard let json = try? AWSXML.json(from: bytes) else {
        refused += 1
        continue
      }
      accepted += 1
      _ = try JSONDocument(parsing: json)
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
}
