internal import JSONReader
public import Model

/// A node: what all its assertions say together.
///
/// It is a place in its graph: what it says is put together when it is asked for.
public struct GraphNode: Sendable {
  let storage: GraphStorage
  let number: UInt32

  public var id: String { storage.text(ofName: storage.nodeNames[Int(number)]) }

  public var kind: NodeKind { first?.kind ?? Self.anyone.kind }

  public var type: String { first.map { storage.types[Int($0.type)] } ?? Self.anyoneType }

  public var name: String { first.map { storage.strings[$0.label] } ?? Self.anyone.name }

  /// The scope of the first assertion.
  public var scope: String? {
    first.map { storage.collection(ofRecord: $0.record).scope }
  }

  /// The merged view.
  public var merged: Node {
    guard let first else { return Self.anyone }
    var node = node(first)
    for other in own.dropFirst() {
      node.state.merge(storage.members(other.state)) { first, _ in first }
      node.defines = Set(node.defines + defines(other)).sorted { $0.precedes($1) }
    }
    return node
  }

  /// One member of the merged view's state, without reading the others.
  public func state(_ member: String) -> JSON? {
    for assertion in own {
      if let value = storage.member(member, of: assertion.state) { return value }
    }
    return nil
  }

  /// What each record says, in merge order; empty for built-in nodes.
  var claims: [NodeClaim] { own.map { NodeClaim(storage: storage, assertion: $0) } }

  /// What one scope says; `nil` where it says nothing.
  func claim(in scope: String?) -> NodeClaim? {
    own.first { storage.collection(ofRecord: $0.record).scope == scope }
      .map { NodeClaim(storage: storage, assertion: $0) }
  }

  /// In merge order; empty for built-in nodes.
  public var assertions: [Asserted<Node>] {
    own.map { Asserted(node($0), storage.provenance($0.record)) }
  }

  /// Which records assert it, in merge order.
  public var provenance: [Provenance] { own.map { storage.provenance($0.record) } }

  /// What one scope says, or all together where it says nothing: an AWS-managed policy is asserted
  /// by every account that uses it, each with the version that it saw.
  public func view(in scope: String?) -> Node {
    claim(in: scope).map { node($0.assertion) } ?? merged
  }

  static let anyoneType = "sv0.anyone"

  private static let anyone = Node(
    id: anyoneNodeID, kind: .principalSet, type: anyoneType,
    name: "anyone, authenticated or not")

  private var own: ArraySlice<GraphStorage.NodeAssertion> {
    number == storage.anyone ? [] : storage.assertions(ofNode: number)
  }

  private var first: GraphStorage.NodeAssertion? { own.first }

  private func node(_ assertion: GraphStorage.NodeAssertion) -> Node {
    Node(
      id: id, kind: assertion.kind, type: storage.types[Int(assertion.type)],
      name: storage.strings[assertion.label], defines: defines(assertion),
      state: storage.members(assertion.state),
      observed: storage.members(assertion.observed).compactMapValues(\.string))
  }

  private func defines(_ assertion: GraphStorage.NodeAssertion) -> [String] {
    let range = assertion.defines..<(assertion.defines + assertion.defineCount)
    return range.map { storage.text(ofName: storage.defined[Int($0)]) }
  }
}

/// What one record says of a node; a place in its graph, as the node is.
struct NodeClaim: Sendable {
  let storage: GraphStorage
  let assertion: GraphStorage.NodeAssertion

  var kind: NodeKind { assertion.kind }

  var type: String { storage.types[Int(assertion.type)] }

  var name: String { storage.strings[assertion.label] }

  func state(_ member: String) -> JSON? { storage.member(member, of: assertion.state) }
}

/// An edge with its ends resolved through names; a place in its graph, as a node is.
public struct GraphEdge: Sendable {
  let storage: GraphStorage
  let number: UInt32

  public var kind: EdgeKind { EdgeKind.inOrder[Int(first.kind)] }

  /// As asserted.
  public var key: EdgeKey {
    let first = first
    return EdgeKey(
      kind: EdgeKind.inOrder[Int(first.kind)], from: storage.text(ofName: first.from),
      to: storage.text(ofName: first.to),
      discriminator: storage.text(ofName: first.discriminator))
  }

  /// Node ids, or the asserted name where no single node defines it.
  public var from: String { storage.text(ofName: storage.resolved(first.from)) }
  public var to: String { storage.text(ofName: storage.resolved(first.to)) }

  /// The nodes that it starts and ends at; `nil` where no single node is there.
  var source: GraphNode? { node(first.from) }
  var target: GraphNode? { node(first.to) }

  private func node(_ name: UInt32) -> GraphNode? {
    let node = storage.nodeOfName[Int(name)]
    return node == GraphStorage.none ? nil : GraphNode(storage: storage, number: node)
  }

  public var basis: Basis { first.basis }

  public var discriminator: String { storage.text(ofName: first.discriminator) }

  public var merged: Edge {
    let key = key
    var edge = Edge(
      key.kind, from: key.from, to: key.to, discriminator: key.discriminator, basis: first.basis)
    for assertion in storage.assertions(ofEdge: number) {
      edge.state.merge(storage.members(assertion.state)) { first, _ in first }
    }
    return edge
  }

  /// One member of the merged view's state, without reading the others.
  public func state(_ member: String) -> JSON? {
    for assertion in storage.assertions(ofEdge: number) {
      if let value = storage.member(member, of: assertion.state) { return value }
    }
    return nil
  }

  /// Which records assert it, in merge order.
  public var provenance: [Provenance] {
    storage.assertions(ofEdge: number).map { storage.provenance($0.record) }
  }

  private var first: GraphStorage.EdgeAssertion { storage.first(ofEdge: number) }
}

extension Graph {
  /// All nodes, in order of ids.
  public struct Nodes: RandomAccessCollection, Sendable {
    let storage: GraphStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.nodeCount }

    public subscript(position: Int) -> GraphNode {
      GraphNode(storage: storage, number: UInt32(position))
    }

    /// The node with an id; names that it defines are `node(named:)`'s.
    public subscript(id: String) -> GraphNode? {
      storage.node(id: id).map { GraphNode(storage: storage, number: $0) }
    }
  }

  /// All node ids, in order.
  public struct Order: RandomAccessCollection, Sendable {
    let storage: GraphStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.nodeCount }

    public subscript(position: Int) -> String {
      storage.text(ofName: storage.nodeNames[position])
    }
  }

  /// All edges, in order of keys.
  public struct Edges: RandomAccessCollection, Sendable {
    let storage: GraphStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.edgeCount }

    public subscript(position: Int) -> GraphEdge {
      GraphEdge(storage: storage, number: UInt32(position))
    }

    subscript(key: EdgeKey) -> GraphEdge? {
      guard let from = storage.name(key.from), let to = storage.name(key.to),
        let discriminator = storage.name(key.discriminator)
      else { return nil }
      return storage.edge(key.kind, from: from, to: to, discriminator: discriminator).map {
        GraphEdge(storage: storage, number: $0)
      }
    }
  }
}
