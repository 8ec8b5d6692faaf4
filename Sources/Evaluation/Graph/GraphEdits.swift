package import Model

/// Changes of a graph: what it does not assert any more, and what it does now.
package struct GraphEdits {
  private let graph: Graph
  private var revision: GraphRevision
  package var documents: [String: [UInt8]]
  package var collections: [CollectionKey: CollectionStatus]
  package var calls: [Graph.CallList: [UInt8]]
  package var uses: [LastUse]

  /// `nil` where earlier changes have left behind too much.
  package init?(of graph: Graph) {
    guard let revision = GraphRevision(graph.storage) else { return nil }
    self.graph = graph
    self.revision = revision
    documents = graph.documents
    collections = graph.collections
    calls = graph.calls
    uses = graph.uses.values.flatMap(\.self)
  }

  /// - Returns: false where it is not asserted.
  package mutating func remove(_ node: Asserted<Node>) -> Bool {
    let id = revision.builder.strings.number(of: node.value.id)
    return revision.close(node: id, at: place(node.provenance))
  }

  /// - Returns: false where it is not asserted.
  package mutating func remove(_ edge: Asserted<Edge>) -> Bool {
    let key = texts(edge.value.key)
    return revision.close(edge: key, at: place(edge.provenance))
  }

  /// - Returns: false where it is asserted already.
  package mutating func add(_ node: Asserted<Node>) -> Bool {
    let id = revision.builder.strings.number(of: node.value.id)
    guard revision.mayOpen(node: id, at: place(node.provenance)) else { return false }
    revision.builder.add(node)
    return true
  }

  /// - Returns: false where it is asserted already.
  package mutating func add(_ edge: Asserted<Edge>) -> Bool {
    let key = texts(edge.value.key)
    guard revision.mayOpen(edge: key, at: place(edge.provenance)) else { return false }
    revision.builder.add(edge)
    return true
  }

  private mutating func place(_ source: Provenance) -> GraphRevision.Place {
    GraphRevision.Place(
      scope: revision.builder.strings.number(of: source.collection.scope),
      collection: revision.builder.strings.number(of: source.collection.collection),
      object: revision.builder.strings.number(of: source.object))
  }

  private mutating func texts(_ key: EdgeKey) -> GraphRevision.EdgeTexts {
    GraphRevision.EdgeTexts(
      kind: key.kind, from: revision.builder.strings.number(of: key.from),
      to: revision.builder.strings.number(of: key.to),
      discriminator: revision.builder.strings.number(of: key.discriminator))
  }

  /// The graph with these changes.
  package consuming func finish() -> Graph {
    Graph(
      tenant: graph.tenant, version: graph.version + 1, revision.finish(), documents: documents,
      collections: collections, calls: calls, uses: uses)
  }
}
