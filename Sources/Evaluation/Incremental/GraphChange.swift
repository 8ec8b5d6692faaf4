internal import Model

/// What of a graph is not what it was in an earlier one.
///
/// Both are read from their first to their last assertion, so nobody has to say what was changed.
struct GraphChange: Sendable {
  /// A node that is new, gone or says something else, by its number in each graph.
  struct Node: Sendable {
    var earlier: UInt32?
    var now: UInt32?
  }

  private(set) var outdated = Outdated()
  private(set) var nodes: [Node] = []
  /// By node of the later graph, its number in the earlier one; `none` for those that are new.
  private(set) var earlierNodes: [UInt32] = []
  /// By name of the earlier graph, its number in the later one; `none` for those that are gone.
  private(set) var names: [UInt32] = []
  /// By edge of the later graph, its number in the earlier one, where it says the same there.
  private(set) var earlierEdges: [UInt32]
  private(set) var edgeCount = 0

  private let earlier: GraphStorage
  private let now: GraphStorage
  private let texts: TextMatch

  /// `nil` where more than a fifth has changed: then everything is worked out anew.
  init?(from earlier: Graph, to now: Graph) {
    guard earlier.tenant == now.tenant else { return nil }
    self.earlier = earlier.storage
    self.now = now.storage
    texts = TextMatch(earlier.storage.strings, now.storage.strings)
    earlierEdges = [UInt32](repeating: GraphStorage.none, count: now.storage.edgeCount)
    let names = matchNames()
    let records = RecordMatch(self.earlier, self.now, texts)
    compareNodes(names, records)
    compareEdges(records)
    guard (nodes.count + edgeCount) * 5 <= now.storage.nodeCount + now.storage.edgeCount else {
      return nil
    }
    compareNames()
    compareRest(earlier, now)
  }

  /// The nodes that have changed, as they were and as they are.
  var graphNodes: [GraphNode] {
    nodes.flatMap { node in
      [
        node.earlier.map { GraphNode(storage: earlier, number: $0) },
        node.now.map { GraphNode(storage: now, number: $0) },
      ].compactMap(\.self)
    }
  }

  // MARK: Names

  /// Names of both are in order of their texts.
  ///
  /// - Returns: by name of the later graph, its number in the earlier one.
  private mutating func matchNames() -> [UInt32] {
    names = [UInt32](repeating: GraphStorage.none, count: earlier.names.count)
    var back = [UInt32](repeating: GraphStorage.none, count: now.names.count)
    var (one, other) = (0, 0)
    while one < earlier.names.count, other < now.names.count {
      let (left, right) = (earlier.names[one], now.names[other])
      if texts.isSame(left, right) {
        names[one] = UInt32(other)
        back[other] = UInt32(one)
        (one, other) = (one + 1, other + 1)
      } else if texts.precedes(left, right) {
        one += 1
      } else {
        other += 1
      }
    }
    return back
  }

  // MARK: Nodes

  private mutating func compareNodes(_ back: [UInt32], _ records: RecordMatch) {
    earlierNodes = [UInt32](repeating: GraphStorage.none, count: now.nodeCount)
    var kept = [Bool](repeating: false, count: earlier.nodeCount)
    for node in 0..<UInt32(now.nodeCount) {
      let name = back[Int(now.nodeNames[Int(node)])]
      let old = name == GraphStorage.none ? name : earlier.nodeOfName[Int(name)]
      guard old != GraphStorage.none, earlier.nodeNames[Int(old)] == name else {
        change(Node(earlier: nil, now: node))
        continue
      }
      earlierNodes[Int(node)] = old
      kept[Int(old)] = true
      let (one, other) = (earlier.assertions(ofNode: old), now.assertions(ofNode: node))
      if !one.elementsEqual(other, by: { isSame($0, $1, records) }) {
        change(Node(earlier: old, now: node))
      }
    }
    for node in kept.indices where !kept[node] { change(Node(earlier: UInt32(node), now: nil)) }
  }

  private func isSame(
    _ one: GraphStorage.NodeAssertion, _ other: GraphStorage.NodeAssertion, _ records: RecordMatch
  ) -> Bool {
    one.kind == other.kind && texts.isSame(one.label, other.label)
      && texts.isSame(one.state, other.state) && texts.isSame(one.observed, other.observed)
      && one.defineCount == other.defineCount && records.isSame(one.record, other.record)
      && earlier.types[Int(one.type)] == now.types[Int(other.type)]
      && (0..<one.defineCount).allSatisfy {
        names[Int(earlier.defined[Int(one.defines + $0)])] == now.defined[Int(other.defines + $0)]
      }
  }

  private mutating func change(_ node: Node) {
    nodes.append(node)
    let places = [node.earlier.map { ($0, earlier) }, node.now.map { ($0, now) }]
      .compactMap(\.self)
    for (number, storage) in places {
      outdated.insert(Cell(.node, hash: storage.hash(ofName: storage.nodeNames[Int(number)])))
      let own = storage.assertions(ofNode: number)
      for kind in Set(own.map(\.kind)) { outdated.insert(.kind, kind.rawValue) }
    }
    let types = places.map { $1.assertions(ofNode: $0).first.map(\.type) }
    let words = zip(places, types).map { place, type in type.map { place.1.types[Int($0)] } }
    // Which nodes are of a type is something else than what they say.
    if words.count < 2 || words[0] != words[1] {
      for type in words { outdated.insert(.type, type ?? GraphNode.anyoneType) }
    }
  }

  // MARK: Edges

  private mutating func compareEdges(_ records: RecordMatch) {
    var (one, other) = (UInt32(0), UInt32(0))
    let counts = (UInt32(earlier.edgeCount), UInt32(now.edgeCount))
    while one < counts.0 || other < counts.1 {
      let key = one < counts.0 ? renamed(earlier.first(ofEdge: one)) : nil
      if one < counts.0, key == nil {
        change(edge: one, of: earlier)
        one += 1
        continue
      }
      let its = other < counts.1 ? EdgeNumbers(now.first(ofEdge: other)) : nil
      guard let key, let its, key == its else {
        if let key, its.map({ key < $0 }) ?? true {
          change(edge: one, of: earlier)
          one += 1
        } else {
          change(edge: other, of: now)
          other += 1
        }
        continue
      }
      if isSame(edge: one, other, records) {
        earlierEdges[Int(other)] = one
      } else {
        change(edge: other, of: now)
      }
      (one, other) = (one + 1, other + 1)
    }
  }

  /// An edge's key in names of the later graph; `nil` where it lacks one.
  private func renamed(_ edge: GraphStorage.EdgeAssertion) -> EdgeNumbers? {
    var numbers = EdgeNumbers(edge)
    numbers.from = names[Int(edge.from)]
    numbers.to = names[Int(edge.to)]
    numbers.discriminator = names[Int(edge.discriminator)]
    return [numbers.from, numbers.to, numbers.discriminator].contains(GraphStorage.none)
      ? nil : numbers
  }

  private func isSame(edge one: UInt32, _ other: UInt32, _ records: RecordMatch) -> Bool {
    earlier.assertions(ofEdge: one).elementsEqual(now.assertions(ofEdge: other)) {
      $0.basis == $1.basis && texts.isSame($0.state, $1.state)
        && records.isSame($0.record, $1.record)
    }
  }

  private mutating func change(edge: UInt32, of storage: GraphStorage) {
    edgeCount += 1
    mark(edge: edge, of: storage)
  }

  /// Whoever reads an edge finds it at one of its ends, as asserted or as what that stands for.
  private mutating func mark(edge: UInt32, of storage: GraphStorage) {
    let first = storage.first(ofEdge: edge)
    for name in Set([first.from, storage.resolved(first.from)]) {
      outdated.insert(Cell(.outgoing(first.kind), hash: storage.hash(ofName: name)))
    }
    for name in Set([first.to, storage.resolved(first.to)]) {
      outdated.insert(Cell(.incoming(first.kind), hash: storage.hash(ofName: name)))
    }
  }

  // MARK: What names stand for

  /// A name that stands for another node moves edges, also those that nobody touched.
  private mutating func compareNames() {
    var touched: Set<String> = []
    for node in nodes {
      for (number, storage) in [(node.earlier, earlier), (node.now, now)] {
        guard let number else { continue }
        touched.insert(storage.text(ofName: storage.nodeNames[Int(number)]))
        for assertion in storage.assertions(ofNode: number) {
          let defined = assertion.defines..<(assertion.defines + assertion.defineCount)
          touched.formUnion(defined.map { storage.text(ofName: storage.defined[Int($0)]) })
        }
      }
    }
    for name in touched where meaning(of: name, in: earlier) != meaning(of: name, in: now) {
      outdated.insert(.node, name)
      markEdges(at: name, of: earlier)
      markEdges(at: name, of: now)
    }
  }

  private func meaning(of name: String, in storage: GraphStorage) -> String? {
    guard let number = storage.name(name) else { return nil }
    let node = storage.nodeOfName[Int(number)]
    return node == GraphStorage.none
      ? nil : storage.text(ofName: storage.nodeNames[Int(node)])
  }

  private mutating func markEdges(at text: String, of storage: GraphStorage) {
    guard let name = storage.name(text) else { return }
    let place = storage.resolved(name)
    for edge in storage.outgoing[place] where storage.first(ofEdge: edge).from == name {
      mark(edge: edge, of: storage)
    }
    for edge in storage.incoming[place] where storage.first(ofEdge: edge).to == name {
      mark(edge: edge, of: storage)
    }
  }

  // MARK: What is beside nodes and edges

  private mutating func compareRest(_ earlier: Graph, _ now: Graph) {
    for (one, other) in [(earlier, now), (now, earlier)] {
      for digest in one.documents.keys where other.documents[digest] == nil {
        outdated.insert(.document, digest)
      }
      for subject in one.uses.keys where one.lastUse(of: subject) != other.lastUse(of: subject) {
        outdated.insert(.use, subject)
      }
      for (list, requests) in one.calls where other.calls[list] != requests {
        outdated.insert(.requests, list.run)
      }
      for (key, status) in one.collections
      where other.collections[key]?.appliedRun != status.appliedRun {
        outdated.insert(.listing, key.scope)
      }
    }
  }
}

/// An edge's key, in numbers that are in the order of its texts.
private struct EdgeNumbers: Equatable {
  var kind: UInt8
  var from: UInt32
  var to: UInt32
  var discriminator: UInt32

  init(_ edge: GraphStorage.EdgeAssertion) {
    (kind, from, to, discriminator) = (edge.kind, edge.from, edge.to, edge.discriminator)
  }

  static func < (left: Self, right: Self) -> Bool {
    if left.kind != right.kind { return left.kind < right.kind }
    if left.from != right.from { return left.from < right.from }
    return left.to == right.to ? left.discriminator < right.discriminator : left.to < right.to
  }
}

/// Texts of two tables: by their numbers, where the later one goes on from the earlier one.
private struct TextMatch {
  let one: StringTable
  let other: StringTable
  private let isShared: Bool

  init(_ one: StringTable, _ other: StringTable) {
    (self.one, self.other) = (one, other)
    isShared = other.continues(one)
  }

  func isSame(_ left: UInt32, _ right: UInt32) -> Bool {
    isShared ? left == right : one.slice(left) == other.slice(right)
  }

  func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
    one.slice(left).lexicographicallyPrecedes(other.slice(right))
  }
}

/// Records of two graphs.
private struct RecordMatch {
  let one: GraphStorage
  let other: GraphStorage
  let texts: TextMatch
  /// By collection of the earlier graph, its number in the later one.
  private let collections: [UInt32]

  init(_ one: GraphStorage, _ other: GraphStorage, _ texts: TextMatch) {
    (self.one, self.other, self.texts) = (one, other, texts)
    let numbers = Dictionary(
      uniqueKeysWithValues: other.collections.enumerated().map { ($0.element, UInt32($0.offset)) })
    collections = one.collections.map { numbers[$0] ?? GraphStorage.none }
  }

  func isSame(_ left: UInt32, _ right: UInt32) -> Bool {
    let (left, right) = (one.records[Int(left)], other.records[Int(right)])
    return left.call == right.call && collections[Int(left.collection)] == right.collection
      && texts.isSame(left.object, right.object) && texts.isSame(left.sha256, right.sha256)
      && texts.isSame(left.run, right.run)
  }
}
