internal import Model

/// A graph that is brought up to date: what was closed is taken out, what was opened is put in.
///
/// What is closed has to be there, and what is opened must not: where that is not so, the changes
/// are of another graph, and this one has to be read anew.
struct GraphRevision {
  /// Which object of which collection asserts something, in texts.
  struct Place {
    var scope: UInt32
    var collection: UInt32
    var object: UInt32
  }

  /// Takes what is opened; its texts are the graph's and more.
  var builder: GraphBuilder
  private let storage: GraphStorage
  /// Positions of assertions.
  private var closedNodes: Set<Int> = []
  private var closedEdges: Set<Int> = []

  /// `nil` where reading everything anew is cheaper than what earlier revisions left behind.
  init?(_ storage: GraphStorage) {
    guard storage.strings.count <= storage.readTextCount * 2 else { return nil }
    self.storage = storage
    builder = GraphBuilder(revising: storage)
  }

  /// - Returns: false where it is not there.
  mutating func close(node id: UInt32, at place: Place) -> Bool {
    position(ofNode: id, at: place).map { closedNodes.insert($0).inserted } ?? false
  }

  /// - Returns: false where it is not there.
  mutating func close(edge key: EdgeTexts, at place: Place) -> Bool {
    position(ofEdge: key, at: place).map { closedEdges.insert($0).inserted } ?? false
  }

  /// Whether nothing that is still open asserts the same.
  func mayOpen(node id: UInt32, at place: Place) -> Bool {
    position(ofNode: id, at: place).map(closedNodes.contains) ?? true
  }

  /// Whether nothing that is still open asserts the same.
  func mayOpen(edge key: EdgeTexts, at place: Place) -> Bool {
    position(ofEdge: key, at: place).map(closedEdges.contains) ?? true
  }

  /// An edge's key, in texts.
  struct EdgeTexts {
    var kind: EdgeKind
    var from: UInt32
    var to: UInt32
    var discriminator: UInt32
  }

  private func position(ofNode id: UInt32, at place: Place) -> Int? {
    guard let name = name(id) else { return nil }
    let node = storage.nodeOfName[Int(name)]
    guard node != GraphStorage.none, storage.nodeNames[Int(node)] == name else { return nil }
    let range = Int(storage.nodeStarts[Int(node)])..<Int(storage.nodeStarts[Int(node) + 1])
    return range.first { isAt(place, storage.nodeAssertions[$0].record) }
  }

  private func position(ofEdge key: EdgeTexts, at place: Place) -> Int? {
    guard let from = name(key.from), let to = name(key.to),
      let discriminator = name(key.discriminator),
      let edge = storage.edge(key.kind, from: from, to: to, discriminator: discriminator)
    else { return nil }
    let range = Int(storage.edgeStarts[Int(edge)])..<Int(storage.edgeStarts[Int(edge) + 1])
    return range.first { isAt(place, storage.edgeAssertions[$0].record) }
  }

  private func name(_ text: UInt32) -> UInt32? {
    guard Int(text) < storage.nameOfText.count else { return nil }
    let name = storage.nameOfText[Int(text)]
    return name == GraphStorage.none ? nil : name
  }

  private func isAt(_ place: Place, _ record: UInt32) -> Bool {
    let record = storage.records[Int(record)]
    let key = storage.collections[Int(record.collection)]
    return record.object == place.object && key.collection == builder.strings[place.collection]
      && key.scope == builder.strings[place.scope]
  }

  /// The graph as it is now.
  consuming func finish() -> GraphStorage {
    let storage = storage
    var records = [UInt32](repeating: GraphStorage.none, count: storage.records.count)
    for (position, assertion) in storage.nodeAssertions.enumerated()
    where !closedNodes.contains(position) {
      Self.renumber(assertion.record, of: storage, &records, &builder)
      let defined = Int(assertion.defines)..<Int(assertion.defines + assertion.defineCount)
      builder.add(
        node: storage.names[Int(assertion.id)], assertion.kind,
        type: builder.strings.number(of: storage.types[Int(assertion.type)]),
        label: assertion.label,
        defines: storage.defined[defined].map { storage.names[Int($0)] },
        state: assertion.state, observed: assertion.observed,
        record: records[Int(assertion.record)])
    }
    for (position, assertion) in storage.edgeAssertions.enumerated()
    where !closedEdges.contains(position) {
      Self.renumber(assertion.record, of: storage, &records, &builder)
      builder.add(
        edge: EdgeKind.inOrder[Int(assertion.kind)], from: storage.names[Int(assertion.from)],
        to: storage.names[Int(assertion.to)],
        discriminator: storage.names[Int(assertion.discriminator)], assertion.basis,
        state: assertion.state, record: records[Int(assertion.record)])
    }
    return builder.finish()
  }

  /// Only the records of what is still open stay.
  private static func renumber(
    _ record: UInt32, of storage: GraphStorage, _ records: inout [UInt32],
    _ builder: inout GraphBuilder
  ) {
    guard records[Int(record)] == GraphStorage.none else { return }
    records[Int(record)] = builder.record(
      storage.records[Int(record)], of: storage.collections)
  }
}
