internal import Synchronization

/// The graphs of the tenants that were read last, as many as fit.
final class GraphShelf: Sendable {
  /// Nodes and edges of all kept graphs together; a million of them takes about 150 MiB.
  static let capacity = 8_000_000

  private let capacity: Int
  /// The one read last is the last.
  private let graphs = Mutex<[Graph]>([])

  init(capacity: Int) { self.capacity = capacity }

  /// The kept graph of a tenant, which is not kept any more: who takes it brings back a newer one.
  func take(_ tenant: String) -> Graph? {
    graphs.withLock { graphs in
      graphs.firstIndex { $0.tenant == tenant }.map { graphs.remove(at: $0) }
    }
  }

  /// Those that were read longest ago make room.
  func keep(_ graph: Graph) {
    graphs.withLock { graphs in
      graphs.removeAll { $0.tenant == graph.tenant }
      graphs.append(graph)
      var size = graphs.reduce(0) { $0 + $1.nodes.count + $1.edges.count }
      while size > capacity, let oldest = graphs.first {
        size -= oldest.nodes.count + oldest.edges.count
        graphs.removeFirst()
      }
    }
  }
}
