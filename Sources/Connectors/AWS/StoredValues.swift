internal import Extraction
internal import JSONReader
internal import Model

/// The settings of an automation that may hold secrets, by the shapes of their values.
struct StoredValues {
  /// Every setting that is not empty and no reference.
  private(set) var names: Set<String> = []
  /// Of these, what has the form of a credential.
  private(set) var secrets: Set<String> = []
  /// Of these, ids of access keys, and the settings that hold them.
  private(set) var keys: [String: Set<String>] = [:]

  mutating func add(_ name: String, _ shape: Redaction.Shape) {
    switch shape {
    case .empty, .reference: return
    case .opaque: break
    case .secret: secrets.insert(name)
    case .accessKey(let id): keys[id, default: []].insert(name)
    }
    names.insert(name)
  }

  mutating func formUnion(_ other: StoredValues) {
    names.formUnion(other.names)
    secrets.formUnion(other.secrets)
    keys.merge(other.keys) { $0.union($1) }
  }
}

extension Assertions {
  /// Adds what an automation stores, under an id of its own, by the names of the settings; an access
  /// key under its own id, so that what it opens is known.
  ///
  /// - Parameter credential: the id; by default that of the automation with `#environment`.
  mutating func store(
    _ values: StoredValues, in id: String, _ type: String, as credential: String? = nil,
    name: String? = nil
  ) {
    guard !values.names.isEmpty else { return }
    let credential = credential ?? id + "#environment"
    nodes.append(
      Node(
        id: credential, kind: .credential, type: type,
        name: name ?? "environment of \(ARNParts(id)?.name ?? id)"))
    link(
      .stores, id, credential, "",
      [
        "names": .set(Array(values.names)),
        "secrets": values.secrets.isEmpty ? nil : .set(Array(values.secrets)),
      ])
    for (key, names) in values.keys {
      link(.stores, id, "aws:access-key:\(key)", "", ["names": .set(Array(names))])
    }
  }
}

extension JSONView {
  /// The values of an environment map, by their shapes.
  ///
  /// - Throws: `.mismatch` where there is a value instead of a shape.
  func storedMembers(_ field: String) throws(JSONError) -> StoredValues {
    var values = StoredValues()
    for member in try optionalObject(at: field).map(Array.init) ?? [] {
      values.add(member.key, try member.value.shape())
    }
    return values
  }

  /// The values of a list of `{name, value}`, by their shapes.
  ///
  /// - Throws: as `storedMembers` does.
  func storedElements(_ field: String) throws(JSONError) -> StoredValues {
    var values = StoredValues()
    for element in try list(field) {
      guard let shape = try element.optionalValue(at: "value") else { continue }
      values.add(try element.name("name"), try shape.shape())
    }
    return values
  }

  /// The extractor's shape of a value. Anything else is a value that should never have left it.
  func shape() throws(JSONError) -> Redaction.Shape {
    guard let shape = string.flatMap(Redaction.Shape.init) else {
      throw mismatch("the shape of a value", "another value")
    }
    return shape
  }
}
