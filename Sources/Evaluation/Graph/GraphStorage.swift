internal import JSONReader
internal import Model

/// A graph as it lies in memory: numbers in arrays, text once, state as the bytes that came.
///
/// - A *name* is whatever an edge may end at: a node's id, a name that nodes define, or one that
///   nothing defines. Names are numbered in order of their UTF-8 bytes, and so are nodes and
///   edges: to compare numbers is to compare texts.
/// - Nodes and edges are runs of assertions in merge order; what they say together is put together
///   when somebody asks.
final class GraphStorage: Sendable {
  /// No node, or no name.
  static let none = UInt32.max

  /// One record, as all that it asserts cites it.
  struct Record: Hashable {
    var collection: UInt32
    /// Texts.
    var object: UInt32
    var sha256: UInt32
    var run: UInt32
    var call: Int64

    func provenance(_ collections: [CollectionKey], _ strings: StringTable) -> Provenance {
      Provenance(
        collection: collections[Int(collection)], object: strings[object],
        sha256: strings[sha256], run: strings[run], call: call)
    }
  }

  struct NodeAssertion {
    var record: UInt32
    /// A name.
    var id: UInt32
    var type: UInt32
    /// Texts.
    var label: UInt32
    var state: UInt32
    var observed: UInt32
    /// A range of `defined`.
    var defines: UInt32
    var defineCount: UInt32
    var kind: NodeKind
  }

  struct EdgeAssertion {
    var record: UInt32
    /// Names.
    var from: UInt32
    var to: UInt32
    var discriminator: UInt32
    /// A text.
    var state: UInt32
    /// Its place in `EdgeKind.inOrder`.
    var kind: UInt8
    var basis: Basis
  }

  let strings: StringTable
  /// How many texts there were when everything was read: the rest came with revisions, which leave
  /// behind what is closed.
  let readTextCount: Int
  let records: [Record]
  let collections: [CollectionKey]
  let types: [String]

  /// The text of each name.
  let names: [UInt32]
  /// The name of each text; `none` for those that name nothing.
  let nameOfText: [UInt32]
  /// The node that each name stands for, whether it is its id or only defined by it.
  let nodeOfName: [UInt32]
  /// Names that several nodes define, and those nodes' ids.
  let conflicts: [UInt32: Set<UInt32>]

  /// In order of nodes, and of each in merge order.
  let nodeAssertions: [NodeAssertion]
  /// Where each node's assertions begin; one more than there are nodes.
  let nodeStarts: [UInt32]
  /// The id of each node, a name.
  let nodeNames: [UInt32]
  /// The built-in node; what is asserted about it says nothing.
  let anyone: UInt32
  /// Names that assertions define.
  let defined: [UInt32]
  /// Nodes by type.
  let nodesOfType: [String: [UInt32]]
  let nodesOfKind: [NodeKind: [UInt32]]

  /// In order of edges, and of each in merge order.
  let edgeAssertions: [EdgeAssertion]
  /// Where each edge's assertions begin; one more than there are edges.
  let edgeStarts: [UInt32]
  /// Edges that leave and arrive, by the name that their end resolves to.
  let outgoing: Adjacency
  let incoming: Adjacency

  /// Edges by one of their ends: those of name `n` are `edges[starts[n]..<starts[n + 1]]`.
  struct Adjacency {
    private(set) var starts: [UInt32]
    private(set) var edges: [UInt32]

    /// - Parameter end: the end of an edge, below `nameCount`.
    init(_ edges: [UInt32], nameCount: Int, by end: (UInt32) -> UInt32) {
      // Counting sort: stable, and as long as there are edges and names.
      var next = [UInt32](repeating: 0, count: nameCount + 1)
      for edge in edges { next[Int(end(edge)) + 1] += 1 }
      for name in 0..<nameCount { next[name + 1] += next[name] }
      starts = next
      self.edges = [UInt32](repeating: 0, count: edges.count)
      for edge in edges {
        let name = Int(end(edge))
        self.edges[Int(next[name])] = edge
        next[name] += 1
      }
    }

    subscript(name: UInt32) -> ArraySlice<UInt32> {
      edges[Int(starts[Int(name)])..<Int(starts[Int(name) + 1])]
    }
  }

  init(
    _ builder: GraphBuilder, _ names: GraphBuilder.Names, _ nodes: GraphBuilder.Nodes,
    _ definers: GraphBuilder.Definers, _ edges: GraphBuilder.Edges
  ) {
    strings = builder.strings
    readTextCount = builder.readTextCount ?? strings.count
    records = builder.records
    collections = builder.collections
    types = builder.types
    self.names = names.texts
    nameOfText = names.ofText
    nodeOfName = definers.nodeOfName
    conflicts = definers.conflicts
    nodeAssertions = nodes.assertions
    nodeStarts = nodes.starts
    nodeNames = nodes.names
    anyone = nodes.anyone
    nodesOfType = nodes.ofType
    nodesOfKind = nodes.ofKind
    defined = builder.defined
    edgeAssertions = edges.assertions
    edgeStarts = edges.starts
    outgoing = edges.outgoing
    incoming = edges.incoming
  }

  var nodeCount: Int { nodeNames.count }
  var edgeCount: Int { edgeStarts.count - 1 }

  func text(ofName name: UInt32) -> String { strings[names[Int(name)]] }

  /// The name of a text; `nil` for one that is none.
  func name(_ text: String) -> UInt32? {
    guard let number = strings.find(text) else { return nil }
    let name = nameOfText[Int(number)]
    return name == Self.none ? nil : name
  }

  /// How many names precede a text that is none.
  func position(_ text: String) -> UInt32 {
    var (low, high) = (0, names.count)
    while low < high {
      let middle = (low + high) / 2
      if strings.precedes(names[middle], text) { low = middle + 1 } else { high = middle }
    }
    return UInt32(low)
  }

  /// Edges of a kind, in order: they lie together.
  func edges(ofKind kind: EdgeKind) -> Range<UInt32> {
    let order = kind.order
    let all = 0..<UInt32(edgeCount)
    let start = all.partitioningIndex { first(ofEdge: $0).kind >= order }
    return start..<all.partitioningIndex { first(ofEdge: $0).kind > order }
  }

  /// The node whose id it is.
  func node(id: String) -> UInt32? {
    guard let name = name(id) else { return nil }
    let node = nodeOfName[Int(name)]
    return node != Self.none && nodeNames[Int(node)] == name ? node : nil
  }

  /// The id of the node that a name stands for, else the name itself.
  func resolved(_ name: UInt32) -> UInt32 {
    let node = nodeOfName[Int(name)]
    return node == Self.none ? name : nodeNames[Int(node)]
  }

  func assertions(ofNode node: UInt32) -> ArraySlice<NodeAssertion> {
    nodeAssertions[Int(nodeStarts[Int(node)])..<Int(nodeStarts[Int(node) + 1])]
  }

  func assertions(ofEdge edge: UInt32) -> ArraySlice<EdgeAssertion> {
    edgeAssertions[Int(edgeStarts[Int(edge)])..<Int(edgeStarts[Int(edge) + 1])]
  }

  /// The first assertion of an edge: it has its key.
  func first(ofEdge edge: UInt32) -> EdgeAssertion { edgeAssertions[Int(edgeStarts[Int(edge)])] }

  /// An edge by its asserted ends: one that stands for a node is found under that node.
  func edge(_ kind: EdgeKind, from: UInt32, to: UInt32, discriminator: UInt32) -> UInt32? {
    edges(kind, in: outgoing, of: resolved(from)).first {
      let edge = first(ofEdge: $0)
      return edge.from == from && edge.to == to && edge.discriminator == discriminator
    }
  }

  /// Edges of a kind among those of a name: they are in order of kinds.
  func edges(
    _ kind: EdgeKind, in adjacency: Adjacency, of name: UInt32
  ) -> ArraySlice<UInt32> {
    let all = adjacency[name]
    guard !all.isEmpty else { return all }
    let order = kind.order
    let rest = all[all.partitioningIndex { first(ofEdge: $0).kind >= order }...]
    return rest[..<rest.partitioningIndex { first(ofEdge: $0).kind > order }]
  }

  func provenance(_ record: UInt32) -> Provenance {
    records[Int(record)].provenance(collections, strings)
  }

  /// The lists of requests that records point to.
  var callLists: Set<Graph.CallList> {
    let lists = Set(records.map { UInt64($0.run) << 32 | UInt64($0.collection) })
    return Set(
      lists.map {
        Graph.CallList(
          run: strings[UInt32($0 >> 32)],
          collection: collections[Int($0 & UInt64(UInt32.max))].collection)
      })
  }

  func collection(ofRecord record: UInt32) -> CollectionKey {
    collections[Int(records[Int(record)].collection)]
  }

  /// A JSON object; the builder took no other text for one.
  func members(_ text: UInt32) -> [String: JSON] {
    let bytes = Array(strings.slice(text))
    guard bytes.count > 2, let document = try? JSONDocument(parsing: bytes),
      case .object(let members) = JSON(document.root)
    else { return [:] }
    return members
  }

  /// One member of a JSON object.
  func member(_ name: String, of text: UInt32) -> JSON? { StateText(strings.slice(text))[name] }
}

extension EdgeKind {
  /// In order of their names' bytes, as edges are.
  static let inOrder = allCases.sorted { $0.rawValue.precedes($1.rawValue) }

  /// Its place in `inOrder`.
  var order: UInt8 { Self.places[self] ?? 0 }

  private static let places = Dictionary(
    uniqueKeysWithValues: inOrder.enumerated().map { ($0.element, UInt8($0.offset)) })
}

extension RandomAccessCollection {
  /// The first index from which on the predicate holds, where it holds for a tail only.
  fileprivate func partitioningIndex(where holds: (Element) -> Bool) -> Index {
    var (low, length) = (startIndex, count)
    while length > 0 {
      let middle = index(low, offsetBy: length / 2)
      if holds(self[middle]) {
        length /= 2
      } else {
        low = index(after: middle)
        length -= length / 2 + 1
      }
    }
    return low
  }
}
