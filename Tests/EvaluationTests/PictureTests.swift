import Foundation
import FoundationXML
import Model
import Testing

@testable import Evaluation

/// Paths and decisions as pictures: the same for the same graph, and whatever names say, only text.
@Suite struct PictureTests {
  private static let bucket = "arn:aws:s3:::acme-hr-payroll"

  private func evaluation() -> (Evaluation, start: String) {
    var estate = Estate()
    estate.resource(Self.bucket, "aws.s3.bucket", policy: nil)
    let start = estate.role("start")
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    estate.role(
      "reader",
      trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#, if: mfa)),
      policies: [Policy.document(Policy.allow("s3:GetObject", on: "\(Self.bucket)/*"))])
    let function = estate.function("f", role: start)
    return (estate.evaluation, function)
  }

  private func picture() -> Picture {
    let (evaluation, start) = evaluation()
    return evaluation.picture(
      of: evaluation.paths(from: start, to: DataDomain.hr.id), title: "f to hr")
  }

  @Test func aPathIsDrawnAsAFlowchart() {
    #expect(
      picture().mermaid == """
        flowchart LR
          n0[["f<br/><small>aws.lambda.function #183; 111122223333</small>"]]
          n1(["start<br/><small>aws.iam.role #183; 111122223333</small>"])
          n2(["reader<br/><small>aws.iam.role #183; 111122223333</small>"])
          n3[("acme-hr-payroll<br/><small>aws.s3.bucket #183; 111122223333</small>")]
          n4{{"hr<br/><small>data domain (hr)</small>"}}
          n0 -->|"runsAs"| n1
          n1 -->|"canAssume"| n2
          n2 -->|"reaches readData"| n3
          n3 -->|"holds"| n4
          linkStyle 0 stroke:#1f2937,stroke-width:2.5px
          linkStyle 1 stroke:#b45309,stroke-width:1.5px,stroke-dasharray:6 4
          linkStyle 2 stroke:#1f2937,stroke-width:2.5px,stroke-dasharray:6 4
          linkStyle 3 stroke:#1f2937,stroke-width:2.5px,stroke-dasharray:6 4

        """)
  }

  @Test func strengthAndOriginAreInTheStroke() {
    let dot = picture().dot
    #expect(dot.contains("n0 -> n1 [label=\"runsAs\", color=\"#1f2937\", penwidth=2.5]"))
    #expect(
      dot.contains(
        "n1 -> n2 [label=\"canAssume\", color=\"#b45309\", penwidth=1.5, style=dashed]"))
    let svg = picture().svg
    #expect(svg.contains("stroke=\"#b45309\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\""))
    for word in ["effective", "conditional", "unknown", "derived"] {
      #expect(svg.contains(">\(word)</text>"))
    }
    #expect(!svg.contains(">forbids</text>"))
  }

  @Test func everyFormIsTheSameEachTime() {
    #expect(picture().svg == picture().svg)
    #expect(picture().dot == picture().dot)
  }

  private static let hostile = [
    "<script>alert(1)</script>", "\"];n1-->n0;x[\"", "a\\\" b\\N", "]]>&amp;<!--", "%%{init:{}}%%",
    "line\nbreak\t\u{0}\u{7F}\u{202E}\u{FFFF}", "#quot;|\"|", "` **b** `", "end", "日本\u{1F512}é",
  ]

  private func hostilePicture() -> Picture {
    var picture = Picture(title: Self.hostile.joined())
    for (number, name) in Self.hostile.enumerated() {
      let one = picture.place(
        Picture.Node(id: "\(name)\(number)", name: name, kind: name, shape: .identity))
      let two = picture.place(Picture.Node(id: "end", name: "end", kind: "", shape: .system))
      picture.add(
        Picture.Edge(from: one, to: two, label: name, strength: .unknown, isDerived: true))
    }
    return picture
  }

  private final class Texts: NSObject, XMLParserDelegate {
    var elements: Set<String> = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String] = [:]
    ) { elements.insert(name) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
  }

  @Test func aDrawingIsWellFormedWhateverNamesSay() {
    let texts = Texts()
    let parser = XMLParser(data: Data(hostilePicture().svg.utf8))
    parser.delegate = texts
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    #expect(
      texts.elements == ["svg", "title", "rect", "g", "text", "path", "polygon", "line"])
    for name in ["<script>alert(1)</script>", "]]>&amp;<!--", "日本\u{1F512}é", "a\\\" b\\N"] {
      #expect(texts.text.contains(name))
    }
  }

  @Test func aNameCannotLeaveItsQuotes() {
    for line in hostilePicture().dot.split(separator: "\n").dropFirst(4) {
      // Without escapes, quotes come in pairs around what has no meaning.
      let plain = line.replacing("\\\\", with: "").replacing("\\\"", with: "")
      #expect(plain.count { $0 == "\"" } % 2 == 0, "\(line)")
    }
    #expect(hostilePicture().dot.contains(#"label="a\\\" b\\N\na\\\" b\\N""#))
    #expect(hostilePicture().dot.contains("]]>&amp;amp;<!--"))
    let mermaid = hostilePicture().mermaid
    for text in ["<script", "%%", "`", "|\"|\"", "\\", "\u{0}", "\u{202E}"] {
      #expect(!mermaid.contains(text), "\(text)")
    }
    #expect(mermaid.split(separator: "\n").allSatisfy { $0.count { $0 == "\"" } % 2 == 0 })
    #expect(mermaid.contains("#35;quot#59;#124;#34;#124;"))
  }

  @Test func aDecisionIsDrawnInItsSteps() throws {
    var estate = Estate()
    let role = estate.role(
      "r",
      policies: [
        Policy.document(
          Policy.allow("s3:*"),
          Policy.deny("s3:GetObject", if: #"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#))
      ], boundary: Policy.document(Policy.allow("sqs:*")))
    let picture = try #require(
      estate.evaluation.explain(role, "s3:GetObject", on: "\(Self.bucket)/x")
    ).picture
    #expect(
      picture.nodes.map(\.name) == [
        role, "denied", "p0, statement 2", "p0, statement 1",
        "permissions boundary: none of 1 allows it",
      ])
    #expect(picture.edges.filter(\.forbids).map(\.label) == ["denies", "does not allow"])
    #expect(picture.svg.contains(">forbids</text>"))
  }

  /// Every box has a place of its own, and every line ends at one.
  @Test func boxesDoNotCoverEachOther() {
    var picture = Picture(title: "dense")
    for number in 0..<14 {
      _ = picture.place(
        Picture.Node(
          id: "\(number)", name: "node \(number)", kind: "", shape: .identity))
    }
    for from in 0..<14 {
      for to in [(from * 5 + 1) % 14, (from * 3 + 2) % 14, from / 2] where to != from {
        picture.add(
          Picture.Edge(
            from: from, to: to, label: "e", strength: .allowed, isDerived: false))
      }
    }
    let layout = Layout(picture)
    for (place, box) in layout.boxes.enumerated() {
      #expect(box.x >= 0 && box.right <= layout.width && box.y >= 0)
      #expect(box.y + box.height <= layout.height)
      for other in layout.boxes[(place + 1)...] {
        let apart =
          box.right <= other.x || other.right <= box.x || box.y + box.height <= other.y
          || other.y + other.height <= box.y
        #expect(apart)
      }
    }
  }
}
