import Foundation
import FoundationXML

/// An XML document as a flat list of elements; the shape of each is known only at its end tag.
struct XMLTree {
  /// Index 0 is the root; -1 means none.
  struct Element {
    /// Index into `names`.
    var name: Int32
    var firstChild: Int32 = -1
    var nextSibling: Int32 = -1
    var lastChild: Int32 = -1
    /// Byte range in `text`; an element with children has none.
    var textStart: Int32
    var textEnd: Int32
    var isNull: Bool
  }

  var elements: [Element] = []
  /// Local names, each once.
  var names: [String] = []
  /// The text of all leaves, one after another.
  var text: [UInt8] = []

  func children(of element: Int32) -> some Sequence<Int32> {
    let first = elements[Int(element)].firstChild
    return sequence(state: first) { (next: inout Int32) -> Int32? in
      guard next >= 0 else { return nil }
      defer { next = elements[Int(next)].nextSibling }
      return next
    }
  }
}

/// Builds an `XMLTree` from the parser's events, and stops it at the first refusal.
final class XMLTreeReader: NSObject, XMLParserDelegate {
  private(set) var tree = XMLTree()
  private(set) var refusal: JSONError?
  private let maximumDepth: Int
  private var open: [Int32] = []
  private var indexOfName: [String: Int32] = [:]
  /// Where the text since the last tag begins.
  private var mark = 0

  init(maximumDepth: Int) {
    self.maximumDepth = maximumDepth
  }

  /// Whether the root element was opened and closed.
  var isComplete: Bool { open.isEmpty && !tree.elements.isEmpty }

  func parser(
    _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    guard refusal == nil else { return }
    guard open.count < maximumDepth else {
      refusal = .xml(
        .tooDeep(maximum: maximumDepth), line: parser.lineNumber, column: parser.columnNumber)
      return parser.abortParsing()
    }
    guard dropBlanks() else { return refuseMixedContent(parser) }
    let index = Int32(tree.elements.count)
    tree.elements.append(
      XMLTree.Element(
        name: nameIndex(elementName), textStart: Int32(mark), textEnd: Int32(mark),
        isNull: !attributes.isEmpty && isNull(attributes)))
    if let parent = open.last { append(index, to: Int(parent)) }
    open.append(index)
  }

  func parser(
    _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?,
    qualifiedName: String?
  ) {
    guard refusal == nil, let element = open.popLast() else { return }
    if tree.elements[Int(element)].firstChild >= 0 {
      guard dropBlanks() else { return refuseMixedContent(parser) }
    }
    mark = tree.text.count
    tree.elements[Int(element)].textEnd = Int32(mark)
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    guard refusal == nil else { return }
    tree.text.append(contentsOf: string.utf8)
  }

  func parser(_ parser: XMLParser, foundCDATA block: Data) {
    guard refusal == nil else { return }
    tree.text.append(contentsOf: block)
  }

  /// Forgets the text since the last tag; false when it is more than blanks.
  private func dropBlanks() -> Bool {
    guard tree.text[mark...].allSatisfy(XMLGuard.isBlank) else { return false }
    tree.text.removeSubrange(mark...)
    return true
  }

  private func refuseMixedContent(_ parser: XMLParser) {
    refusal = .xml(.mixedContent, line: parser.lineNumber, column: parser.columnNumber)
    parser.abortParsing()
  }

  private func append(_ child: Int32, to parent: Int) {
    let last = tree.elements[parent].lastChild
    if last < 0 {
      tree.elements[parent].firstChild = child
    } else {
      tree.elements[Int(last)].nextSibling = child
    }
    tree.elements[parent].lastChild = child
  }

  private func nameIndex(_ qualified: String) -> Int32 {
    if let known = indexOfName[qualified] { return known }
    let colon = qualified.utf8.lastIndex(of: UInt8(ascii: ":"))
    let local = colon.map { String(qualified[qualified.utf8.index(after: $0)...]) } ?? qualified
    let index = indexOfName[local] ?? Int32(tree.names.count)
    if index == tree.names.count { tree.names.append(local) }
    indexOfName[local] = index
    indexOfName[qualified] = index
    return index
  }

  private func isNull(_ attributes: [String: String]) -> Bool {
    attributes.contains { name, value in
      name.hasSuffix(":nil") && (value == "true" || value == "1")
    }
  }
}
