import CSimdJSON

/// One parsed JSON text: its bytes, and where each value is in them.
///
/// This target reads JSON fast without losing its bytes: parse once, walk views, take any value's
/// exact slice.
///
/// - `JSONDocument(parsing:limits:)` checks a whole text against RFC 8259 and keeps the input array
///   (shared, not copied) and a flat list of nodes. A text that parses has no hidden errors:
///   reading it later can only meet a missing field or another type.
/// - `JSONView` is one value of a document. It keeps its document alive, so it never dangles.
///   `verbatim` is its exact slice of the input; strings and numbers are converted when asked for.
/// - Getters such as `string(at:)`, `optionalInt64(at:)` and `array(at:)` follow names and fail
///   with the full path and the two kinds, never with a value. They are tolerant: unknown fields
///   are ignored, a missing field or a null is `nil` for the optional ones, numbers in strings are
///   accepted with `lenient: true`, and a blank string is an empty array or object where one of
///   those is asked (AWS's XML has no other way to write an empty list).
/// - `AWSXML.json(from:)` turns the XML of AWS's query protocol into JSON by one generic rule.
///
/// ```swift
/// let document = try JSONDocument(parsing: body)
/// for role in try document.root.array(at: "RoleDetailList") {
///   publish(key: try role.string(at: "Arn"), value: role.verbatim)
/// }
/// ```
///
/// **Names that occur twice**: iteration shows every member; a look-up finds the last one, as
/// JavaScript, Python and PostgreSQL's `jsonb` do, so that every reader of a record sees the same.
///
/// **Threads**: documents and views are immutable and can be shared. Parsing reuses simdjson's
/// buffers of the calling thread, so parsing threads do not wait for each other.
///
/// What a document may cost: its bytes, plus 16 bytes for each value and each name.
public final class JSONDocument: Sendable {
  /// The input, as it was given.
  public let bytes: [UInt8]
  /// In document order; see `CSimdJSON.h`. The root is the first.
  let nodes: [sv0_json_node]

  /// Parses exactly one JSON value, with blanks around it or not.
  ///
  /// Escapes, numbers and UTF-8 are all checked here. Numbers may have any size. An escaped
  /// surrogate without its other half is refused, because it stands for no character.
  ///
  /// - Throws: `.empty`, `.tooLarge`, `.tooDeep`, `.notUTF8`, `.truncated`, `.syntax`,
  ///   `.trailingBytes` or `.outOfMemory`.
  ///
  /// Source: RFC 8259.
  public init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
    let maximumBytes = min(limits.maximumBytes, Int(UInt32.max) - 64)
    guard bytes.count <= maximumBytes else {
      throw .tooLarge(bytes: bytes.count, maximum: maximumBytes)
    }
    let depth = UInt32(clamping: limits.maximumDepth)
    var result = unsafe sv0_json_result()
    self.nodes = unsafe bytes.withUnsafeBufferPointer { input in
      unsafe result = sv0_json_parse(input.baseAddress, input.count, depth)
      // The copy outlives the thread's next parse.
      return unsafe Array(UnsafeBufferPointer(start: result.nodes, count: result.count))
    }
    self.bytes = bytes
    if bytes.count > Self.largestKeptBuffers { sv0_json_release_buffers() }
    if let error = unsafe Self.error(result, bytes: bytes.count, limits: limits) { throw error }
  }

  /// Above this size of input, a thread's buffers (4 to 20 times the input) go back at once.
  private static let largestKeptBuffers = 1 << 20

  /// The text's one value.
  public var root: JSONView { JSONView(document: self, index: 0) }

  private static func error(
    _ result: sv0_json_result, bytes: Int, limits: JSONLimits
  ) -> JSONError? {
    let offset = unsafe result.error_offset
    return switch unsafe Int(result.status) {
    case SV0_JSON_OK: nil
    case SV0_JSON_EMPTY: .empty
    case SV0_JSON_NOT_UTF8: .notUTF8
    case SV0_JSON_TRUNCATED: .truncated(bytes: bytes)
    case SV0_JSON_TRAILING: .trailingBytes(offset: offset)
    case SV0_JSON_TOO_DEEP: .tooDeep(maximum: limits.maximumDepth, offset: offset)
    case SV0_JSON_TOO_LARGE: .tooLarge(bytes: bytes, maximum: limits.maximumBytes)
    case SV0_JSON_OUT_OF_MEMORY: .outOfMemory
    default: .syntax(offset: offset)
    }
  }
}

/// What an input may cost before it is refused.
public struct JSONLimits: Sendable, Equatable {
  /// Largest accepted input, in bytes. At most 4 GiB, which is simdjson's own limit.
  public var maximumBytes: Int
  /// Deepest accepted nesting of arrays and objects; a lone scalar has depth 0.
  public var maximumDepth: Int

  public init(maximumBytes: Int = 32 << 20, maximumDepth: Int = 128) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
  }

  /// 32 MiB, four times the largest record a topic takes, and 128 levels, well above any
  /// platform's objects and far below what would exhaust a stack.
  public static let standard = JSONLimits()
}
