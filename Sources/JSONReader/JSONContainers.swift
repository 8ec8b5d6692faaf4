import CSimdJSON

/// The elements of an array, in document order.
public struct JSONElements: Sequence, Sendable {
  let array: JSONView
  let isEmptyText: Bool

  public struct Iterator: IteratorProtocol, Sendable {
    let document: JSONDocument
    var position: Int
    let end: Int

    public mutating func next() -> JSONView? {
      guard position < end else { return nil }
      defer { position = Int(document.nodes[position].next) }
      return JSONView(document: document, index: position)
    }
  }

  public func makeIterator() -> Iterator {
    let end = isEmptyText ? array.index : Int(array.node.next)
    return Iterator(document: array.document, position: array.index + 1, end: end)
  }

  public var isEmpty: Bool { isEmptyText || Int(array.node.next) == array.index + 1 }

  /// Walks the whole array.
  public var count: Int { reduce(into: 0) { count, _ in count += 1 } }
}

/// The members of an object, in document order; a name can occur twice.
public struct JSONMembers: Sequence, Sendable {
  let object: JSONView
  let isEmptyText: Bool

  public struct Member: Sendable {
    /// The name as a string value, with its exact bytes.
    public let name: JSONView
    public let value: JSONView
    /// The name, unescaped.
    public var key: String { name.string ?? "" }
  }

  public struct Iterator: IteratorProtocol, Sendable {
    let document: JSONDocument
    var position: Int
    let end: Int

    public mutating func next() -> Member? {
      guard position < end else { return nil }
      let name = position
      position = Int(document.nodes[name + 1].next)
      return Member(
        name: JSONView(document: document, index: name),
        value: JSONView(document: document, index: name + 1))
    }
  }

  public func makeIterator() -> Iterator {
    let end = isEmptyText ? object.index : Int(object.node.next)
    return Iterator(document: object.document, position: object.index + 1, end: end)
  }

  public var isEmpty: Bool { isEmptyText || Int(object.node.next) == object.index + 1 }

  /// Walks the whole object; counts a repeated name each time.
  public var count: Int { reduce(into: 0) { count, _ in count += 1 } }
}

extension JSONView {
  /// `nil` when the value is not an array.
  public var elements: JSONElements? {
    guard Int(node.kind) == SV0_JSON_ARRAY else { return nil }
    return JSONElements(array: self, isEmptyText: false)
  }

  /// `nil` when the value is not an object.
  public var members: JSONMembers? {
    guard Int(node.kind) == SV0_JSON_OBJECT else { return nil }
    return JSONMembers(object: self, isEmptyText: false)
  }

  /// The member of that name, the last one if several; `nil` when absent or not an object.
  ///
  /// Takes time in proportion to the number of members.
  public subscript(name: String) -> JSONView? {
    document.member(named: name, of: index).map { JSONView(document: document, index: $0) }
  }
}

extension JSONDocument {
  /// Node of the last member with that name; `nil` when absent or `object` is not an object.
  func member(named name: String, of object: Int) -> Int? {
    let nodes = self.nodes
    guard Int(nodes[object].kind) == SV0_JSON_OBJECT else { return nil }
    let bytes = self.bytes
    let wanted = name.utf8.span
    let end = Int(nodes[object].next)
    var found: Int?
    var at = object + 1
    while at < end {
      if Self.isName(nodes[at], in: bytes, equalTo: wanted) { found = at + 1 }
      at = Int(nodes[at + 1].next)
    }
    return found
  }

  private static func isName(
    _ node: sv0_json_node, in bytes: [UInt8], equalTo wanted: Span<UInt8>
  ) -> Bool {
    let start = Int(node.start) + 1
    guard node.has_escapes == 0 else {
      let name = JSONEscapes.decoded(bytes[start..<Int(node.end) - 1])
      return name.count == wanted.count && name.indices.allSatisfy { name[$0] == wanted[$0] }
    }
    guard Int(node.end) - start - 1 == wanted.count else { return false }
    for offset in 0..<wanted.count where bytes[start + offset] != wanted[offset] { return false }
    return true
  }
}
