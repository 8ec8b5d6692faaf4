internal import JSONReader
internal import Model

/// What is left out of an item before it is published.
struct Redaction: Sendable {
  /// For the catalog, and for a person.
  var note: String
  /// The bytes to publish.
  var published: @Sendable (JSONView) throws -> [UInt8]

  /// Replaces what is at the given paths, through lists on the way (`a.b.c`), and keeps the bytes
  /// of everything else. Of a name that occurs twice no value slips through.
  ///
  /// - Parameters:
  ///   - shapes: texts become their shape; of an object or list each value does.
  ///   - removed: become `null`.
  ///   - definitions: JSON, also inside a text, of which only what names a thing stays.
  ///   - hosts: addresses, or lists of them, of which the scheme and the host stay; ARNs stay whole.
  init(
    _ note: String, shapes: [String] = [], removed: [String] = [], definitions: [String] = [],
    hosts: [String] = []
  ) {
    let parts = { @Sendable (path: String) in path.split(separator: ".").map(String.init) }
    let edits =
      shapes.map { (parts($0), { @Sendable in Self.shapes($0) }) }
      + removed.map { (parts($0), { @Sendable (_: JSONView) in JSON.null }) }
      + definitions.map { (parts($0), { @Sendable in Definition.reduced($0) }) }
      + hosts.map { (parts($0), { @Sendable in Self.host($0) }) }
    self.init(note: note) { item in
      var found: [(range: Range<Int>, bytes: [UInt8])] = []
      for (path, replacement) in edits {
        Self.find(path[...], in: item) { found.append(($0.range, replacement($0).bytes)) }
      }
      return Self.spliced(item, found)
    }
  }

  init(note: String, published: @escaping @Sendable (JSONView) throws -> [UInt8]) {
    self.note = note
    self.published = published
  }

  /// The shape of a value: all that is published of it.
  enum Shape: RawRepresentable, Equatable {
    /// Anything that is none of the others.
    case opaque
    case empty, reference
    /// It has the form of a credential.
    case secret
    /// The id of an access key, which is no secret.
    case accessKey(String)

    init?(rawValue: String) {
      switch rawValue {
      case "empty": self = .empty
      case "reference": self = .reference
      case "opaque": self = .opaque
      case "secret": self = .secret
      default:
        let id = rawValue.trimmingPrefix("access-key:")
        guard rawValue.hasPrefix("access-key:"), CredentialForm.isAccessKeyID(id) else {
          return nil
        }
        self = .accessKey(String(id))
      }
    }

    var rawValue: String {
      switch self {
      case .empty: "empty"
      case .reference: "reference"
      case .opaque: "opaque"
      case .secret: "secret"
      case .accessKey(let id): "access-key:\(id)"
      }
    }
  }

  /// A function's configuration, as `shapes` does it, but without what is no environment.
  static let environment = Redaction(
    note: "values of environment variables: replaced by their shape; ids of access keys stay",
    published: { Self.environmentByShape($0) })

  /// A function's configuration with each environment value replaced by its shape.
  static func environmentByShape(_ function: JSONView) -> [UInt8] {
    var edits: [(range: Range<Int>, bytes: [UInt8])] = []
    for environment in function.members.map(Array.init) ?? [] where environment.key == "Environment"
    {
      guard !environment.value.isNull else { continue }
      let parts = environment.value.members.map(Array.init)
      for part in parts ?? [] where part.key == "Variables" {
        let shapes = part.value.members == nil ? JSON.null : shapes(part.value)
        edits.append((part.value.range, shapes.bytes))
      }
      // No object: nobody knows what it holds.
      if parts == nil { edits.append((environment.value.range, JSON.null.bytes)) }
    }
    return spliced(function, edits)
  }

  private static func find(
    _ path: ArraySlice<String>, in view: JSONView, _ body: (JSONView) -> Void
  ) {
    if let elements = view.elements, !path.isEmpty {
      for element in elements { find(path, in: element, body) }
      return
    }
    guard let name = path.first else { return body(view) }
    for member in view.members.map(Array.init) ?? [] where member.key == name {
      find(path.dropFirst(), in: member.value, body)
    }
  }

  private static func spliced(
    _ view: JSONView, _ edits: [(range: Range<Int>, bytes: [UInt8])]
  ) -> [UInt8] {
    var output: [UInt8] = []
    let bytes = view.document.bytes
    var copied = view.range.lowerBound
    for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound })
    where edit.range.lowerBound >= copied {
      output += bytes[copied..<edit.range.lowerBound] + edit.bytes
      copied = edit.range.upperBound
    }
    return output + bytes[copied..<view.range.upperBound]
  }

  private static func shapes(_ view: JSONView) -> JSON {
    if view.isNull { return .null }
    if let members = view.members {
      var shapes: [String: JSON] = [:]
      for member in members { shapes[member.key] = one(member.value) }
      return .object(shapes)
    }
    return view.elements.map { .array($0.map(one)) } ?? one(view)
  }

  private static func host(_ view: JSONView) -> JSON {
    if let elements = view.elements { return .array(elements.map(host)) }
    if let text = view.string, isARN(text) { return .string(text) }
    guard let host = view.string.flatMap(hostName) else { return shapes(view) }
    return .string("https://" + host.dropFirst("https-host:".count))
  }

  private static func one(_ view: JSONView) -> JSON {
    .string((view.string.map(shape(of:)) ?? .opaque).rawValue)
  }

  /// `reference` only where the whole value has the form of one; in doubt it is `opaque`, which may
  /// be a secret too.
  static func shape(of value: String) -> Shape {
    if value.isEmpty { return .empty }
    if CredentialForm.isAccessKeyID(value) { return .accessKey(value) }
    if CredentialForm.isSecret(value) { return .secret }
    let isPlain = value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard isPlain else { return .opaque }
    let isReference =
      isARN(value) || isResolved(value) || isStoreName(value) || isPlainURL(value)
    return isReference ? .reference : .opaque
  }

  /// `arn:partition:service:region:account:resource`.
  static func isARN(_ value: String) -> Bool {
    let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    return parts.count == 6 && parts[0] == "arn" && parts[1].hasPrefix("aws") && !parts[2].isEmpty
      && !parts[5].isEmpty && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
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
