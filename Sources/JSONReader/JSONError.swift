/// Why a text is not readable as JSON, or does not hold what was asked of it.
///
/// Descriptions hold paths, offsets and kinds, never a value.
public enum JSONError: Error, Equatable, Sendable {
  /// No bytes, or only blanks.
  case empty
  /// The input is larger than `JSONLimits.maximumBytes`.
  case tooLarge(bytes: Int, maximum: Int)
  /// Nesting is deeper than `JSONLimits.maximumDepth`; `offset` is a byte of the input.
  case tooDeep(maximum: Int, offset: Int)
  /// Some bytes are not UTF-8.
  case notUTF8
  /// The text ends inside a value.
  case truncated(bytes: Int)
  /// The token that begins at byte `offset` cannot stand there, or is malformed.
  case syntax(offset: Int)
  /// Something other than blanks follows the value, at byte `offset`.
  case trailingBytes(offset: Int)
  /// Memory for the node list could not be had.
  case outOfMemory
  /// A required field is absent.
  case missing(path: String, expected: String)
  /// A field holds another kind of value.
  case mismatch(path: String, expected: String, found: String)
  /// The XML is refused; `line` and `column` count from 1.
  case xml(XMLRefusal, line: Int, column: Int)

  /// Why an XML text is refused.
  public enum XMLRefusal: Error, Equatable, Sendable {
    /// It has a document type declaration, which could define entities.
    case documentType
    /// It is not UTF-8, or declares that it is neither that nor its subset US-ASCII.
    case encoding
    /// It has a processing instruction.
    case instruction
    /// It is not well-formed, or ends early.
    case notWellFormed
    /// An element has both child elements and text, which no JSON value can hold.
    case mixedContent
    /// Its elements are nested deeper than `JSONLimits.maximumDepth`.
    case tooDeep(maximum: Int)
  }

  /// Always false: the same bytes give the same error.
  public var isRetriable: Bool { false }
}

extension JSONError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty:
      "empty input where JSON was expected; check that the response or message has a body"
    case .tooLarge(let bytes, let maximum):
      "input of \(bytes) bytes is over the limit of \(maximum); ask for smaller pages"
    case .tooDeep(let maximum, let offset):
      "nested deeper than \(maximum) levels at byte \(offset); no known platform does this"
    case .notUTF8:
      "not UTF-8, so not JSON; the sender or a proxy changed the encoding"
    case .truncated(let bytes):
      "ends inside a value after \(bytes) bytes; the transfer was probably cut short"
    case .syntax(let offset):
      "not JSON at byte \(offset); look at what the sender really returned"
    case .trailingBytes(let offset):
      "a second value begins at byte \(offset); exactly one JSON value is expected"
    case .outOfMemory:
      "no memory for the list of values; lower the input's size limit"
    case .missing(let path, let expected):
      "\"\(path)\": expected \(expected), found nothing"
    case .mismatch(let path, let expected, let found):
      "\"\(path)\": expected \(expected), found \(found)"
    case .xml(let refusal, let line, let column):
      "XML refused at line \(line), column \(column): \(refusal)"
    }
  }
}

extension JSONError.XMLRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .documentType: "it has a DOCTYPE, which AWS never sends; something else answered"
    case .encoding: "it is not UTF-8, or declares another encoding"
    case .instruction: "it has a processing instruction, which AWS never sends"
    case .notWellFormed: "it is not well-formed or is cut short"
    case .mixedContent: "an element mixes text and elements, as an HTML page would"
    case .tooDeep(let maximum): "its elements are nested deeper than \(maximum) levels"
    }
  }
}
