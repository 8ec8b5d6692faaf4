internal import Model

/// What was worked out for each of some nodes, and from what.
///
/// Only values are kept, never a place in a graph: the graph that they were made from is gone.
struct Results<Value: Sendable>: Sendable {
  /// What each was made from; without it, nothing can be taken over.
  private(set) var reads: ReadSets
  private(set) var values: [Value] = []
  /// Places of what was worked out now, in order.
  let stale: [Int]

  /// - Parameters:
  ///   - nodes: numbers of nodes, in order.
  ///   - earlier: of the earlier graph; its values are taken where nothing that they were made
  ///     from has changed.
  ///   - isDue: whether time has outdated a value, by its place in the earlier list.
  ///   - work: of one node, by its place in the list.
  init(
    of nodes: [UInt32], after earlier: Results?, _ rework: Rework,
    isDue: @Sendable (Int) -> Bool = { _ in false }, _ work: @Sendable (Int) -> Value
  ) {
    let (known, stale) = rework.compare(nodes, earlier?.reads, isDue)
    self.stale = stale
    let found = stale.parallelMap { place in
      Reads.recorded(if: rework.isKept) { work(place) }
    }
    reads = ReadSets(nodes)
    values.reserveCapacity(nodes.count)
    var next = 0
    for place in nodes.indices {
      if next < stale.count, stale[next] == place {
        values.append(found[next].value)
        if rework.isKept { reads.cells.append(found[next].cells) }
        next += 1
      } else if let earlier {
        values.append(earlier.values[known[place]])
        reads.cells.append(earlier.reads.cells[known[place]])
      }
    }
  }

  /// The value of a node, by its number in the graph of these results.
  func value(of node: UInt32) -> Value? {
    reads.place(of: node).map { values[$0] }
  }
}

/// Of nodes in order: what was read to work something out for each.
struct ReadSets: Sendable {
  let nodes: [UInt32]
  var cells: [[Cell]] = []

  init(_ nodes: [UInt32]) { self.nodes = nodes }

  func place(of node: UInt32) -> Int? {
    var (low, high) = (0, nodes.count)
    while low < high {
      let middle = (low + high) / 2
      if nodes[middle] < node { low = middle + 1 } else { high = middle }
    }
    return low < nodes.count && nodes[low] == node ? low : nil
  }
}

/// How much of an earlier evaluation a later one takes over.
struct Rework: Sendable {
  /// Whether a later evaluation may take over from this one.
  let isKept: Bool
  /// `nil` where nothing is taken over.
  let change: GraphChange?
  /// What results may depend on and is not what it was; it grows as results are worked out.
  private(set) var outdated: Outdated

  init(isKept: Bool, change: GraphChange? = nil) {
    self.isKept = isKept
    self.change = change
    outdated = change?.outdated ?? Outdated()
  }

  mutating func mark(_ aspect: Aspect, _ name: String) {
    if change != nil { outdated.insert(aspect, name) }
  }

  mutating func mark(_ cells: [Cell]) {
    guard change != nil else { return }
    for cell in cells { outdated.insert(cell) }
  }

  /// What an earlier list of results says of a node.
  func earlier<Value>(_ results: Results<Value>?, of node: UInt32) -> Value? {
    guard let number = change?.earlierNodes[Int(node)], number != GraphStorage.none else {
      return nil
    }
    return results?.value(of: number)
  }

  /// Where each of these nodes was in an earlier list, or -1; and the places of those of which
  /// something must be worked out, because they are new, or it was made from what has changed.
  func compare(
    _ nodes: [UInt32], _ earlier: ReadSets?, _ isDue: @Sendable (Int) -> Bool = { _ in false }
  ) -> (known: [Int], stale: [Int]) {
    guard let change, let earlier, !earlier.cells.isEmpty else {
      return (nodes.map { _ in -1 }, Array(nodes.indices))
    }
    var next = 0
    let known = nodes.map { node -> Int in
      let old = change.earlierNodes[Int(node)]
      guard old != GraphStorage.none else { return -1 }
      while next < earlier.nodes.count, earlier.nodes[next] < old { next += 1 }
      return next < earlier.nodes.count && earlier.nodes[next] == old ? next : -1
    }
    let isStale = known.parallelMap {
      $0 < 0 || isDue($0) || outdated.touches(earlier.cells[$0])
    }
    return (known, isStale.indices.filter { isStale[$0] })
  }

  func isStale(_ reads: [Cell]?) -> Bool { reads.map { outdated.touches($0) } ?? true }
}

/// Values by name, of which it is noted who reads which.
struct Derived<Value: Sendable>: Sendable {
  private let values: [String: Value]
  private let aspect: Aspect

  init(_ values: [String: Value], as aspect: Aspect) {
    self.values = values
    self.aspect = aspect
  }

  subscript(name: String) -> Value? {
    Reads.note(aspect, name)
    return values[name]
  }

  /// In no order; for those whose work is done anew each time.
  var names: some Sequence<String> { values.keys }
}

/// The same of nodes, which are found by their numbers.
struct DerivedOfNodes<Value: Sendable>: Sendable {
  private let storage: GraphStorage
  private var values: [Value?]
  /// Of what is no node.
  private let others: [String: Value]
  private let aspect: Aspect

  /// - Parameter nodes: numbers, one for each value.
  init(
    _ values: [Value] = [], of nodes: [UInt32] = [], in graph: Graph,
    others: [String: Value] = [:], as aspect: Aspect
  ) {
    storage = graph.storage
    self.values = [Value?](repeating: nil, count: nodes.isEmpty ? 0 : storage.nodeCount)
    for (node, value) in zip(nodes, values) { self.values[Int(node)] = value }
    self.others = others
    self.aspect = aspect
  }

  subscript(id: String) -> Value? {
    Reads.note(aspect, id)
    return storage.node(id: id).flatMap(value) ?? others[id]
  }

  subscript(node: GraphNode) -> Value? {
    Reads.note(aspect, hash: storage.hash(ofName: storage.nodeNames[Int(node.number)]))
    return value(node.number)
  }

  private func value(_ node: UInt32) -> Value? {
    values.isEmpty ? nil : values[Int(node)]
  }
}
