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
  /// Policy documents as canonical JSON, by digest.
  public let documents: [String: [UInt8]]
  public let collections: [CollectionKey: CollectionStatus]
  /// JSON arrays of requests.
  public let calls: [CallList: [UInt8]]
  /// Collections of which at least one assertion is open.
  public let populated: Set<CollectionKey>

  private let requests = RequestBook()
  let storage: GraphStorage
  private var uses: [String: [LastUse]] = [:]

  public init(
    tenant: String, version: Int64, nodes: [Asserted<Node>], edges: [Asserted<Edge>],
    documents: [String: [UInt8]] = [:], collections: [CollectionKey: CollectionStatus] = [:],
    calls: [CallList: [UInt8]] = [:], uses: [LastUse] = []
  ) {
    var builder = GraphBuilder()
    for node in nodes { builder.add(node) }
    for edge in edges { builder.add(edge) }
    self.init(
      tenant: tenant, version: version, builder.finish(), documents: documents,
      collections: collections, calls: calls, uses: uses)
  }

  init(
    tenant: String, version: Int64, _ storage: GraphStorage, documents: [String: [UInt8]],
    collections: [CollectionKey: CollectionStatus], calls: [CallList: [UInt8]],
    uses: [LastUse] = []
  ) {
    self.tenant = tenant
    self.version = version
    self.documents = documents
    self.collections = collections
    self.calls = calls
    self.storage = storage
    populated = Set(storage.collections)
    self.uses = Dictionary(grouping: uses) { node(named: $0.subject)?.id ?? $0.subject }
  }

  /// In order of ids.
  public var nodes: Nodes { Nodes(storage: storage) }

  /// Node ids in order.
  public var order: Order { Order(storage: storage) }

  /// Sorted by key.
  public var edges: Edges { Edges(storage: storage) }

  /// Edges that leave a node, in order.
  public func edges(_ kind: EdgeKind, from id: String) -> [GraphEdge] {
    edges(kind, in: storage.outgoing, of: id)
  }

  /// Edges that arrive at a node, in order.
  public func edges(_ kind: EdgeKind, to id: String) -> [GraphEdge] {
    edges(kind, in: storage.incoming, of: id)
  }

  /// The same of a node that is at hand.
  func edges(_ kind: EdgeKind, from node: GraphNode) -> [GraphEdge] {
    edges(kind, in: storage.outgoing, of: storage.nodeNames[Int(node.number)])
  }

  func edges(_ kind: EdgeKind, to node: GraphNode) -> [GraphEdge] {
    edges(kind, in: storage.incoming, of: storage.nodeNames[Int(node.number)])
  }

  private func edges(
    _ kind: EdgeKind, in adjacency: GraphStorage.Adjacency, of name: UInt32
  ) -> [GraphEdge] {
    storage.edges(kind, in: adjacency, of: name).map { GraphEdge(storage: storage, number: $0) }
  }

  private func edges(
    _ kind: EdgeKind, in adjacency: GraphStorage.Adjacency, of id: String
  ) -> [GraphEdge] {
    storage.name(id).map { edges(kind, in: adjacency, of: $0) } ?? []
  }

  /// Nodes of a platform's type, in order of their ids.
  public func nodes(ofType type: String) -> [GraphNode] {
    (storage.nodesOfType[type] ?? []).map { GraphNode(storage: storage, number: $0) }
  }

  /// The latest day on which something was used, and who tells it; of several, the first in order
  /// of collections. `nil` where nobody tells of any use.
  func lastUse(of id: String) -> LastUse? {
    uses[id]?.min { left, right in
      left.day == right.day
        ? left.collection.precedes(right.collection) : right.day.precedes(left.day)
    }
  }

  /// Nodes of which a record says that they are of a kind, in order of their ids.
  public func nodes(ofKind kind: NodeKind) -> [GraphNode] {
    (storage.nodesOfKind[kind] ?? []).map { GraphNode(storage: storage, number: $0) }
  }

  /// The node that a name stands for: an id, or a name that exactly one node defines.
  public func node(named name: String) -> GraphNode? {
    guard let name = storage.name(name) else { return nil }
    let node = storage.nodeOfName[Int(name)]
    return node == GraphStorage.none ? nil : GraphNode(storage: storage, number: node)
  }

  /// Every id and every name that stands for one, with the id.
  var names: [String: String] {
    var names: [String: String] = [:]
    for (name, node) in storage.nodeOfName.enumerated() where node != GraphStorage.none {
      names[storage.text(ofName: UInt32(name))] =
        storage.text(ofName: storage.nodeNames[Int(node)])
    }
    return names
  }

  /// Names with more than one definer, and who they are.
  public var conflicts: [String: [String]] {
    Dictionary(
      uniqueKeysWithValues: storage.conflicts.map { name, definers in
        (storage.text(ofName: name), definers.sorted().map { storage.text(ofName: $0) })
      })
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

extension EdgeKey {
  func precedes(_ other: EdgeKey) -> Bool {
    for (left, right) in [
      (kind.rawValue, other.kind.rawValue), (from, other.from), (to, other.to),
    ] where left != right { return left.precedes(right) }
    return discriminator.precedes(other.discriminator)
  }
}
