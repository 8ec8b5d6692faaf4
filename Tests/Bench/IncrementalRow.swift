internal import Evaluation
internal import Model
internal import Simulation

/// P7: what it takes to judge a tenant again after a thousandth of its graph has changed, beside
/// judging all of it.
enum IncrementalRow {
  static func measure() throws -> Measured {
    var details: [String] = []
    var (ratio, isSame) = (0.0, true)
    for count in [10_000, 100_000, 1_000_000] {
      let size = try measure(nodes: count)
      details.append(size.detail)
      ratio = size.ratio
      isSame = isSame && size.isSame
    }
    return Measured(
      value: "\(ratio.digits(1))× faster than everything for 1 M nodes, "
        + (isSame ? "same findings" : "OTHER FINDINGS"),
      target: "≥ 20×, same findings", isMet: ratio >= 20 && isSame, details: details)
  }

  static func measure(nodes: Int) throws -> (detail: String, ratio: Double, isSame: Bool) {
    let tenant = GeneratedTenant(nodes: nodes, seed: 1)
    let graph = tenant.graph.graph()
    let first = timed { judged(Evaluation(of: graph, at: GeneratedTenant.now, keeps: true)) }
    let kept = first.value.0.kept
    let revision = try timed { try TenantEdits(of: graph, seed: 2).revised() }
    let (later, edits) = revision.value
    let again = timed {
      judged(Evaluation(of: later, at: GeneratedTenant.now, keeps: true, after: kept))
    }
    let whole = timed { judged(Evaluation(of: later, at: GeneratedTenant.now)) }
    let ratio = whole.seconds / again.seconds
    let isSame = again.value.findings == whole.value.findings
    let changed = Set(again.value.findings).symmetricDifference(first.value.findings).count
    return (
      "\(tenant.nodeCount) nodes, \(edits): \(again.seconds.digits(3)) s, all of it "
        + "\(whole.seconds.digits(2)) s, \(ratio.digits(1))×; \(again.value.0.reworked) subjects "
        + "judged anew, \(changed) findings differ; the first time, keeping what others take over, "
        + "\(first.seconds.digits(2)) s; the graph was revised in \(revision.seconds.digits(2)) s",
      ratio, isSame
    )
  }

  private static func judged(_ evaluation: Evaluation) -> (Evaluation, findings: [Finding]) {
    (evaluation, evaluation.findings)
  }

  private static func timed<Value>(
    _ work: () throws -> Value
  ) rethrows -> (value: Value, seconds: Double) {
    let start = ContinuousClock.now
    let value = try work()
    return (value, start.duration(to: .now).seconds)
  }
}

/// A thousandth of a tenant's nodes and edges, each as likely as the other but for those of the
/// organization, and a policy of one identity in a hundred.
private struct TenantEdits {
  private let graph: Graph
  private var random: SplitMix64
  private var edits: GraphEdits
  private var counts = (nodes: 0, edges: 0, holders: 0)

  init(of graph: Graph, seed: UInt64) throws {
    self.graph = graph
    random = SplitMix64(seed: seed)
    guard let edits = GraphEdits(of: graph) else {
      throw NotMeasured("the graph cannot be revised")
    }
    self.edits = edits
  }

  consuming func revised() throws -> (Graph, String) {
    while counts.nodes < graph.nodes.count / 1000 { edit(node: random.below(graph.nodes.count)) }
    while counts.edges < graph.edges.count / 1000 { edit(edge: random.below(graph.edges.count)) }
    let identities = graph.nodes(ofKind: .identity).count
    let policies = graph.nodes(ofType: "aws.iam.policy").filter { $0.name == "shared7" }
    for policy in policies where counts.holders < identities / 100 {
      let holders = graph.edges(.grantedBy, to: policy.id).count
      if rewrite(policy) { counts.holders += holders }
    }
    let summary =
      "\(counts.nodes) nodes and \(counts.edges) edges changed, and a policy of "
      + "\(counts.holders) identities"
    return (edits.finish(), summary)
  }

  /// Most are changed; one in ten goes with its edges, and one in ten gets a sibling.
  private mutating func edit(node place: Int) {
    let node = graph.nodes[place]
    guard let assertion = node.assertions.first, !isShared(assertion.provenance) else { return }
    let isDone =
      switch random.below(10) {
      case 0: remove(node, assertion)
      case 1: copy(node, assertion)
      default: node.merged.kind == .policy ? rewrite(node) : tag(assertion)
      }
    if isDone { counts.nodes += 1 }
  }

  private mutating func remove(_ node: GraphNode, _ assertion: Asserted<Node>) -> Bool {
    guard edits.remove(assertion) else { return false }
    for kind in EdgeKind.allCases {
      for edge in graph.edges(kind, from: node.id) + graph.edges(kind, to: node.id) {
        _ = edits.remove(Self.asserted(edge))
      }
    }
    return true
  }

  private mutating func copy(_ node: GraphNode, _ assertion: Asserted<Node>) -> Bool {
    var sibling = assertion
    sibling.value.id += "-sibling"
    sibling.value.name += "-sibling"
    sibling.value.defines = node.merged.defines.isEmpty ? [] : [sibling.value.id]
    guard edits.add(sibling) else { return false }
    for kind in EdgeKind.allCases {
      for edge in graph.edges(kind, from: node.id) {
        var own = Self.asserted(edge)
        own.value.key.from = sibling.value.id
        _ = edits.add(own)
      }
    }
    return true
  }

  private mutating func tag(_ assertion: Asserted<Node>) -> Bool {
    var changed = assertion
    changed.value.state["tags"] = ["team": "t1", "edited": "yes"]
    changed.provenance.sha256 = String(assertion.provenance.sha256.reversed())
    return edits.remove(assertion) && edits.add(changed)
  }

  /// Allows one action more.
  private mutating func rewrite(_ policy: GraphNode) -> Bool {
    guard let assertion = policy.assertions.first,
      let digest = assertion.value.state["document"]?.string,
      let document = graph.documents[digest]
    else { return false }
    let text = String(decoding: document, as: UTF8.self)
      .replacing(#""Version""#, with: #""Id":"edited","Version""#)
      .replacing(#""Action":["#, with: #""Action":["ec2:DescribeInstances","#)
    var changed = assertion
    changed.value.state["document"] = .string(digest + "-edited")
    edits.documents[digest + "-edited"] = Array(text.utf8)
    return edits.remove(assertion) && edits.add(changed)
  }

  /// It goes, or leads to where one beside it does.
  private mutating func edit(edge place: Int) {
    let edge = Self.asserted(graph.edges[place])
    guard !isShared(edge.provenance), edits.remove(edge) else { return }
    counts.edges += 1
    let other = graph.edges[(place + 1 + random.below(20)) % graph.edges.count]
    guard random.below(3) > 0, other.kind == edge.value.key.kind else { return }
    var changed = edge
    changed.value.key.to = other.key.to
    _ = edits.add(changed)
  }

  /// What the organization says concerns all of its accounts.
  private func isShared(_ source: Provenance) -> Bool {
    source.collection.collection.hasPrefix("aws.organizations.")
  }

  private static func asserted(_ edge: GraphEdge) -> Asserted<Edge> {
    Asserted(edge.merged, edge.provenance[0])
  }
}
