public import Extraction
internal import JSONReader
internal import Model

/// What the records of an AWS account say about the graph.
///
/// Invariants:
/// 1. Pure: the same record gives the same bytes, whatever the order of its lists. Sets are sorted
///    by their UTF-8 bytes, times are RFC 3339 in UTC, `observed` holds days.
/// 2. A record asserts nothing but what is keyed under its own object: its identifier must be the
///    object key of its header.
/// 3. Nothing is read as empty that is not: a policy document that cannot be read, a list of
///    another kind, an environment value that is no shape throw, with the path and no value.
/// 4. An absent list is an empty one, as is `""`, which is how AWS's XML writes it.
///
/// To add a kind: a function of 20 to 40 lines in the service's file in `Services/`, named by its
/// `AWSKind`, and fixtures in `Tests/AWSConnectorTests/Golden`.
public struct AWSNormalizer: Normalizer {
  typealias Kind = @Sendable (AWSRecord) throws(JSONError) -> Assertions

  /// By the name of the collection, without the region.
  static let kinds = Dictionary(
    uniqueKeysWithValues: AWSUnit.all.flatMap { unit in
      unit.kinds.map { ($0.kind.name, $0.kind.normalize) }
    })

  public init() {}

  /// - Throws: `JSONError`, or `UnknownCollection`.
  public func assertions(of record: RawRecord) throws -> Assertions {
    let name = record.collection.prefix { $0 != "@" }
    guard let kind = Self.kinds[String(name)] else { throw UnknownCollection() }
    let root = try JSONDocument(parsing: record.bytes).root
    let assertions = try kind(AWSRecord(scope: record.scope, key: record.key, root: root))
    return try assertions.inOrder()
  }
}

/// A record of a collection that this version has no function for: the extractor is newer.
struct UnknownCollection: Error, CustomStringConvertible {
  var description: String {
    "the collection is unknown to this version; upgrade the transformer, then replay"
  }
}

/// A parsed record and what its header says about it.
struct AWSRecord {
  let scope: Scope
  /// The object key of the header.
  let key: String
  let root: JSONView

  /// The text at `view`, which must be the object key.
  func identifier(_ view: JSONView) throws(JSONError) -> String {
    guard try view.string() == key else {
      throw view.mismatch("the object key of the header", "another name")
    }
    return key
  }
}

extension Assertions {
  /// Adds a policy and its document.
  mutating func add(
    policy id: String, type: String, name: String, document: PolicyDocument,
    defines: [String] = [], state: [String: JSON] = [:]
  ) {
    var state = state
    state["document"] = .string(document.digest)
    nodes.append(
      Node(id: id, kind: .policy, type: type, name: name, defines: defines, state: state))
    documents.append(document)
  }

  /// The same in the one order that does not depend on the record's, each assertion once.
  ///
  /// - Throws: `.mismatch` where two of them contradict each other.
  fileprivate func inOrder() throws(JSONError) -> Assertions {
    Assertions(
      nodes: try distinct(nodes, by: \.id) { $0.id.precedes($1.id) },
      edges: try distinct(edges, by: \.key) { $0.key.precedes($1.key) },
      documents: try distinct(documents, by: \.digest) { $0.digest.precedes($1.digest) },
      activity: try distinct(activity, by: \.self) { $0.precedes($1) }, isRemoval: isRemoval)
  }
}

private func distinct<Element: Hashable, Key: Hashable>(
  _ elements: [Element], by key: KeyPath<Element, Key>, order: (Element, Element) -> Bool
) throws(JSONError) -> [Element] {
  guard elements.count > 1 else { return elements }
  var seen: [Key: Element] = [:]
  var kept: [Element] = []
  for element in elements.sorted(by: order) {
    guard let earlier = seen[element[keyPath: key]] else {
      seen[element[keyPath: key]] = element
      kept.append(element)
      continue
    }
    guard earlier == element else {
      throw .mismatch(path: "$", expected: "one thing under each name", found: "two that differ")
    }
  }
  return kept
}

extension Activity {
  fileprivate func precedes(_ other: Activity) -> Bool {
    if subject != other.subject { return subject.precedes(other.subject) }
    if action != other.action { return action.precedes(other.action) }
    if target != other.target { return target.precedes(other.target) }
    return at < other.at
  }
}

extension EdgeKey {
  fileprivate func precedes(_ other: EdgeKey) -> Bool {
    if kind != other.kind { return kind.rawValue.precedes(other.kind.rawValue) }
    if from != other.from { return from.precedes(other.from) }
    if to != other.to { return to.precedes(other.to) }
    return discriminator.precedes(other.discriminator)
  }
}
