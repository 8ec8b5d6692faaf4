import CExpat
import Glibc

/// Builds an `XMLTree` from expat's events, and stops it at the first refusal.
///
/// expat checks all of XML 1.0 that concerns a document without a DOCTYPE, and never fetches
/// anything. With a DOCTYPE it stops before the first entity is defined.
///
/// Source: https://libexpat.github.io/doc/
struct XMLTreeReader {
  private var tree = XMLTree()
  private var refusal: JSONError?
  private let parser: XML_Parser
  private let maximumDepth: Int
  private var open: [Int32] = []
  private var indexOfName: [String: Int32] = [:]
  /// Where the text since the last tag begins.
  private var mark = 0

  /// The tree of a document in UTF-8, which has at least a root.
  ///
  /// - Throws: `.xml`, and `.outOfMemory`.
  static func read(_ bytes: [UInt8], maximumDepth: Int) throws(JSONError) -> XMLTree {
    // The encoding that is given here goes before one that the document declares.
    guard let parser = unsafe XML_ParserCreate("UTF-8") else { throw .outOfMemory }
    defer { unsafe XML_ParserFree(parser) }
    setHandlers(parser)
    var reader = unsafe XMLTreeReader(parser, maximumDepth: maximumDepth)
    reader.reserve(bytes.count)
    // The reader is touched by the handlers only, until expat returns.
    unsafe withUnsafeMutablePointer(to: &reader) { reader in
      unsafe XML_SetUserData(parser, reader)
      let status = unsafe bytes.withUnsafeBytes { bytes in
        unsafe XML_Parse(
          parser, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count), 1)
      }
      if status != XML_STATUS_OK { unsafe reader.pointee.refuse(.notWellFormed) }
    }
    if let refusal = reader.refusal { throw refusal }
    return reader.tree
  }

  private init(_ parser: XML_Parser, maximumDepth: Int) {
    unsafe self.parser = unsafe parser
    self.maximumDepth = maximumDepth
  }

  /// Room for what most answers stay below, so that nothing is moved as it grows.
  private mutating func reserve(_ bytes: Int) {
    tree.text.reserveCapacity(bytes / 2)
    tree.elements.reserveCapacity(32)
    tree.names.reserveCapacity(32)
    indexOfName.reserveCapacity(32)
    open.reserveCapacity(8)
  }

  private static func setHandlers(_ parser: XML_Parser) {
    unsafe XML_SetElementHandler(
      parser,
      { context, name, attributes in
        guard let name = unsafe name else { return }
        unsafe XMLTreeReader.of(context)?.pointee.start(name, attributes)
      },
      { context, _ in unsafe XMLTreeReader.of(context)?.pointee.end() })
    unsafe XML_SetCharacterDataHandler(parser) { context, bytes, count in
      let text = unsafe UnsafeRawBufferPointer(start: bytes, count: Int(count))
      unsafe XMLTreeReader.of(context)?.pointee.add(text)
    }
    unsafe XML_SetXmlDeclHandler(parser) { context, _, encoding, _ in
      guard let encoding = unsafe encoding else { return }
      let isKnown = unsafe ["utf-8", "us-ascii"].contains(String(cString: encoding).lowercased())
      if !isKnown { unsafe XMLTreeReader.of(context)?.pointee.refuse(.encoding) }
    }
    unsafe XML_SetStartDoctypeDeclHandler(parser) { context, _, _, _, _ in
      unsafe XMLTreeReader.of(context)?.pointee.refuse(.documentType)
    }
    unsafe XML_SetProcessingInstructionHandler(parser) { context, _, _ in
      unsafe XMLTreeReader.of(context)?.pointee.refuse(.instruction)
    }
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Self>? {
    unsafe context?.assumingMemoryBound(to: Self.self)
  }

  // MARK: Events

  /// - Parameter attributes: names and values in turn, ended by nil.
  private mutating func start(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
  ) {
    guard refusal == nil else { return }
    guard open.count < maximumDepth else { return refuse(.tooDeep(maximum: maximumDepth)) }
    guard dropBlanks() else { return refuse(.mixedContent) }
    let index = Int32(tree.elements.count)
    tree.elements.append(
      XMLTree.Element(
        name: unsafe nameIndex(name), textStart: Int32(mark), textEnd: Int32(mark),
        isNull: unsafe isNull(attributes)))
    if let parent = open.last { append(index, to: Int(parent)) }
    open.append(index)
  }

  private mutating func end() {
    guard refusal == nil, let element = open.popLast() else { return }
    if tree.elements[Int(element)].firstChild >= 0 {
      guard dropBlanks() else { return refuse(.mixedContent) }
    }
    mark = tree.text.count
    tree.elements[Int(element)].textEnd = Int32(mark)
  }

  private mutating func add(_ text: UnsafeRawBufferPointer) {
    if refusal == nil { unsafe tree.text.append(contentsOf: text) }
  }

  /// Refuses the document because of the event under way; the first refusal counts.
  private mutating func refuse(_ reason: JSONError.XMLRefusal) {
    guard refusal == nil else { return }
    refusal = unsafe .xml(
      reason, line: Int(XML_GetCurrentLineNumber(parser)),
      column: Int(XML_GetCurrentColumnNumber(parser)) + 1)
    unsafe XML_StopParser(parser, 0)
  }

  /// Forgets the text since the last tag; false when it is more than blanks.
  private mutating func dropBlanks() -> Bool {
    guard mark < tree.text.count else { return true }
    guard tree.text[mark...].allSatisfy(Self.isBlank) else { return false }
    tree.text.removeSubrange(mark...)
    return true
  }

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
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

  /// Of the name without its prefix.
  private mutating func nameIndex(_ qualified: UnsafePointer<CChar>) -> Int32 {
    let colon = unsafe strrchr(qualified, Int32(UInt8(ascii: ":")))
    let name = unsafe colon.map { unsafe String(cString: $0 + 1) } ?? String(cString: qualified)
    if let known = indexOfName[name] { return known }
    let index = Int32(tree.names.count)
    tree.names.append(name)
    indexOfName[name] = index
    return index
  }

  private func isNull(_ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Bool {
    guard var next = unsafe attributes else { return false }
    while let name = unsafe next[0], let value = unsafe next[1] {
      if unsafe String(cString: name).hasSuffix(":nil"),
        unsafe ["true", "1"].contains(String(cString: value))
      {
        return true
      }
      unsafe next += 2
    }
    return false
  }
}
