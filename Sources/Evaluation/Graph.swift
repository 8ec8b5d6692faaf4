// Invariants:
// 1. A graph is a value: the same assertions, in whatever order they come, make the same graph.
// 2. Assertions of a node are merged in order of (scope, collection, object): of members that
//    differ, the first counts. All of them stay readable, with their receipts.
// 3. A name resolves only if exactly one node defines it; two definers are a conflict that is
//    shown.
// 4. Order is by UTF-8 bytes everywhere: nothing depends on hashing, locale or a database's
//    collation.

public import Model

/// Which record asserts something.
public struct Provenance: Sendable, Hashable {
  public var collection: CollectionKey
  public var object: String
  public var sha256: String
  public var run: String
  public var call: Int64

  public init(collection: CollectionKey, object: String, sha256: String, run: String, call: Int64) {
    self.collection = collection
    self.object = object
    self.sha256 = sha256
    self.run = run
    self.call = call
  }

  func precedes(_ other: Provenance) -> Bool {
    for (left, right) in [
      (collection.scope, other.collection.scope),
      (collection.collection, other.collection.collection), (object, other.object),
    ] where left != right { return left.precedes(right) }
    return sha256.precedes(other.sha256)
  }
}

/// Something asserted, and by which record.
public struct Asserted<Value: Sendable & Hashable>: Sendable, Hashable {
  public var value: Value
  public var provenance: Provenance

  public init(_ value: Value, _ provenance: Provenance) {
    self.value = value
    self.provenance = provenance
  }
}

/// When something was last used, as one collection of a scope tells it.
public struct LastUse: Sendable, Hashable {
  /// A node id, or a name that a node defines.
  public var subject: String
  public var collection: CollectionKey
  /// The UTC day: `2026-11-20`.
  public var day: String

  public init(subject: String, collection: CollectionKey, day: String) {
    self.subject = subject
    self.collection = collection
    self.day = day
  }
}

/// How a collection of a scope stands.
public struct CollectionStatus: Sendable, Hashable {
  public var outcome: Outcome
  public var epoch: Int64
  /// When it last ended, and when it last ended complete.
  public var at: Timestamp
  public var completedAt: Timestamp?
  public var missing: [String]
  /// The run that its records were last applied from.
  public var appliedRun: String?

  public init(
    outcome: Outcome, epoch: Int64, at: Timestamp, completedAt: Timestamp?, missing: [String] = [],
    appliedRun: String? = nil
  ) {
    self.outcome = outcome
    self.epoch = epoch
    self.at = at
    self.completedAt = completedAt
    self.missing = missing
    self.appliedRun = appliedRun
  }
}

/// A node: what all its assertions say together.
public struct GraphNode: Sendable, Hashable {
  /// The merged view.
  public let merged: Node
  /// In merge order; empty for built-in nodes.
  public let assertions: [Asserted<Node>]

  public var id: String { merged.id }
  public var type: String { merged.type }
  public var name: String { merged.name }
  /// The scope of the first assertion.
  public var scope: String? { assertions.first?.provenance.collection.scope }

  /// What one scope says, or all together where it says nothing: an AWS-managed policy is asserted
  /// by every account that uses it, each with the version that it saw.
  public func view(in scope: String?) -> Node {
    assertions.first { $0.provenance.collection.scope == scope }?.value ?? merged
  }
}

/// An edge with its ends resolved through names.
public struct GraphEdge: Sendable, Hashable {
  /// As asserted.
  public let key: EdgeKey
  /// Node ids, or the asserted name where no single node defines it.
  public let from: String
  public let to: String
  public let merged: Edge
  public let provenance: [Provenance]
}

/// A tenant's open assertions at one version.
public struct Graph: Sendable {
  /// One list of requests as it was stored: what a receipt's call number points into.
  public struct CallList: Sendable, Hashable {
    public var run: String
    public var collection: String

    public init(run: String, collection: String) {
      self.run = run
      self.collection = collection
    }
  }

  public let tenant: String
  public let version: Int64
  public let nodes: [String: GraphNode]
  /// Sorted by key.
  public let edges: [GraphEdge]
  /// Policy documents as canonical JSON, by digest.
  public let documents: [String: [UInt8]]
  public let collections: [CollectionKey: CollectionStatus]
  /// JSON arrays of requests.
  public let calls: [CallList: [UInt8]]
  /// Names with more than one definer, and who they are.
  public let conflicts: [String: [String]]
  /// Collections of which at least one assertion is open.
  public let populated: Set<CollectionKey>
  /// Node ids in order.
  public let order: [String]

  private let requests = RequestBook()
  let names: [String: String]
  private let types: [String: [String]]
  private let outgoing: [String: [Int]]
  private let incoming: [String: [Int]]
  private let uses: [String: [LastUse]]

  public init(
    tenant: String, version: Int64, nodes: [Asserted<Node>], edges: [Asserted<Edge>],
    documents: [String: [UInt8]] = [:], collections: [CollectionKey: CollectionStatus] = [:],
    calls: [CallList: [UInt8]] = [:], uses: [LastUse] = []
  ) {
    self.tenant = tenant
    self.version = version
    self.documents = documents
    self.collections = collections
    self.calls = calls
    populated = Set(nodes.map(\.provenance.collection)).union(edges.map(\.provenance.collection))
    var merged = Dictionary(grouping: nodes) { $0.value.id }.mapValues(GraphNode.init(merging:))
    merged[anyoneNodeID] = .anyone
    self.nodes = merged
    order = merged.keys.sorted { $0.precedes($1) }
    types = Dictionary(grouping: order) { merged[$0]?.type ?? "" }
    var definers: [String: Set<String>] = [:]
    for asserted in nodes {
      for name in asserted.value.defines { definers[name, default: []].insert(asserted.value.id) }
    }
    names = definers.compactMapValues { $0.count == 1 ? $0.first : nil }
    conflicts = definers.compactMapValues { ids in
      ids.count > 1 ? ids.sorted { $0.precedes($1) } : nil
    }
    let resolve = { [names] (name: String) in merged[name] == nil ? names[name] ?? name : name }
    self.edges = Dictionary(grouping: edges) { $0.value.key }
      .map { GraphEdge(merging: $0.value, key: $0.key, resolve: resolve) }
      .sorted { $0.key.precedes($1.key) }
    outgoing = Dictionary(grouping: self.edges.indices) { [edges = self.edges] in edges[$0].from }
    incoming = Dictionary(grouping: self.edges.indices) { [edges = self.edges] in edges[$0].to }
    self.uses = Dictionary(grouping: uses) { resolve($0.subject) }
  }

  /// Edges that leave a node, in order.
  public func edges(_ kind: EdgeKind, from id: String) -> [GraphEdge] {
    (outgoing[id] ?? []).map { edges[$0] }.filter { $0.key.kind == kind }
  }

  /// Edges that arrive at a node, in order.
  public func edges(_ kind: EdgeKind, to id: String) -> [GraphEdge] {
    (incoming[id] ?? []).map { edges[$0] }.filter { $0.key.kind == kind }
  }

  /// Nodes of a platform's type, in order of their ids.
  public func nodes(ofType type: String) -> [GraphNode] {
    (types[type] ?? []).compactMap { nodes[$0] }
  }

  /// The latest day on which something was used, and who tells it; of several, the first in order
  /// of collections. `nil` where nobody tells of any use.
  func lastUse(of id: String) -> LastUse? {
    uses[id]?.min { left, right in
      left.day == right.day
        ? left.collection.precedes(right.collection) : right.day.precedes(left.day)
    }
  }

  /// The node that a name stands for: an id, or a name that exactly one node defines.
  public func node(named name: String) -> GraphNode? {
    nodes[name] ?? names[name].flatMap { nodes[$0] }
  }

  /// The request behind a call number, if it is on record.
  func request(_ number: Int64, run: String, collection: String) -> RequestBook.Request? {
    requests.list(CallList(run: run, collection: collection), in: calls)[number]
  }

  /// The highest call number of a list.
  func lastRequest(run: String, collection: String) -> Int64? {
    requests.list(CallList(run: run, collection: collection), in: calls).keys.max()
  }
}

extension GraphNode {
  static let anyone = GraphNode(
    merged: Node(
      id: anyoneNodeID, kind: .principalSet, type: "sv0.anyone",
      name: "anyone, authenticated or not"),
    assertions: [])

  fileprivate init(merging assertions: [Asserted<Node>]) {
    let ordered = assertions.sorted { $0.provenance.precedes($1.provenance) }
    var node = ordered[0].value
    for other in ordered.dropFirst() {
      node.state.merge(other.value.state) { first, _ in first }
      node.defines = Set(node.defines + other.value.defines).sorted { $0.precedes($1) }
    }
    self.init(merged: node, assertions: ordered)
  }
}

extension GraphEdge {
  fileprivate init(merging assertions: [Asserted<Edge>], key: EdgeKey, resolve: (String) -> String)
  {
    let ordered = assertions.sorted { $0.provenance.precedes($1.provenance) }
    var edge = ordered[0].value
    for other in ordered.dropFirst() {
      edge.state.merge(other.value.state) { first, _ in first }
    }
    self.init(
      key: key, from: resolve(key.from), to: resolve(key.to), merged: edge,
      provenance: ordered.map(\.provenance))
  }
}

extension EdgeKey {
  func precedes(_ other: EdgeKey) -> Bool {
    for (left, right) in [
      (kind.rawValue, other.kind.rawValue), (from, other.from), (to, other.to),
    ] where left != right { return left.precedes(right) }
    return discriminator.precedes(other.discriminator)
  }
}
