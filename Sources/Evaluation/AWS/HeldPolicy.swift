internal import Model

/// A policy's text as one scope sees it.
final class PolicyText: Sendable {
  /// The policy node.
  let id: String
  let name: String
  /// `nil` where the document is not there or cannot be parsed; then `gap` says what is missing.
  let compiled: CompiledPolicy?
  let gap: String
  /// Of its document, where it names one.
  let digest: String?
  /// Detaching it is the smallest change, because its text is the vendor's.
  let isVendorManaged: Bool

  init(
    id: String, name: String, compiled: CompiledPolicy?, gap: String, digest: String? = nil,
    isVendorManaged: Bool = false
  ) {
    self.id = id
    self.digest = digest
    self.name = name
    self.compiled = compiled
    self.gap = gap
    self.isVendorManaged = isVendorManaged
  }
}

/// How somebody comes to hold a policy. There is one for each policy of each holder, so it is told
/// in words only where a reader asks.
enum PolicyWay: Sendable {
  case attached(GraphEdge)
  /// By a group, which the policy is attached to; `nil` where the group was not read.
  case inherited(GraphEdge, from: GraphEdge?)
  /// From the policy to what it decides about.
  case governing(GraphEdge)
  /// Above an account.
  case limiting(GraphEdge)
  case granted(GraphEdge, to: [GraphEdge])

  /// Edges and nodes between the holder and the policy, in order.
  func facts(in graph: Graph) -> [Fact] {
    switch self {
    case .attached(let edge), .governing(let edge): return [edge.fact(in: graph)]
    case .inherited(let membership, let edge):
      let group = "group \(graph.label(membership.to)) gives its members policies"
      return [membership.fact(in: graph), Fact(.node(membership.to), group)]
        + (edge.map { [$0.fact(in: graph)] } ?? [])
    case .limiting(let edge):
      let account = "aws:account:"
      let target =
        edge.from.hasPrefix(account)
        ? "account \(edge.from.dropFirst(account.count))" : graph.label(edge.from)
      return [Fact(.edge(edge.key), "\(target) is limited by \(graph.label(edge.to))")]
    case .granted(let edge, let holders): return ([edge] + holders).map { $0.fact(in: graph) }
    }
  }

  /// What hands it on to the holder.
  fileprivate var last: GraphEdge? {
    switch self {
    case .attached(let edge), .governing(let edge), .limiting(let edge): edge
    case .inherited(_, let edge): edge
    case .granted(let edge, let holders): holders.last ?? edge
    }
  }

  /// Where the policy is.
  fileprivate var end: (node: GraphNode?, id: () -> String) {
    switch self {
    case .attached(let edge), .inherited(_, let edge?), .limiting(let edge):
      (edge.target, { edge.to })
    case .inherited(let membership, nil): (membership.target, { membership.to })
    case .governing(let edge), .granted(let edge, _): (edge.source, { edge.from })
    }
  }
}

/// A policy as somebody holds it.
final class HeldPolicy: Sendable {
  private let text: PolicyText
  let way: PolicyWay

  init(_ text: PolicyText, _ way: PolicyWay) {
    self.text = text
    self.way = way
  }

  var id: String { text.id }
  var name: String { text.name }
  var compiled: CompiledPolicy? { text.compiled }
  var gap: String { text.gap }
  var isVendorManaged: Bool { text.isVendorManaged }

  /// Whether it allows something to somebody who needs no policy of his own: to everybody, or by name.
  var namesSomebody: Bool {
    compiled?.statements.contains { statement in
      statement.effect == .allow
        && (statement.excludesPrincipals
          || statement.principals.contains { principal in
            switch principal {
            case .everyone, .arn: true
            case .account, .service, .federated, .nobody: false
            }
          })
    } ?? false
  }

  /// The smallest removable fact of a statement: the statement, or the grant of a vendor's policy.
  func cause(_ statement: Statement) -> String {
    guard text.isVendorManaged, let edge = way.last else {
      return "statement \(id) \(statement.index)"
    }
    return edge.key.causeText
  }
}

/// What a list of policies says to one request.
struct PolicyAnswer: Sendable {
  /// The first statement of those that allow most firmly, with its decision.
  struct Grant: Sendable {
    var policy: HeldPolicy
    var statement: Statement
    var decision: Decision
  }

  var allow = Decision.denied
  var deny = Decision.denied
  var grant: Grant?

  /// No explicit deny, whatever the rest says.
  var notDenied: Decision { deny.negated }
  /// Allowed and not denied.
  var decision: Decision { allow.and(notDenied) }
}

/// What somebody asks for; a `*` in the action or the resource stands for every one.
struct Request: Sendable {
  /// As AWS spells it, and in lower case: action names compare without case.
  let name: String
  let action: [UInt8]
  let resource: [UInt8]
  let context: RequestContext
  /// Of an action that hops are derived from.
  private let place: Int?

  init(_ action: String, on resource: String, in context: RequestContext) {
    self.init(action, on: Array(resource.utf8), in: context)
  }

  init(_ action: String, on resource: [UInt8], in context: RequestContext) {
    let spelling = action.lowercased()
    name = action
    self.action = Array(spelling.utf8)
    place = ActionSet.place(of: spelling)
    self.resource = resource
    self.context = context
  }

  /// Whether the action is among those; of another that is not known here.
  func isAmong(_ known: ActionSet) -> Bool? { place.map(known.contains) }
}

extension [HeldPolicy] {
  /// - Parameter applies: which statements are about the requester.
  func answer(_ request: Request, applies: (Statement) -> Bool = { _ in true }) -> PolicyAnswer {
    var answer = PolicyAnswer()
    for policy in self {
      guard let compiled = policy.compiled else {
        // It may allow and it may deny: whatever is concluded is unknown.
        answer.allow = answer.allow.or(.unknown(policy.gap))
        answer.deny = answer.deny.or(.unknown(policy.gap))
        continue
      }
      if request.isAmong(compiled.known) == false { continue }
      for statement in compiled.statements where statement.isAbout(request) && applies(statement) {
        let decision = statement.decision(request)
        guard decision.isPossible else { continue }
        switch statement.effect {
        case .deny: answer.deny = answer.deny.or(decision)
        case .allow:
          answer.allow = answer.allow.or(decision)
          if decision.level > answer.grant?.decision.level ?? .denied {
            answer.grant = PolicyAnswer.Grant(
              policy: policy, statement: statement, decision: decision)
          }
        }
      }
    }
    return answer
  }

  /// The policies with a deny, which a reviewer of an allow wants to see.
  var withDenies: [HeldPolicy] {
    filter { $0.compiled?.statements.contains { $0.effect == .deny } ?? true }
  }
}

/// Policy documents of a graph, each parsed once.
struct PolicyShelf: Sendable {
  private struct Key: Hashable {
    var digest: String
    var kind: CompiledPolicy.Kind
  }

  private let compiled: [Key: CompiledPolicy]
  /// Of policies that one record asserts, which is most, by the node's number.
  private let texts: [PolicyText?]
  private let graph: Graph
  /// By policy, what of its documents cannot be judged.
  private let failures: [String: [String]]

  /// - Parameter earlier: of the graph that this one is a change of: what nothing has changed of is
  ///   taken over.
  init(_ graph: Graph, after earlier: PolicyShelf?, _ rework: Rework) {
    self.graph = graph
    let policies = graph.nodes(ofKind: .policy)
    let changed = Set((rework.change?.nodes ?? []).compactMap(\.now))
    let known = policies.parallelMap { policy -> PolicyText? in
      guard let change = rework.change, !changed.contains(policy.number),
        case let old = change.earlierNodes[Int(policy.number)], old != GraphStorage.none,
        let text = earlier?.texts[Int(old)],
        text.digest.map({ !rework.outdated.contains(Cell(.document, $0)) }) ?? true
      else { return nil }
      return text
    }
    let fresh = policies.indices.filter { known[$0] == nil }.map { policies[$0] }
    let keys = fresh.parallelMap { policy in
      policy.claims.filter { $0.kind == .policy }.compactMap { Self.key($0.type, $0.state) }
    }
    var holders: [Key: [GraphNode]] = [:]
    for (policy, keys) in zip(fresh, keys) {
      for key in keys { holders[key, default: []].append(policy) }
    }
    let actions = SharedActions()
    let read = Array(holders).parallelMap {
      key, nodes -> (Key, CompiledPolicy?, [String: String]) in
      guard let bytes = graph.documents[key.digest] else { return (key, nil, [:]) }
      if let compiled = earlier?.compiled[key] { return (key, compiled, [:]) }
      do {
        return (key, try CompiledPolicy(parsing: bytes, as: key.kind, sharing: actions), [:])
      } catch {
        let lines = nodes.map { ($0.id, "the policy \($0.id) cannot be judged: \(error)") }
        return (key, nil, Dictionary(lines) { first, _ in first })
      }
    }
    var compiled = rework.change == nil ? [:] : earlier?.compiled ?? [:]
    for (key, policy, _) in read { compiled[key] = policy }
    if compiled.count > policies.count * 2 {
      // What nobody holds any more has been taken over long enough.
      let held = Set(known.compactMap { $0?.digest } + keys.joined().map(\.digest))
      compiled = compiled.filter { held.contains($0.key.digest) }
    }
    self.compiled = compiled
    let gone = Set((rework.change?.graphNodes ?? []).map(\.id))
    var failures =
      rework.change == nil ? [:] : earlier?.failures.filter { !gone.contains($0.key) } ?? [:]
    for (id, line) in read.flatMap(\.2) { failures[id, default: []].append(line) }
    self.failures = failures
    let texts = fresh.parallelMap { [compiled] policy -> PolicyText? in
      policy.claims.count == 1 ? Self.text(policy, nil, compiled) : nil
    }
    var all = [PolicyText?](repeating: nil, count: graph.nodes.count)
    for (policy, text) in zip(policies, known) { all[Int(policy.number)] = text }
    for (policy, text) in zip(fresh, texts) { all[Int(policy.number)] = text }
    self.texts = all
  }

  /// Documents that cannot be judged, for the log: one line each, in order.
  var problems: [String] { Set(failures.values.joined()).sorted { $0.precedes($1) } }

  /// The policy at the end of a way, as one scope sees it.
  func policy(_ way: PolicyWay, in scope: String?) -> HeldPolicy {
    let (node, id) = way.end
    guard let node else {
      let id = id()
      Reads.note(.node, id)
      return HeldPolicy(PolicyText(id: id, name: id, compiled: nil, gap: Self.gap(id)), way)
    }
    let text = texts[Int(node.number)] ?? Self.text(node, node.claim(in: scope), compiled)
    // It may have been put together before anybody asked for it.
    Reads.note(.node, text.id)
    if let digest = text.digest { Reads.note(.document, digest) }
    return HeldPolicy(text, way)
  }

  /// Resource policies of a system or automation.
  func policies(governing id: String) -> [HeldPolicy] {
    policies(graph.edges(.governs, to: id), graph.nodes[id])
  }

  func policies(governing node: GraphNode) -> [HeldPolicy] {
    policies(graph.edges(.governs, to: node), node)
  }

  private func policies(
    _ edges: [GraphEdge], _ node: @autoclosure () -> GraphNode?
  ) -> [HeldPolicy] {
    guard !edges.isEmpty else { return [] }
    let scope = node()?.scope
    return edges.map { policy(.governing($0), in: scope) }
  }

  /// - Parameter claim: `nil` takes what all records say together.
  private static func text(
    _ node: GraphNode, _ claim: NodeClaim?, _ compiled: [Key: CompiledPolicy]
  ) -> PolicyText {
    let (id, state) = (node.id, claim.map { $0.state } ?? node.state)
    let key = key(claim?.type ?? node.type, state)
    return PolicyText(
      id: id, name: claim?.name ?? node.name, compiled: key.flatMap { compiled[$0] },
      gap: gap(id), digest: key?.digest, isVendorManaged: state("awsManaged") == .bool(true))
  }

  private static func gap(_ id: String) -> String { "policy document of \(id)" }

  private static func key(_ type: String, _ state: (String) -> JSON?) -> Key? {
    state("document")?.string.map { Key(digest: $0, kind: kind(of: type, state)) }
  }

  private static func kind(
    of type: String, _ state: (String) -> JSON?
  ) -> CompiledPolicy.Kind {
    switch type {
    case "aws.organizations.policy" where state("policyType") == "RESOURCE_CONTROL_POLICY":
      .resource
    case "aws.iam.trustPolicy": .trust
    case "aws.iam.policy", "aws.iam.inlinePolicy", "aws.organizations.policy",
      "aws.sso.inlinePolicy", "aws.rolesanywhere.sessionPolicy":
      .identity
    default: .resource
    }
  }
}
