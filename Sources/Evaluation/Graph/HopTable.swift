internal import Model

/// Hops as numbers: asserted ones by their edge, derived ones by their place in a list.
///
/// A *place* is where a hop starts or ends: a name of the graph or, numbered after those, an end
/// of derived hops that no record names.
struct HopTable: Sendable {
  struct Entry: Sendable {
    /// A place.
    var to: UInt32
    /// An edge or, numbered after those, a derived hop.
    var source: UInt32
    var level: Decision.Level
  }

  let graph: Graph
  private let derived: [Hop]
  /// Decisions on edges that are not in force as they stand, by edge.
  private let doubts: [UInt32: Decision]
  /// Places that are no names of the graph, in order.
  private let extras: [String]
  private let extraNumbers: [String: UInt32]
  /// Before which name each of them belongs.
  private let extraPositions: [UInt32]
  /// Possible hops by where they start, and of each place in order of hops.
  private(set) var entries: [Entry] = []
  /// Where each place's hops begin; one more than there are places.
  private(set) var starts: [UInt32] = []

  init(_ graph: Graph, derived: [Hop], judge: @Sendable (GraphEdge) -> Decision?) {
    self.graph = graph
    self.derived = derived
    let storage = graph.storage
    let ends = Set(derived.flatMap { [$0.from, $0.to] }.filter { storage.name($0) == nil })
    extras = ends.sorted { $0.precedes($1) }
    extraNumbers = Dictionary(
      uniqueKeysWithValues: extras.enumerated().map {
        ($0.element, UInt32(storage.names.count + $0.offset))
      })
    extraPositions = extras.map { storage.position($0) }
    var found = Self.asserted(graph)
    let decisions = found.parallelMap {
      judge(GraphEdge(storage: storage, number: $0.entry.source)) ?? .allowed
    }
    var doubts: [UInt32: Decision] = [:]
    for (index, decision) in decisions.enumerated() where decision != .allowed {
      found[index].entry.level = decision.level
      doubts[found[index].entry.source] = decision
    }
    self.doubts = doubts
    for (index, hop) in derived.enumerated() {
      guard let from = place(hop.from), let to = place(hop.to) else { continue }
      let source = UInt32(storage.edgeCount + index)
      found.append((from, Entry(to: to, source: source, level: hop.decision.level)))
    }
    order(found)
  }

  private mutating func order(_ found: [(from: UInt32, entry: Entry)]) {
    let possible = found.indices.filter { found[$0].entry.level > .denied }.map { UInt32($0) }
    let groups = GraphStorage.Adjacency(possible, nameCount: placeCount) { found[Int($0)].from }
    starts = groups.starts
    var entries = groups.edges.map { found[Int($0)].entry }
    for place in 0..<placeCount {
      let range = Int(starts[place])..<Int(starts[place + 1])
      guard range.count > 1 else { continue }
      entries[range].sort { left, right in
        left.to == right.to
          ? hop(left, from: UInt32(place)).precedes(hop(right, from: UInt32(place)))
          : precedes(left.to, right.to)
      }
    }
    self.entries = entries
  }

  private static func asserted(_ graph: Graph) -> [(from: UInt32, entry: Entry)] {
    let storage = graph.storage
    let anyone = storage.name(anyoneNodeID)
    let kinds = EdgeKind.inOrder.filter { $0.transfer != nil }
    return kinds.flatMap { storage.edges(ofKind: $0) }.compactMap { number in
      let edge = storage.first(ofEdge: number)
      let from = storage.resolved(edge.from)
      guard from != anyone else { return nil }
      let to = storage.resolved(edge.to)
      return (from, Entry(to: to, source: number, level: .allowed))
    }
  }

  var placeCount: Int { graph.storage.names.count + extras.count }

  /// `nil` for what is neither in the graph nor at an end of a derived hop.
  func place(_ id: String) -> UInt32? { graph.storage.name(id) ?? extraNumbers[id] }

  func id(_ place: UInt32) -> String {
    let names = graph.storage.names.count
    return Int(place) < names ? graph.storage.text(ofName: place) : extras[Int(place) - names]
  }

  /// Positions in `entries` of the hops that leave a place, in order.
  func leaving(_ place: UInt32) -> Range<Int> {
    Int(starts[Int(place)])..<Int(starts[Int(place) + 1])
  }

  func note(_ place: UInt32) {
    let names = graph.storage.names.count
    Reads.note(
      .hops,
      hash: Int(place) < names
        ? graph.storage.hash(ofName: place) : StringTable.hash(extras[Int(place) - names].utf8.span)
    )
  }

  /// The order of ids.
  func precedes(_ left: UInt32, _ right: UInt32) -> Bool { orderKey(left) < orderKey(right) }

  /// Names among themselves are in order of their numbers; the others belong in between.
  private func orderKey(_ place: UInt32) -> UInt64 {
    let names = graph.storage.names.count
    guard Int(place) >= names else { return UInt64(place) << 32 | UInt64(UInt32.max) }
    let extra = Int(place) - names
    return UInt64(extraPositions[extra]) << 32 | UInt64(extra)
  }

  func hop(at position: UInt32, from place: UInt32) -> Hop {
    hop(entries[Int(position)], from: place)
  }

  /// The hop in full; its sentence is written here.
  private func hop(_ entry: Entry, from place: UInt32) -> Hop {
    if let index = derivedIndex(entry) { return derived[index] }
    let edge = GraphEdge(storage: graph.storage, number: entry.source)
    let key = edge.key
    return Hop(
      kind: key.kind.rawValue, from: id(place), to: id(entry.to),
      transfer: key.kind.transfer ?? .influence, decision: doubts[entry.source] ?? .allowed,
      sentence: edge.sentence(in: graph), asserted: key, cause: key.causeText)
  }

  func kind(_ entry: Entry) -> String {
    if let index = derivedIndex(entry) { return derived[index].kind }
    return GraphEdge(storage: graph.storage, number: entry.source).kind.rawValue
  }

  /// The hop of an entry that no record asserts.
  func derived(_ entry: Entry) -> Hop? { derivedIndex(entry).map { derived[$0] } }

  /// Why the edge of an entry is not in force as it stands.
  func doubt(_ entry: Entry) -> Decision? { doubts[entry.source] }

  private func derivedIndex(_ entry: Entry) -> Int? {
    let index = Int(entry.source) - graph.storage.edgeCount
    return index < 0 ? nil : index
  }
}

/// Hops by where they end, of each place in order of where they start.
struct HopArrivals {
  struct Arrival {
    /// A place.
    var from: UInt32
    /// A position in the table's entries.
    var entry: UInt32
  }

  private let arrivals: [Arrival]
  private let byEnd: GraphStorage.Adjacency

  init(_ table: HopTable) {
    let places = (0..<UInt32(table.placeCount)).sorted { table.precedes($0, $1) }
    let arrivals = places.flatMap { place in
      table.leaving(place).map { Arrival(from: place, entry: UInt32($0)) }
    }
    self.arrivals = arrivals
    byEnd = GraphStorage.Adjacency(
      arrivals.indices.map { UInt32($0) }, nameCount: table.placeCount
    ) { table.entries[Int(arrivals[Int($0)].entry)].to }
  }

  subscript(end: UInt32) -> [Arrival] { byEnd[end].map { arrivals[Int($0)] } }
}
