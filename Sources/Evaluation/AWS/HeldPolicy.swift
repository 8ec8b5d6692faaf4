internal import Model

/// A policy as somebody holds it: the way to it, and its statements.
final class HeldPolicy: Sendable {
  /// The policy node.
  let id: String
  let name: String
  /// Edges and nodes between the holder and the policy, in order.
  let way: [Fact]
  /// `nil` where the document is not there or cannot be parsed; then `gap` says what is missing.
  let compiled: CompiledPolicy?
  let gap: String
  /// Detaching it is the smallest change, because its text is the vendor's.
  let isVendorManaged: Bool

  init(
    id: String, name: String, way: [Fact], compiled: CompiledPolicy?, gap: String,
    isVendorManaged: Bool
  ) {
    self.id = id
    self.name = name
    self.way = way
    self.compiled = compiled
    self.gap = gap
    self.isVendorManaged = isVendorManaged
  }

  /// The smallest removable fact of a statement: the statement, or the grant of a vendor's policy.
  func cause(_ statement: Statement) -> String {
    guard isVendorManaged, case .edge(let key)? = way.last?.subject else {
      return "statement \(id) \(statement.index)"
    }
    return key.causeText
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

  private let graph: Graph
  private let compiled: [Key: CompiledPolicy]
  /// Documents that cannot be judged, for the log: one line each, in order.
  let problems: [String]

  init(_ graph: Graph) {
    self.graph = graph
    var holders: [Key: [String]] = [:]
    for policy in graph.nodes(ofKind: .policy) {
      for node in policy.assertions.map(\.value) where node.kind == .policy {
        guard let digest = node.state["document"]?.string else { continue }
        holders[Key(digest: digest, kind: Self.kind(of: node)), default: []].append(node.id)
      }
    }
    let read = Array(holders).parallelMap { key, ids -> (Key, CompiledPolicy?, [String]) in
      guard let bytes = graph.documents[key.digest] else { return (key, nil, []) }
      do {
        return (key, try CompiledPolicy(parsing: bytes, as: key.kind), [])
      } catch {
        return (key, nil, ids.map { "the policy \($0) cannot be judged: \(error)" })
      }
    }
    compiled = Dictionary(
      uniqueKeysWithValues: read.compactMap { key, policy, _ in
        policy.map { (key, $0) }
      })
    problems = Set(read.flatMap(\.2)).sorted { $0.precedes($1) }
  }

  /// The policy of that id as one scope sees it.
  func policy(_ id: String, in scope: String?, way: [Fact]) -> HeldPolicy {
    let node = graph.nodes[id]?.view(in: scope)
    let digest = node?.state["document"]?.string
    let key = digest.flatMap { digest in
      Reads.note(.document, digest)
      return node.map { Key(digest: digest, kind: Self.kind(of: $0)) }
    }
    return HeldPolicy(
      id: id, name: node?.name ?? id, way: way, compiled: key.flatMap { compiled[$0] },
      gap: "policy document of \(id)", isVendorManaged: node?.state["awsManaged"] == .bool(true))
  }

  /// Resource policies of a system or automation.
  func policies(governing id: String) -> [HeldPolicy] {
    graph.edges(.governs, to: id).map {
      policy($0.from, in: graph.nodes[id]?.scope, way: [$0.fact(in: graph)])
    }
  }

  private static func kind(of node: Node) -> CompiledPolicy.Kind {
    switch node.type {
    case "aws.organizations.policy"
    where node.state["policyType"] == "RESOURCE_CONTROL_POLICY":
      .resource
    case "aws.iam.trustPolicy": .trust
    case "aws.iam.policy", "aws.iam.inlinePolicy", "aws.organizations.policy",
      "aws.sso.inlinePolicy", "aws.rolesanywhere.sessionPolicy":
      .identity
    default: .resource
    }
  }
}
