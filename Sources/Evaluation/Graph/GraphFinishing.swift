internal import Model

extension GraphBuilder {
  /// Texts that are names, in order, and the name of each text.
  struct Names {
    var texts: [UInt32]
    var ofText: [UInt32]
    var anyone: UInt32
  }

  /// Assertions by node.
  struct Nodes {
    var assertions: [GraphStorage.NodeAssertion] = []
    var starts: [UInt32] = []
    var names: [UInt32] = []
    var anyone: UInt32 = 0
    var ofType: [String: [UInt32]] = [:]
    /// A node of which records disagree is of several kinds.
    var ofKind: [NodeKind: [UInt32]] = [:]
  }

  /// What names stand for.
  struct Definers {
    var nodeOfName: [UInt32]
    var conflicts: [UInt32: Set<UInt32>] = [:]
  }

  /// Assertions by edge, and edges by their ends.
  struct Edges {
    var assertions: [GraphStorage.EdgeAssertion]
    var starts: [UInt32]
    var outgoing: GraphStorage.Adjacency
    var incoming: GraphStorage.Adjacency
  }

  /// What was added, as a graph.
  consuming func finish() -> GraphStorage {
    recordNumbers = [:]
    let names = numberNames()
    for index in nodes.indices { nodes[index].id = names.ofText[Int(nodes[index].id)] }
    for index in defined.indices { defined[index] = names.ofText[Int(defined[index])] }
    for index in edges.indices {
      edges[index].from = names.ofText[Int(edges[index].from)]
      edges[index].to = names.ofText[Int(edges[index].to)]
      edges[index].discriminator = names.ofText[Int(edges[index].discriminator)]
    }
    let nodes = groupNodes(names)
    let definers = findDefiners(nodes, names)
    self.nodes = []
    let edges = groupEdges(names, nodes, definers)
    self.edges = []
    return GraphStorage(self, names, nodes, definers, edges)
  }

  private mutating func numberNames() -> Names {
    let anyone = strings.number(of: anyoneNodeID)
    var isName = [Bool](repeating: false, count: strings.count)
    isName[Int(anyone)] = true
    for node in nodes { isName[Int(node.id)] = true }
    for name in defined { isName[Int(name)] = true }
    for edge in edges {
      isName[Int(edge.from)] = true
      isName[Int(edge.to)] = true
      isName[Int(edge.discriminator)] = true
    }
    let texts = strings.sorted(isName.indices.filter { isName[$0] }.map { UInt32($0) })
    var ofText = [UInt32](repeating: GraphStorage.none, count: strings.count)
    for (name, text) in texts.enumerated() { ofText[Int(text)] = UInt32(name) }
    return Names(texts: texts, ofText: ofText, anyone: ofText[Int(anyone)])
  }

  private func groupNodes(_ names: Names) -> Nodes {
    var result = Nodes()
    result.assertions.reserveCapacity(nodes.count)
    let byName = GraphStorage.Adjacency(
      nodes.indices.map { UInt32($0) }, nameCount: names.texts.count
    ) { nodes[Int($0)].id }
    for name in names.texts.indices.map({ UInt32($0) }) {
      let run = byName[name]
      guard !run.isEmpty || name == names.anyone else { continue }
      let node = UInt32(result.names.count)
      result.names.append(name)
      result.starts.append(UInt32(result.assertions.count))
      result.assertions += merged(run.map { nodes[Int($0)] }, by: \.record)
      let own = result.assertions[Int(result.starts[Int(node)])...]
      // Whatever is asserted about anyone, it is the built-in node.
      guard name != names.anyone, let first = own.first else {
        result.anyone = node
        result.ofType[GraphNode.anyoneType, default: []].append(node)
        continue
      }
      result.ofType[types[Int(first.type)], default: []].append(node)
      for kind in Set(own.map(\.kind)) {
        result.ofKind[kind, default: []].append(node)
      }
    }
    result.starts.append(UInt32(result.assertions.count))
    return result
  }

  /// Which node each name stands for: its own, or the only one that defines it.
  private func findDefiners(_ grouped: Nodes, _ names: Names) -> Definers {
    var own = [UInt32](repeating: GraphStorage.none, count: names.texts.count)
    for (node, name) in grouped.names.enumerated() { own[Int(name)] = UInt32(node) }
    var definer = [UInt32](repeating: GraphStorage.none, count: names.texts.count)
    var conflicts: [UInt32: Set<UInt32>] = [:]
    for node in nodes {
      for name in defined[Int(node.defines)..<Int(node.defines + node.defineCount)] {
        let known = definer[Int(name)]
        if known == GraphStorage.none { definer[Int(name)] = node.id }
        guard known != GraphStorage.none, known != node.id else { continue }
        conflicts[name, default: [known]].insert(node.id)
      }
    }
    var nodeOfName = own
    for name in own.indices where own[name] == GraphStorage.none {
      guard definer[name] != GraphStorage.none, conflicts[UInt32(name)] == nil else { continue }
      nodeOfName[name] = own[Int(definer[name])]
    }
    return Definers(nodeOfName: nodeOfName, conflicts: conflicts)
  }

  private func groupEdges(_ names: Names, _ grouped: Nodes, _ definers: Definers) -> Edges {
    var order = edges.indices.map { UInt32($0) }
    let keys: [(GraphStorage.EdgeAssertion) -> UInt32] = [
      \.discriminator, \.to, \.from, { UInt32($0.kind) },
    ]
    // From the last part of the key to the first: each sort keeps the order of those before.
    for key in keys {
      let count = max(names.texts.count, EdgeKind.inOrder.count)
      order = GraphStorage.Adjacency(order, nameCount: count) { key(edges[Int($0)]) }.edges
    }
    var assertions: [GraphStorage.EdgeAssertion] = []
    assertions.reserveCapacity(order.count)
    var starts: [UInt32] = []
    var start = 0
    while start < order.count {
      let first = edges[Int(order[start])]
      var end = start + 1
      while end < order.count, edges[Int(order[end])].hasKey(of: first) { end += 1 }
      starts.append(UInt32(assertions.count))
      if end == start + 1 {
        assertions.append(first)
      } else {
        assertions += merged(order[start..<end].map { edges[Int($0)] }, by: \.record)
      }
      start = end
    }
    let numbers = starts.indices.map { UInt32($0) }
    starts.append(UInt32(assertions.count))
    func resolved(_ name: UInt32) -> UInt32 {
      let node = definers.nodeOfName[Int(name)]
      return node == GraphStorage.none ? name : grouped.names[Int(node)]
    }
    let outgoing = GraphStorage.Adjacency(numbers, nameCount: names.texts.count) {
      resolved(assertions[Int(starts[Int($0)])].from)
    }
    let incoming = GraphStorage.Adjacency(numbers, nameCount: names.texts.count) {
      resolved(assertions[Int(starts[Int($0)])].to)
    }
    return Edges(
      assertions: assertions, starts: starts, outgoing: outgoing, incoming: incoming)
  }

  /// Assertions of one thing in merge order.
  private func merged<Assertion>(
    _ run: [Assertion], by record: (Assertion) -> UInt32
  ) -> [Assertion] {
    guard run.count > 1 else { return run }
    return run.sorted { provenance(record($0)).precedes(provenance(record($1))) }
  }

  private func provenance(_ number: UInt32) -> Provenance {
    records[Int(number)].provenance(collections, strings)
  }
}

extension GraphStorage.EdgeAssertion {
  fileprivate func hasKey(of other: Self) -> Bool {
    kind == other.kind && from == other.from && to == other.to
      && discriminator == other.discriminator
  }
}
