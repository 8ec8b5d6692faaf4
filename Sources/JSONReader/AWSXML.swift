/// Turns the XML of AWS's query protocol into JSON by one rule that knows no service.
///
/// | XML | JSON |
/// |---|---|
/// | the root | an object with the root's name as its one member |
/// | children all named `member`, or all `item` | array of them |
/// | children all named `entry`, each a text `key` and a `value` | object, keys verbatim |
/// | children all named `entry` otherwise | array of them |
/// | other children | object in document order |
/// | a name that occurs more than once | array, where the name first occurs |
/// | text only | string, verbatim with its blanks; CDATA is text |
/// | nothing | `""`, which the getters also accept as an empty array or object |
/// | `xsi:nil="true"` | `null` |
///
/// Blanks between elements, comments, namespaces and other attributes are dropped. All scalars are
/// strings: read numbers and booleans with `lenient: true`. A list that AWS flattens (repeated
/// siblings without a `member`) is an array only from two on.
///
/// Refused: a DOCTYPE, so no entity can be defined; any encoding but UTF-8; and processing
/// instructions. AWS sends none of these.
public enum AWSXML {
  /// The JSON of an XML text in UTF-8, compact, in document order.
  ///
  /// The limits apply to the XML: its bytes and how deep its elements are nested. The JSON is
  /// at most twice as deep, plus one.
  ///
  /// - Throws: `.empty`, `.tooLarge`, `.xml` or `.outOfMemory`.
  ///
  /// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
  public static func json(
    from bytes: [UInt8], limits: JSONLimits = .standard
  ) throws(JSONError) -> [UInt8] {
    let maximumBytes = min(limits.maximumBytes, Int(Int32.max))
    guard bytes.count <= maximumBytes else {
      throw .tooLarge(bytes: bytes.count, maximum: maximumBytes)
    }
    guard bytes.contains(where: { !XMLTreeReader.isBlank($0) }) else { throw .empty }
    guard (try? UTF8Span(validating: bytes.span)) != nil else {
      throw .xml(.encoding, line: 1, column: 1)
    }
    var writer = XMLTreeWriter(
      tree: try XMLTreeReader.read(bytes, maximumDepth: limits.maximumDepth))
    return writer.json()
  }
}
