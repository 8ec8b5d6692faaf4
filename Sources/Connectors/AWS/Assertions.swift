internal import Extraction
internal import JSONReader
internal import Model

// What most kinds of record assert: one thing under its ARN, the role that it runs as, its policy.

extension AWSRecord {
  /// A thing under the ARN at `field`, with its account and region.
  func thing(
    _ kind: NodeKind, _ type: String, arn field: String, name: String? = nil,
    _ state: [String: JSON?] = [:]
  ) throws(JSONError) -> (id: String, assertions: Assertions) {
    let (id, parts) = try arn(field)
    return (id, Assertions(nodes: [node(kind, type, id, parts, name, state)]))
  }

  /// A thing whose object key is not what a field holds: it must be what `id` is made of.
  func thing(
    _ kind: NodeKind, _ type: String, id: String, name: String? = nil,
    _ state: [String: JSON?] = [:]
  ) throws(JSONError) -> (id: String, assertions: Assertions) {
    try check(id)
    guard let parts = ARNParts(id) else { throw root.mismatch("an ARN", "another text") }
    return (id, Assertions(nodes: [node(kind, type, id, parts, name, state)]))
  }

  /// - Throws: `.mismatch` unless the text is the object key.
  func check(_ text: String) throws(JSONError) {
    guard text == key else { throw root.mismatch("the object key of the header", "another name") }
  }

  private func node(
    _ kind: NodeKind, _ type: String, _ id: String, _ parts: ARNParts, _ name: String?,
    _ state: [String: JSON?]
  ) -> Node {
    var state = [String: JSON].present(state)
    state["account"] = .string(scope.account)
    if !parts.region.isEmpty { state["region"] = .string(String(parts.region)) }
    return Node(
      id: id, kind: kind, type: type, name: name ?? parts.name, defines: [id], state: state)
  }

  /// The ARN of something in this account.
  func local(_ service: String, _ region: some StringProtocol, _ resource: String) -> String {
    "arn:aws:\(service):\(region):\(scope.account):\(resource)"
  }
}

extension Assertions {
  /// Adds an edge, unless there is nothing at its other end.
  mutating func link(
    _ kind: EdgeKind, _ from: String?, _ to: String?, _ discriminator: String = "",
    _ state: [String: JSON?] = [:]
  ) {
    guard let from, let to, !from.isEmpty, !to.isEmpty else { return }
    edges.append(
      Edge(kind, from: from, to: to, discriminator: discriminator, state: .present(state)))
  }

  /// Adds the resource policy at `field`, which governs the thing; nothing where there is none.
  mutating func govern(
    _ id: String, _ type: String, _ view: JSONView, _ field: String, suffix: String = "policy"
  ) throws(JSONError) {
    guard let value = try view.optionalValue(at: field), !(value.string?.isEmpty ?? false) else {
      return
    }
    let policy = "\(id)#\(suffix)"
    add(
      policy: policy, type: type, name: "policy of \(ARNParts(id)?.name ?? id)",
      document: try view.policyDocument(field))
    edges.append(Edge(.governs, from: policy, to: id))
  }
}

extension AWSNormalizer {
  /// A record that is nothing but the resource policy of a thing: its ARN is the object key.
  static func resourcePolicy(
    _ type: String, of arn: String, _ field: String
  ) -> AWSNormalizer.Kind {
    { record throws(JSONError) in
      let id = try record.identifier(record.root.value(at: arn))
      var assertions = Assertions()
      try assertions.govern(id, type, record.root, field)
      return assertions
    }
  }
}

extension JSONView {
  /// Texts of a list, at a member of each element where one is named.
  func texts(_ field: String, _ member: String? = nil) throws(JSONError) -> [String] {
    var texts: [String] = []
    for element in try list(field) {
      guard let member else {
        texts.append(try element.string())
        continue
      }
      if let text = try element.text(member) { texts.append(text) }
    }
    return texts
  }

  /// A set of texts; `nil` where it is empty.
  func set(_ field: String, _ member: String? = nil) throws(JSONError) -> JSON? {
    let texts = try texts(field, member)
    return texts.isEmpty ? nil : .set(Array(Set(texts)))
  }

  func flag(_ field: String) throws(JSONError) -> JSON? {
    try optionalBool(at: field, lenient: true).map { .bool($0) }
  }

  func number(_ field: String) throws(JSONError) -> JSON? {
    try optionalInt64(at: field, lenient: true).map { .integer($0) }
  }

  /// The member, or `nil` where it is absent, null or blank.
  func inner(_ field: String) throws(JSONError) -> JSONView? {
    guard let value = try optionalValue(at: field), value.kind == .object else { return nil }
    return value
  }

  /// Tags as a list of `Key` and `Value` in any case, or as an object; `nil` where there are none.
  func anyTags(_ field: String) throws(JSONError) -> JSON? {
    guard let view = try optionalValue(at: field), !view.isBlank else { return nil }
    var tags: [String: String] = [:]
    if let members = view.members {
      for tag in members { tags[tag.key] = try tag.value.string() }
    } else {
      for tag in try list(field) {
        let isLower = tag["key"] != nil
        let key = try tag.name(isLower ? "key" : "Key")
        tags[key] = try tag.text(isLower ? "value" : "Value") ?? ""
      }
    }
    return tags.isEmpty ? nil : .texts(tags)
  }

  private var isBlank: Bool { string?.isEmpty ?? false }
}

/// A function's ARN without the version or alias that it may carry.
///
/// Source: Lambda Developer Guide, "Lambda resources": `arn:aws:lambda:R:A:function:NAME:QUALIFIER`.
func unqualified(_ arn: String) -> String {
  let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
  guard parts.count == 8, parts[2] == "lambda", parts[5] == "function" else { return arn }
  return parts.dropLast().joined(separator: ":")
}

/// `https-host:api.example.com` for an address; `nil` where it has no host.
func hostName(_ address: String) -> String? {
  guard let scheme = address.firstRange(of: "://") else { return nil }
  let authority = address[scheme.upperBound...].prefix { !"/?#".contains($0) }
  let host = authority.split(separator: "@").last?.prefix { $0 != ":" } ?? ""
  return host.isEmpty ? nil : "https-host:\(host.lowercased())"
}
