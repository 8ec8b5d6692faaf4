internal import Model

/// A graph to look at: the union of paths, or the steps of a decision.
///
/// `mermaid`, `dot` and `svg` draw it; each the same for the same picture. How firm an edge is shows
/// in its stroke, a derived edge is dashed, and what forbids is red.
public struct Picture: Sendable, Hashable {
  enum Shape: Sendable, Hashable {
    case identity, automation, system, domain, set, statement, other
  }

  struct Node: Sendable, Hashable {
    var id: String
    var name: String
    /// What it is, in small print.
    var kind: String
    var shape: Shape
  }

  struct Edge: Sendable, Hashable {
    /// Places in `nodes`.
    var from: Int
    var to: Int
    var label: String
    var strength: Decision.Level
    var isDerived: Bool
    var forbids = false
  }

  var title: String
  /// In order of appearance.
  var nodes: [Node] = []
  /// Without repeats; of equal labels the firmest.
  var edges: [Edge] = []
  private var places: [String: Int] = [:]

  init(title: String) { self.title = title }

  /// The place of a node, which is added if it is new.
  mutating func place(_ node: Node) -> Int {
    if let place = places[node.id] { return place }
    places[node.id] = nodes.count
    nodes.append(node)
    return nodes.count - 1
  }

  mutating func add(_ edge: Edge) {
    let same = edges.firstIndex {
      $0.from == edge.from && $0.to == edge.to && $0.label == edge.label
        && $0.forbids == edge.forbids
    }
    guard let same else {
      edges.append(edge)
      return
    }
    edges[same].strength = max(edges[same].strength, edge.strength)
  }

  /// Nodes by how far they are from where the picture begins, in hops.
  var layers: [Int] {
    var layers = [Int?](repeating: nil, count: nodes.count)
    let entered = Set(edges.map(\.to))
    var frontier = nodes.indices.filter { !entered.contains($0) }
    if frontier.isEmpty, !nodes.isEmpty { frontier = [0] }
    for place in frontier { layers[place] = 0 }
    var depth = 0
    while !frontier.isEmpty {
      depth += 1
      var next: [Int] = []
      for edge in edges where frontier.contains(edge.from) && layers[edge.to] == nil {
        layers[edge.to] = depth
        next.append(edge.to)
      }
      frontier = next
    }
    return layers.map { $0 ?? 0 }
  }
}

extension Evaluation {
  /// The union of paths.
  public func picture(of paths: [AuthorityPath], title: String) -> Picture {
    var picture = Picture(title: title)
    for hop in paths.flatMap(\.hops) {
      let (from, to) = (picture.place(node(hop.from)), picture.place(node(hop.to)))
      let level = hop.level.map { " \($0.name)" } ?? ""
      picture.add(
        Picture.Edge(
          from: from, to: to, label: hop.kind + level, strength: hop.decision.level,
          isDerived: hop.asserted == nil))
    }
    return picture
  }

  private func node(_ id: String) -> Picture.Node {
    let graph = situation.graph
    let node = graph.nodes[id]
    let shape: Picture.Shape =
      switch node?.kind {
      case .identity, .credential: .identity
      case .automation: .automation
      case .system: .system
      case .principalSet, .resourceSet: .set
      case nil where DataDomain(id: id) != nil: .domain
      case nil where id.contains("#"): .set
      default: .other
      }
    let account = node?.state("account")?.string.map { " · \($0)" } ?? ""
    return Picture.Node(
      id: id, name: DataDomain(id: id)?.rawValue ?? graph.label(id),
      kind: (node?.type ?? graph.introduction(id)) + account, shape: shape)
  }
}

extension Explanation {
  /// The steps of the decision, in the order in which the platform takes them.
  public var picture: Picture {
    var picture = Picture(title: text[1])
    let start = picture.place(
      Picture.Node(id: identity, name: identity, kind: "asks for \(action)", shape: .identity))
    let end = picture.place(
      Picture.Node(
        id: " result", name: decision.qualifier ?? "allowed", kind: "on \(resource)",
        shape: .system))
    for (number, line) in lines.enumerated() {
      let place = picture.place(
        Picture.Node(
          id: " \(number)", name: "\(line.policy), \(line.statement)",
          kind: "step \(number + 1): \(line.stage)", shape: .statement))
      picture.add(
        Picture.Edge(from: start, to: place, label: "", strength: .allowed, isDerived: false))
      picture.add(
        Picture.Edge(
          from: place, to: end, label: line.isDeny ? "denies" : "allows",
          strength: line.decision.level, isDerived: false, forbids: line.isDeny))
    }
    for (number, step) in silent.enumerated() {
      let place = picture.place(
        Picture.Node(id: " silent \(number)", name: step, kind: "no statement", shape: .other))
      picture.add(
        Picture.Edge(from: start, to: place, label: "", strength: .allowed, isDerived: false))
      picture.add(
        Picture.Edge(
          from: place, to: end, label: "does not allow", strength: .allowed, isDerived: false,
          forbids: true))
    }
    if lines.isEmpty && silent.isEmpty {
      picture.add(
        Picture.Edge(
          from: start, to: end, label: "nothing allows it", strength: .allowed,
          isDerived: false, forbids: true))
    }
    return picture
  }
}
