internal import Model

/// What kind of data a system holds.
public enum DataDomain: String, Sendable, Hashable, CaseIterable {
  /// Somebody classified it, without saying what it is.
  case confidential
  case customer, finance, health, hr, identity, logs, secrets
  case sourceCode = "source-code"

  /// The node that stands for it: `data-domain:hr`.
  public var id: String { "data-domain:\(rawValue)" }

  public init?(id: String) {
    guard id.hasPrefix("data-domain:") else { return nil }
    self.init(rawValue: String(id.dropFirst("data-domain:".count)))
  }
}

/// The systems of a graph that hold data of a domain, and why: `holds` hops, which are derived.
///
/// The first of these that says something counts: a tag that names the domain, what kind of service
/// it is, a tag that classifies the data, and whole words of the name.
struct DataHoldings: Sendable {
  /// Systems with at least one domain, in order of their ids within each type.
  private(set) var systems: [GraphNode] = []
  /// By system, in order of domains.
  private var hops: [String: [Hop]] = [:]

  init(_ graph: Graph) {
    for type in DataClassifier.types {
      let held = graph.nodes(ofType: type.name).parallelCompactMap { node -> (GraphNode, [Hop])? in
        let found = DataClassifier.classify(node, type, in: graph)
        return found.isEmpty ? nil : (node, found.map { Hop(node, $0) })
      }
      systems += held.map(\.0)
      for (node, found) in held { hops[node.id] = found }
    }
  }

  /// `holds` hops of a system; empty where nothing says what it holds.
  subscript(system: String) -> [Hop] { hops[system] ?? [] }
}

/// What a system holds, and what says so.
struct Classification: Sendable, Hashable {
  var domain: DataDomain
  /// `its name says payroll`
  var reason: String
  var fact: Fact
}

extension Hop {
  fileprivate init(_ node: GraphNode, _ classification: Classification) {
    let (domain, reason) = (classification.domain, classification.reason)
    self.init(
      kind: "holds", from: node.id, to: domain.id, transfer: .locate, decision: .allowed,
      sentence: "\(node.name) holds \(domain.rawValue) data: \(reason)",
      facts: [classification.fact], cause: "classification \(node.id) \(domain.rawValue)")
  }
}

extension AuthorityPath {
  /// How far it goes at its end; `nil` where it ends at somebody, and not at something.
  public var level: AccessLevel? { hops.last { $0.transfer != .locate }?.level }

  /// What is held at its end.
  public var domain: DataDomain? { hops.last.flatMap { DataDomain(id: $0.to) } }
}
