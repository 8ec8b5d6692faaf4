import Model
import Testing

@testable import Evaluation

/// The graph against the plainest way to say the same.
@Suite struct GraphDifferenceTests {
  @Test(arguments: 0..<60)
  func itSaysWhatDictionariesSay(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let assertions = Assertions(&random)
    let graph = Graph(
      tenant: "acme", version: 1, nodes: assertions.nodes.shuffled(using: &random),
      edges: assertions.edges.shuffled(using: &random))
    let plain = PlainGraph(assertions)

    #expect(Array(graph.order) == plain.order)
    #expect(graph.nodes.map(\.id) == plain.order)
    #expect(graph.conflicts == plain.conflicts)
    #expect(graph.populated == plain.populated)
    for id in plain.order + Assertions.names {
      let node = graph.nodes[id]
      #expect(node?.merged == plain.nodes[id]?.merged)
      #expect(node?.assertions == plain.nodes[id]?.assertions)
      #expect(node?.scope == plain.nodes[id]?.assertions.first?.provenance.collection.scope)
      #expect(graph.node(named: id)?.id == plain.node(named: id))
      for scope in Assertions.scopes {
        #expect(node?.view(in: scope) == plain.nodes[id]?.view(in: scope))
      }
      for member in ["a", "b"] {
        #expect(node?.state(member) == plain.nodes[id]?.merged.state[member])
      }
      for kind in Assertions.kinds {
        #expect(
          graph.edges(kind, from: id).map(\.plain)
            == plain.edges.filter { $0.from == id && $0.merged.key.kind == kind })
        #expect(
          graph.edges(kind, to: id).map(\.plain)
            == plain.edges.filter { $0.to == id && $0.merged.key.kind == kind })
      }
    }
    for type in Assertions.types {
      #expect(
        graph.nodes(ofType: type).map(\.id)
          == plain.order.filter { plain.nodes[$0]?.merged.type == type })
    }
    #expect(
      graph.nodes(ofKind: .policy).map(\.id)
        == plain.order.filter { id in
          plain.nodes[id]?.assertions.contains { $0.value.kind == .policy } == true
        })
    #expect(graph.edges.map(\.plain) == plain.edges)
    for edge in plain.edges {
      #expect(graph.edges[edge.merged.key]?.plain == edge)
    }
  }

  /// What is closed and opened one after another makes the graph that all of it makes at once.
  @Test(arguments: 0..<60)
  func aRevisedGraphIsTheGraph(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var assertions = Assertions(&random)
    var graph = Graph(
      tenant: "acme", version: 1, nodes: assertions.nodes, edges: assertions.edges)
    for version in 2..<5 {
      let change = assertions.change(&random)
      guard var revision = GraphRevision(graph.storage) else { break }
      for node in change.closed.nodes {
        let id = revision.builder.strings.number(of: node.value.id)
        let place = revision.place(node.provenance)
        #expect(!revision.mayOpen(node: id, at: place))
        let closes = (0..<2).map { _ in revision.close(node: id, at: place) }
        #expect(closes == [true, false])
        #expect(revision.mayOpen(node: id, at: place))
      }
      for edge in change.closed.edges {
        let key = revision.texts(edge.value.key)
        let place = revision.place(edge.provenance)
        #expect(!revision.mayOpen(edge: key, at: place))
        let closes = (0..<2).map { _ in revision.close(edge: key, at: place) }
        #expect(closes == [true, false])
        #expect(revision.mayOpen(edge: key, at: place))
      }
      for node in change.opened.nodes { revision.builder.add(node) }
      for edge in change.opened.edges { revision.builder.add(edge) }
      graph = Graph(
        tenant: "acme", version: Int64(version), revision.finish(), documents: [:],
        collections: [:], calls: [:])
      let plain = PlainGraph(assertions)
      #expect(Array(graph.order) == plain.order)
      #expect(graph.conflicts == plain.conflicts)
      #expect(graph.populated == plain.populated)
      #expect(graph.edges.map(\.plain) == plain.edges)
      for id in plain.order {
        #expect(graph.nodes[id]?.merged == plain.nodes[id]?.merged)
        #expect(graph.nodes[id]?.assertions == plain.nodes[id]?.assertions)
      }
    }
  }

  /// Texts that differ late, are each other's beginnings, or are not ASCII.
  @Test func numbersFollowTheOrderOfBytes() {
    let texts = [
      "", "a", "ab", "abcdefgh", "abcdefg", "abcdefghi", "abcdefgh\u{0}", "é", "z", "\u{10FFFF}",
      "arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/a/b",
      "arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223334:role/a", "\u{0}", "a\u{0}b",
    ]
    var table = StringTable()
    let numbers = texts.shuffled().map { table.number(of: $0) }
    #expect(table.sorted(numbers).map { table[$0] } == texts.sorted { $0.precedes($1) })
    #expect(texts.allSatisfy { text in table.find(text).map { table[$0] } == text })
    #expect(table.find("b") == nil)
    for number in 0..<5000 { _ = table.number(of: "\(number)") }
    #expect(table.find("4999") == table.number(of: "4999"))
    #expect(table.count == texts.count + 5000)
  }
}

/// Random assertions that collide as often as they can.
private struct Assertions {
  static let names = (0..<12).map { "n\($0)" } + ["n", "n10x", anyoneNodeID, "é"]
  static let types = ["t.one", "t.two", "t.three"]
  static let scopes = ["acme/a/aws/1", "acme/a/aws/2", "acme/b/aws/1"]
  static let kinds: [EdgeKind] = [.runsAs, .grantedBy, .triggers, .ownedBy]

  var nodes: [Asserted<Node>] = []
  var edges: [Asserted<Edge>] = []

  init(_ random: inout SeededGenerator) {
    // As in the database, one object of a collection asserts a node or an edge once.
    var taken: Set<[String]> = []
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      let source = Self.provenance(&random)
      let id = Self.name(&random)
      guard taken.insert(source.place + [id]).inserted else { continue }
      let node = Node(
        id: id, kind: [.identity, .policy].randomElement(using: &random)!,
        type: Self.types.randomElement(using: &random)!,
        name: "name \(Int.random(in: 0...3, using: &random))",
        defines: Array(Set((0..<2).map { _ in Self.name(&random) })).sorted(),
        state: Self.state(&random), observed: Bool.random(using: &random) ? ["seen": "x"] : [:])
      nodes.append(Asserted(node, source))
    }
    for _ in 0..<Int.random(in: 0...80, using: &random) {
      let source = Self.provenance(&random)
      let edge = Edge(
        Self.kinds.randomElement(using: &random)!, from: Self.name(&random),
        to: Self.name(&random), discriminator: ["", "n1", "x"].randomElement(using: &random)!,
        basis: Basis.allCases.randomElement(using: &random)!, state: Self.state(&random))
      let key = [edge.key.kind.rawValue, edge.key.from, edge.key.to, edge.key.discriminator]
      guard taken.insert(source.place + key).inserted else { continue }
      edges.append(Asserted(edge, source))
    }
  }

  private init(nodes: [Asserted<Node>], edges: [Asserted<Edge>]) {
    (self.nodes, self.edges) = (nodes, edges)
  }

  /// Closes some; opens some of these again with another state, and others.
  mutating func change(
    _ random: inout SeededGenerator
  ) -> (closed: Assertions, opened: Assertions) {
    var closed = Assertions(nodes: [], edges: [])
    var opened = Assertions(&random)
    for node in nodes where Int.random(in: 0..<4, using: &random) == 0 {
      closed.nodes.append(node)
    }
    for edge in edges where Int.random(in: 0..<4, using: &random) == 0 {
      closed.edges.append(edge)
    }
    nodes.removeAll { closed.nodes.contains($0) }
    edges.removeAll { closed.edges.contains($0) }
    let (nodeKeys, edgeKeys) = (Set(nodes.map(\.key)), Set(edges.map(\.key)))
    opened.nodes.removeAll { nodeKeys.contains($0.key) }
    opened.edges.removeAll { edgeKeys.contains($0.key) }
    nodes += opened.nodes
    edges += opened.edges
    return (closed, opened)
  }

  private static func name(_ random: inout SeededGenerator) -> String {
    names.randomElement(using: &random)!
  }

  private static func state(_ random: inout SeededGenerator) -> [String: JSON] {
    var state: [String: JSON] = [:]
    for member in ["a", "b", "c"] where Bool.random(using: &random) {
      state[member] = .integer(Int64.random(in: 0...2, using: &random))
    }
    return state
  }

  private static func provenance(_ random: inout SeededGenerator) -> Provenance {
    Provenance(
      collection: CollectionKey(
        scope: scopes.randomElement(using: &random)!,
        collection: ["c.one", "c.two"].randomElement(using: &random)!),
      object: name(&random), sha256: "\(Int.random(in: 0...9, using: &random))", run: "R1",
      call: Int64.random(in: 0...3, using: &random))
  }
}

extension Asserted<Node> {
  fileprivate var key: [String] { provenance.place + [value.id] }
}

extension Asserted<Edge> {
  fileprivate var key: [String] {
    let key = value.key
    return provenance.place + [key.kind.rawValue, key.from, key.to, key.discriminator]
  }
}

extension GraphRevision {
  fileprivate mutating func place(_ source: Provenance) -> Place {
    Place(
      scope: builder.strings.number(of: source.collection.scope),
      collection: builder.strings.number(of: source.collection.collection),
      object: builder.strings.number(of: source.object))
  }

  fileprivate mutating func texts(_ key: EdgeKey) -> EdgeTexts {
    EdgeTexts(
      kind: key.kind, from: builder.strings.number(of: key.from),
      to: builder.strings.number(of: key.to),
      discriminator: builder.strings.number(of: key.discriminator))
  }
}

extension Provenance {
  fileprivate var place: [String] { [collection.scope, collection.collection, object] }
}

/// An edge as a value that compares.
private struct PlainEdge: Equatable {
  var from: String
  var to: String
  var merged: Edge
  var provenance: [Provenance]
}

extension GraphEdge {
  fileprivate var plain: PlainEdge {
    PlainEdge(from: from, to: to, merged: merged, provenance: provenance)
  }
}

private struct PlainGraph {
  struct PlainNode {
    var merged: Node
    var assertions: [Asserted<Node>]

    func view(in scope: String) -> Node {
      assertions.first { $0.provenance.collection.scope == scope }?.value ?? merged
    }
  }

  var nodes: [String: PlainNode] = [:]
  var order: [String] = []
  var edges: [PlainEdge] = []
  var names: [String: String] = [:]
  var conflicts: [String: [String]] = [:]
  var populated: Set<CollectionKey>

  init(_ assertions: Assertions) {
    populated = Set(
      (assertions.nodes.map(\.provenance) + assertions.edges.map(\.provenance)).map(\.collection))
    for (id, group) in Dictionary(grouping: assertions.nodes, by: \.value.id) {
      let ordered = group.sorted { $0.provenance.precedes($1.provenance) }
      var node = ordered[0].value
      for other in ordered.dropFirst() {
        node.state.merge(other.value.state) { first, _ in first }
        node.defines = Set(node.defines + other.value.defines).sorted { $0.precedes($1) }
      }
      nodes[id] = PlainNode(merged: node, assertions: ordered)
    }
    nodes[anyoneNodeID] = PlainNode(
      merged: Node(
        id: anyoneNodeID, kind: .principalSet, type: "sv0.anyone",
        name: "anyone, authenticated or not"), assertions: [])
    order = nodes.keys.sorted { $0.precedes($1) }
    var definers: [String: Set<String>] = [:]
    for node in assertions.nodes {
      for name in node.value.defines { definers[name, default: []].insert(node.value.id) }
    }
    names = definers.compactMapValues { $0.count == 1 ? $0.first : nil }
    conflicts = definers.filter { $0.value.count > 1 }
      .mapValues { $0.sorted { $0.precedes($1) } }
    edges = Dictionary(grouping: assertions.edges, by: \.value.key).map { key, group in
      let ordered = group.sorted { $0.provenance.precedes($1.provenance) }
      var edge = ordered[0].value
      for other in ordered.dropFirst() {
        edge.state.merge(other.value.state) { first, _ in first }
      }
      return PlainEdge(
        from: resolve(key.from), to: resolve(key.to), merged: edge,
        provenance: ordered.map(\.provenance))
    }.sorted { $0.merged.key.precedes($1.merged.key) }
  }

  func node(named name: String) -> String? {
    nodes[name] != nil ? name : names[name].flatMap { nodes[$0] != nil ? $0 : nil }
  }

  private func resolve(_ name: String) -> String {
    nodes[name] == nil ? names[name] ?? name : name
  }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
