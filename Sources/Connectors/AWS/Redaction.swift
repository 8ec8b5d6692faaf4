internal import JSONReader
internal import Model

/// What is left out of an answer before it is published.
enum Redaction {
  /// The shape of a value: all that is published of it.
  enum Shape: String {
    case empty, reference, opaque
  }

  /// A function's configuration with each environment value replaced by its shape.
  ///
  /// Everything else keeps its bytes. Works on every member of the names, not on the one that a
  /// look-up finds: of a name that occurs twice, no value may slip through.
  static func environmentByShape(_ function: JSONView) -> [UInt8] {
    var output: [UInt8] = []
    let bytes = function.document.bytes
    var copied = function.range.lowerBound
    for environment in function.members.map(Array.init) ?? [] where environment.key == "Environment"
    {
      guard !environment.value.isNull else { continue }
      let parts = environment.value.members.map(Array.init)
      for part in parts ?? [] where part.key == "Variables" {
        output += bytes[copied..<part.value.range.lowerBound]
        output += shapes(part.value).bytes
        copied = part.value.range.upperBound
      }
      if parts == nil {
        // No object: nobody knows what it holds.
        output += bytes[copied..<environment.value.range.lowerBound] + JSON.null.bytes
        copied = environment.value.range.upperBound
      }
    }
    return output + bytes[copied..<function.range.upperBound]
  }

  private static func shapes(_ variables: JSONView) -> JSON {
    guard let members = variables.members else { return .null }
    var shapes: [String: JSON] = [:]
    for variable in members {
      shapes[variable.key] = .string(
        variable.value.string.map(shape(of:))?.rawValue ?? Shape.opaque.rawValue)
    }
    return .object(shapes)
  }

  /// `reference` only where the whole value has the form of one; in doubt it is `opaque`.
  static func shape(of value: String) -> Shape {
    if value.isEmpty { return .empty }
    let isPlain = value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard isPlain else { return .opaque }
    let isReference =
      isARN(value) || isResolved(value) || isStoreName(value) || isPlainURL(value)
    return isReference ? .reference : .opaque
  }

  /// `arn:partition:service:region:account:resource`.
  private static func isARN(_ value: String) -> Bool {
    let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    return parts.count == 6 && parts[0] == "arn" && parts[1].hasPrefix("aws") && !parts[2].isEmpty
      && !parts[5].isEmpty
  }

  /// CloudFormation's `{{resolve:service:reference}}`.
  private static func isResolved(_ value: String) -> Bool {
    value.hasPrefix("{{resolve:") && value.hasSuffix("}}")
  }

  /// `ssm:/path/name`, `secretsmanager:name`.
  private static func isStoreName(_ value: String) -> Bool {
    let prefixes = ["ssm:", "ssm-secure:", "secretsmanager:"]
    guard let prefix = prefixes.first(where: value.hasPrefix) else { return false }
    let name = value.dropFirst(prefix.count)
    return !name.isEmpty
      && name.allSatisfy { $0.isLetter || $0.isNumber || "/_.-:".contains($0) }
  }

  /// `https://host/path`, without anything that could carry a secret apart from the path.
  private static func isPlainURL(_ value: String) -> Bool {
    value.hasPrefix("https://") && value.utf8.count > 8
      && !value.contains { "@?#".contains($0) }
  }
}
