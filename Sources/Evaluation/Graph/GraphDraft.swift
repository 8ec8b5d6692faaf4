package import Model

/// Collects a tenant's assertions, in any order, without keeping them as values.
package struct GraphDraft {
  private let tenant: String
  private let version: Int64
  private var builder = GraphBuilder()
  package var documents: [String: [UInt8]] = [:]
  package var collections: [CollectionKey: CollectionStatus] = [:]
  package var calls: [Graph.CallList: [UInt8]] = [:]

  package init(tenant: String, version: Int64) {
    self.tenant = tenant
    self.version = version
  }

  package mutating func add(_ node: Asserted<Node>) { builder.add(node) }

  package mutating func add(_ edge: Asserted<Edge>) { builder.add(edge) }

  package consuming func graph() -> Graph {
    Graph(
      tenant: tenant, version: version, builder.finish(), documents: documents,
      collections: collections, calls: calls)
  }
}
