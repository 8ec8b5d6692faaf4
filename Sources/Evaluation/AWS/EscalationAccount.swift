internal import Model

/// Something that a method may be tried on, with what tells at once that somebody cannot.
struct EscalationSubject<Value: Sendable>: Sendable {
  let value: Value
  /// As requests name it.
  let name: [UInt8]
  /// Whether its own policy lets somebody in by name, who then needs no statement of his own.
  let isOpen: Bool

  /// - Parameter policies: of the resource itself.
  init(_ value: Value, named name: String, _ policies: [HeldPolicy]) {
    self.value = value
    self.name = Array(name.utf8)
    isOpen = policies.contains(where: \.namesSomebody)
  }

  private init(_ value: Value, like name: [UInt8], isOpen: Bool) {
    self.value = value
    self.name = name
    self.isOpen = isOpen
  }

  func map<Other>(_ transform: (Value) -> Other?) -> EscalationSubject<Other>? {
    transform(value).map { EscalationSubject<Other>($0, like: name, isOpen: isOpen) }
  }
}

/// What there is in an account to escalate by. Everything is found when a method first asks for it.
final class EscalationAccount: Sendable {
  /// A role that a service may be given, to act for the account.
  struct PassableRole: Sendable {
    var arn: String
    var decision: Decision
    var facts: [Fact]
  }

  private let semantics: AWSSemantics
  let users: [EscalationSubject<Principal>]
  let roles: [EscalationSubject<Principal>]
  private let nodes: @Sendable (String) -> [GraphNode]
  private let things = Memo<String, [EscalationSubject<GraphNode>]>()
  /// What runs as a role, ready to be tried.
  private let running =
    Memo<EscalationMethod.Target, [EscalationSubject<EscalationBinding>]>()
  /// By the service that they trust.
  private let passable = Lazily<[String: [PassableRole]]>()

  /// - Parameters:
  ///   - principals: of the account, but those of services.
  ///   - nodes: what exists in the account, by type.
  init(
    _ semantics: AWSSemantics, _ principals: [Principal],
    nodes: @escaping @Sendable (String) -> [GraphNode]
  ) {
    self.semantics = semantics
    let subjects = principals.map {
      EscalationSubject($0, named: $0.arn, semantics.shelf.policies(governing: $0.node))
    }
    users = subjects.filter(\.value.isUser)
    roles = subjects.filter { !$0.value.isUser }
    self.nodes = nodes
  }

  var groups: [GraphNode] { nodes("aws.iam.group") }

  func things(ofType type: String) -> [EscalationSubject<GraphNode>] {
    things.value(of: type) {
      nodes(type).map {
        EscalationSubject($0, named: $0.requestedName, semantics.shelf.policies(governing: $0))
      }
    }
  }

  func running(
    _ target: EscalationMethod.Target, ofType type: String,
    _ requirement: EscalationMethod.Requirement?
  ) -> [EscalationSubject<EscalationBinding>] {
    running.value(of: target) {
      things(ofType: type).compactMap { $0.map { binding(of: $0, requirement) } }
    }
  }

  func passable(to service: String) -> [PassableRole] {
    let all = passable.value {
      var all: [String: [PassableRole]] = [:]
      for role in roles {
        for (service, trusted) in serviceTrusts(of: role.value) {
          all[service, default: []].append(trusted)
        }
      }
      return all
    }
    return all[service] ?? []
  }

  private func serviceTrusts(of role: Principal) -> [(String, PassableRole)] {
    (semantics.trusts[role.arn] ?? []).compactMap { party in
      guard case .service(let name) = party.requester else { return nil }
      let answer = semantics.answer(of: role, to: name)
      guard answer.decision.isPossible else { return nil }
      let facts = answer.grant.map {
        semantics.facts(of: $0, saying: "lets the service \(name) assume \(role.label)")
      }
      return (name, PassableRole(arn: role.arn, decision: answer.decision, facts: facts ?? []))
    }
  }

  /// `nil` for what runs as nobody.
  private func binding(
    of node: GraphNode, _ requirement: EscalationMethod.Requirement?
  ) -> EscalationBinding? {
    let graph = semantics.graph
    let runs = graph.edges(.runsAs, from: node)
    guard !runs.isEmpty else { return nil }
    let decision: Decision =
      switch requirement {
      case nil: .allowed
      case .isStarted:
        graph.edges(.triggers, to: node).isEmpty && graph.edges(.invokes, to: node).isEmpty
          ? .conditional("somebody starts \(node.name)") : .allowed
      case .takesSessions: .any(runs.map { hasAgent(roleBehind($0), Self.sessionActions) })
      case .takesCommands:
        .any(runs.flatMap { run in Self.commandActions.map { hasAgent(roleBehind(run), $0) } })
      case .isReachable: .conditional("the caller can reach \(node.name) by SSH")
      }
    return EscalationBinding(
      end: node.id, transfer: .control, thing: node.requestedName, decision: decision,
      facts: runs.map { $0.fact(in: graph) })
  }

  /// A machine runs as a role by way of its instance profile.
  private func roleBehind(_ edge: GraphEdge) -> Principal? {
    semantics.principals[edge.to]
      ?? semantics.graph.edges(.runsAs, from: edge.to).lazy
      .compactMap { [semantics] in semantics.principals[$0.to] }.first
  }

  /// Source: Systems Manager User Guide, "Verify or create an IAM role with Session Manager
  /// permissions", "Reference: ec2messages, ssmmessages, and other API operations".
  private static let sessionActions = [
    "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
  ]
  private static let commandActions = [
    ["ssm:UpdateInstanceInformation", "ec2messages:GetMessages"],
    [
      "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel",
      "ssmmessages:OpenControlChannel",
    ],
  ]

  private func hasAgent(_ role: Principal?, _ actions: [String]) -> Decision {
    guard let role else { return .unknown("the role of an instance profile") }
    return .all(actions.map { semantics.access(role, $0, on: "*").decision })
  }
}

extension GraphNode {
  /// A version of a launch template is no resource of its own.
  var requestedName: String {
    let id = id
    guard type == "aws.ec2.launchTemplateVersion", let version = id.lastIndex(of: ":") else {
      return id
    }
    return String(id[..<version])
  }
}
