import CSimdJSON

/// One value of a `JSONDocument`, which it keeps alive.
public struct JSONView: Sendable {
  public let document: JSONDocument
  /// Position in the document's nodes.
  let index: Int

  /// What a value is.
  public enum Kind: Sendable, Equatable {
    case null, boolean, number, string, array, object
  }

  var node: sv0_json_node { document.nodes[index] }

  /// Byte range of the value in `document.bytes`, quotes and brackets included.
  public var range: Range<Int> {
    let node = self.node
    return Int(node.start)..<Int(node.end)
  }

  /// What the value is.
  public var kind: Kind {
    switch Int(node.kind) {
    case SV0_JSON_FALSE, SV0_JSON_TRUE: .boolean
    case SV0_JSON_NUMBER: .number
    case SV0_JSON_STRING: .string
    case SV0_JSON_ARRAY: .array
    case SV0_JSON_OBJECT: .object
    default: .null
    }
  }

  /// The value's exact bytes in the input, without copying.
  public var verbatim: ArraySlice<UInt8> { document.bytes[range] }

  public var isNull: Bool { Int(node.kind) == SV0_JSON_NULL }

  /// `nil` when the value is not `true` or `false`.
  public var bool: Bool? {
    switch Int(node.kind) {
    case SV0_JSON_TRUE: true
    case SV0_JSON_FALSE: false
    default: nil
    }
  }

  /// The text of a string, unescaped; `nil` for another kind.
  public var string: String? {
    let node = self.node
    guard Int(node.kind) == SV0_JSON_STRING else { return nil }
    guard node.has_escapes == 0 else { return String(decoding: unescaped(node), as: UTF8.self) }
    return String(decoding: content(node), as: UTF8.self)
  }

  /// The UTF-8 bytes of a string, unescaped; `nil` for another kind.
  ///
  /// A slice of the input, without copying, when the string has no escapes.
  public var stringBytes: ArraySlice<UInt8>? {
    let node = self.node
    guard Int(node.kind) == SV0_JSON_STRING else { return nil }
    return node.has_escapes == 0 ? content(node) : unescaped(node)[...]
  }

  /// A number exactly as written, whatever its size; `nil` for another kind.
  public var numberText: String? {
    guard Int(node.kind) == SV0_JSON_NUMBER else { return nil }
    return String(decoding: verbatim, as: UTF8.self)
  }

  /// `nil` when the value is not a number, has a fraction or exponent, or does not fit.
  public var int64: Int64? { numberText.flatMap { Int64($0) } }

  /// `nil` when the value is not a number, has a fraction or exponent, is negative or does not fit.
  public var uint64: UInt64? { numberText.flatMap { UInt64($0) } }

  /// The nearest double; `nil` when the value is not a number or exceeds the finite ones.
  public var double: Double? {
    guard let value = numberText.flatMap({ Double($0) }), value.isFinite else { return nil }
    return value
  }

  private func content(_ node: sv0_json_node) -> ArraySlice<UInt8> {
    document.bytes[Int(node.start) + 1..<Int(node.end) - 1]
  }

  private func unescaped(_ node: sv0_json_node) -> [UInt8] {
    JSONEscapes.decoded(content(node))
  }

  /// Whether this is a string of blanks only, which stands for an empty array or object.
  var isBlankString: Bool {
    guard let bytes = stringBytes else { return false }
    return bytes.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
  }
}
