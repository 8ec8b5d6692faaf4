internal import Model

/// What there is in each account to escalate by.
struct EscalationEstate: Sendable {
  let semantics: AWSSemantics
  /// Of each account: its principals but those of services, and its groups.
  private let principals: [String: [Principal]]
  private let groups: [String: [GraphNode]]
  /// What exists, by type and account.
  private var things: [String: [String: [GraphNode]]] = [:]
  /// What runs as a role, ready to be tried, by account.
  private var running: [EscalationMethod.Target: [String: [EscalationBinding]]] = [:]
  /// Roles by account and by the service that they trust to act for the account.
  private var passable: [String: [String: [PassableRole]]] = [:]
  /// Principals and things as requests see them.
  private let resources: [String: RequestedResource]

  private struct PassableRole: Sendable {
    var arn: String
    var decision: Decision
    var facts: [Fact]
  }

  init(_ semantics: AWSSemantics) {
    self.semantics = semantics
    let graph = semantics.graph
    func byAccount(_ type: String) -> [String: [GraphNode]] {
      var nodes: [String: [GraphNode]] = [:]
      for node in graph.nodes(ofType: type) {
        guard let account = node.merged.state["account"]?.string else { continue }
        nodes[account, default: []].append(node)
      }
      return nodes
    }
    let all = semantics.order.compactMap { semantics.principals[$0] }
      .filter { !$0.isServiceLinked }
    principals = Dictionary(grouping: all, by: \.account)
    groups = byAccount("aws.iam.group")
    var asked = all.map { ($0.arn, $0.arn) }
    for type in Set(EscalationMethod.all.compactMap(\.target.type)) {
      things[type] = byAccount(type)
      asked += things[type]?.values.joined().map { ($0.id, Self.resourceName($0)) } ?? []
    }
    resources = Dictionary(
      uniqueKeysWithValues: asked.parallelMap { ($0, RequestedResource($1, in: semantics)) })
    for target in Set(EscalationMethod.all.map(\.target)) {
      guard case .automation(let type, let requirement) = target else { continue }
      running[target] = things[type]?.mapValues { nodes in
        nodes.compactMap { self.running($0, requirement) }
      }
    }
    let base = self
    let trusting = all.filter { !$0.isUser }.parallelMap { ($0, base.serviceTrusts(of: $0)) }
    for (role, services) in trusting {
      for (service, trusted) in services {
        passable[role.account, default: [:]][service, default: []].append(trusted)
      }
    }
  }

  /// A version of a launch template is no resource of its own.
  private static func resourceName(_ thing: GraphNode) -> String {
    guard thing.type == "aws.ec2.launchTemplateVersion",
      let version = thing.id.lastIndex(of: ":")
    else { return thing.id }
    return String(thing.id[..<version])
  }

  /// A principal or a thing of the estate, or whatever else has that name.
  func resource(named name: String) -> RequestedResource {
    resources[name] ?? RequestedResource(name, in: semantics)
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

  /// - Parameter passed: what the principal may pass to each service, found once for all methods.
  func bindings(
    of plan: EscalationPlan, _ source: Principal, _ passed: inout [String: [EscalationBinding]]
  ) -> AnySequence<EscalationBinding> {
    let target = plan.method.target
    switch target {
    case .trust: return AnySequence([])
    case .passing(let service, let type):
      let roles = passed[service] ?? passing(to: service, source)
      passed[service] = roles
      guard let type else { return AnySequence(roles) }
      let existing = things[type]?[source.account] ?? []
      return AnySequence(
        roles.lazy.flatMap { role in
          existing.lazy.map { thing in
            var binding = role
            binding.thing = thing.id
            return binding
          }
        })
    case .automation:
      let covered = covered(.thing, plan, source)
      return AnySequence(
        (running[target]?[source.account] ?? []).lazy.filter { covered($0.thing ?? "") })
    case .user(let entry):
      return AnySequence(others(source, .user, plan).map { taken($0, entry) })
    case .retrustedRole:
      return AnySequence(
        others(source, .role, plan).map { role in
          EscalationBinding(
            end: role.arn, transfer: .acquire, role: role.arn, decision: mayEnter(source, role))
        })
    case .ownRole: return AnySequence(source.isUser ? [] : [raising(source, source)])
    case .ownUser: return AnySequence(source.isUser ? [raising(source, source)] : [])
    case .ownPolicy: return AnySequence(raisingPolicies(of: source, source, plan))
    case .ownGroup: return AnySequence(ownGroups(source))
    case .administratorGroup: return AnySequence(administratorGroups(source))
    case .raisedRole(let entry):
      return AnySequence(entered(source, entry, plan).map { raising($0.0, source, $0.1) })
    case .raisedRoleByPolicy(let entry):
      return AnySequence(
        entered(source, entry, plan).flatMap { raisingPolicies(of: $0.0, source, plan, $0.1) })
    case .raisedUser:
      return AnySequence(
        others(source, .user, plan).map { user in
          var binding = raising(user, source)
          let key = taken(user, .freeKey)
          binding.decision = binding.decision.and(key.decision)
          return binding
        })
    }
  }

  /// Whether the caller has statements for all that a method takes on a resource of a kind: most
  /// have none, and need not be judged.
  private func covered(
    _ kind: EscalationMethod.Resource, _ plan: EscalationPlan, _ source: Principal
  ) -> (String) -> Bool {
    let grants = plan.asked.filter { $0.resource == kind }.map { source.grants(of: $0.action) }
    return { name in
      let resource = resource(named: name)
      return !resource.policies.isEmpty
        || grants.allSatisfy { $0.contains { $0.mayCover(resource.bytes) } }
    }
  }

  private func others(
    _ source: Principal, _ kind: EscalationMethod.Resource, _ plan: EscalationPlan
  ) -> LazyFilterSequence<[Principal]> {
    let covered = covered(kind, plan, source)
    return (principals[source.account] ?? []).lazy.filter {
      $0.isUser == (kind == .user) && $0.arn != source.arn && covered($0.arn)
    }
  }

  private func passing(to service: String, _ source: Principal) -> [EscalationBinding] {
    let grants = source.grants(of: Self.passRole)
    let keys = ["iam:passedtoservice": KeyValue.known([service])]
    return (passable[source.account]?[service] ?? []).compactMap { role in
      let resource = resource(named: role.arn)
      guard role.arn != source.arn, grants.contains(where: { $0.mayCover(resource.bytes) }) else {
        return nil
      }
      let answer = semantics.access(source, Self.passRole, on: resource, keys: keys)
      guard answer.decision.isPossible else { return nil }
      var binding = EscalationBinding(
        end: role.arn, transfer: .control, role: role.arn, keys: keys, passing: answer,
        decision: role.decision, facts: role.facts)
      if service == "ec2.amazonaws.com" {
        let (decision, facts) = isCarried(role.arn, source)
        binding.decision = binding.decision.and(decision)
        binding.facts += facts
      }
      return binding
    }
  }

  /// `nil` for what runs as nobody.
  private func running(
    _ node: GraphNode, _ requirement: EscalationMethod.Requirement?
  ) -> EscalationBinding? {
    let graph = semantics.graph
    let runs = graph.edges(.runsAs, from: node.id)
    guard !runs.isEmpty else { return nil }
    let decision: Decision =
      switch requirement {
      case nil: .allowed
      case .isStarted:
        graph.edges(.triggers, to: node.id).isEmpty && graph.edges(.invokes, to: node.id).isEmpty
          ? .conditional("somebody starts \(node.name)") : .allowed
      case .takesSessions: .any(runs.map { hasAgent(roleBehind($0), Self.sessionActions) })
      case .takesCommands:
        .any(runs.flatMap { run in Self.commandActions.map { hasAgent(roleBehind(run), $0) } })
      case .isReachable: .conditional("the caller can reach \(node.name) by SSH")
      }
    return EscalationBinding(
      end: node.id, transfer: .control, thing: node.id, decision: decision,
      facts: runs.map { $0.fact(in: graph) })
  }

  /// A machine runs as a role by way of its instance profile.
  private func roleBehind(_ edge: GraphEdge) -> Principal? {
    semantics.principals[edge.to]
      ?? semantics.graph.edges(.runsAs, from: edge.to).lazy
      .compactMap { semantics.principals[$0.to] }.first
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

  /// EC2 takes a role only in an instance profile: one that there is, or one that the caller makes
  /// and puts the role into.
  /// Source: IAM User Guide, "Use instance profiles"; Service Authorization Reference,
  /// `iam:AddRoleToInstanceProfile`.
  private func isCarried(_ role: String, _ source: Principal) -> (Decision, [Fact]) {
    let profile = semantics.graph.edges(.runsAs, to: role).first {
      semantics.graph.nodes[$0.from]?.type == "aws.iam.instanceProfile"
    }
    if let profile { return (.allowed, [profile.fact(in: semantics.graph)]) }
    let actions = ["iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"]
    let made = newResource("iam:instance-profile/*", actions, source) ?? []
    let listed = semantics.listing("aws.iam.instanceProfile", in: source.scope).negated
    guard !made.isEmpty else { return (listed, []) }
    let facts = zip(actions, made).flatMap { action, answer in
      answer.grant.map { semantics.facts(of: $0, saying: "allows \(action)") } ?? []
    }
    return (.any([listed, .all(made.map(\.decision))]), facts)
  }

  /// Source: IAM User Guide, "IAM and AWS STS quotas": a user has two access keys at most.
  private func taken(_ user: Principal, _ entry: EscalationMethod.UserEntry) -> EscalationBinding {
    let keys = semantics.graph.edges(.authenticatesAs, to: user.arn).filter {
      semantics.graph.nodes[$0.from]?.type == "aws.iam.accessKey"
    }.count
    let listed = semantics.listing("aws.iam.accessKey", in: user.scope)
    let decision: Decision =
      switch entry {
      case .freeKey: keys < 2 ? listed : .denied
      case .fullKeys: keys < 2 ? listed.negated : .allowed
      case .newPassword: .conditional("user \(user.node.name) has no password")
      case .otherPassword: .conditional("user \(user.node.name) has a password")
      }
    return EscalationBinding(
      end: user.arn, transfer: .acquire, user: user.arn, decision: decision)
  }

  /// Whether nothing but the role's trust keeps somebody out.
  private func mayEnter(_ source: Principal, _ role: Principal) -> Decision {
    let request = Request(
      AWSSemantics.action, on: role.arn,
      in: semantics.context(of: source, using: resource(named: role.arn)))
    return source.isNotForbidden(request, isNamedItself: source.isUser)
  }

  /// Roles of the account that the caller can assume, or could once it rewrote their trust.
  private func entered(
    _ source: Principal, _ entry: EscalationMethod.RoleEntry, _ plan: EscalationPlan
  ) -> some Sequence<(Principal, EscalationBinding)> {
    let none = EscalationBinding(end: "", transfer: .control)
    return others(source, .role, plan).compactMap { role -> (Principal, EscalationBinding)? in
      var way = none
      switch entry {
      case .retrust: way.decision = mayEnter(source, role)
      case .assume:
        guard
          let hop = semantics.trusts[role.arn]?.map(\.hop).first(where: { $0.from == source.arn })
        else { return nil }
        way.decision = hop.decision
        way.facts = hop.facts
      }
      return (role, way)
    }
  }

  /// The caller makes somebody an administrator: as far as its boundary lets it be one.
  private func raising(
    _ who: Principal, _ source: Principal, _ way: EscalationBinding? = nil
  ) -> EscalationBinding {
    EscalationBinding(
      end: administrators(of: source.account), transfer: .control,
      role: who.isUser ? nil : who.arn, user: who.isUser ? who.arn : nil,
      keys: ["iam:permissionsboundary": who.boundaryKey],
      decision: (way?.decision ?? .allowed).and(semantics.potential(who)),
      facts: way?.facts ?? [])
  }

  private func raisingPolicies(
    of who: Principal, _ source: Principal, _ plan: EscalationPlan,
    _ way: EscalationBinding? = nil
  ) -> [EscalationBinding] {
    let covered = covered(.policy, plan, source)
    return who.policies.filter {
      !$0.id.contains("#") && ARN($0.id)?.account == who.account && covered($0.id)
    }.map {
      var binding = raising(who, source, way)
      binding.policy = $0.id
      binding.facts += $0.way
      return binding
    }
  }

  private func ownGroups(_ source: Principal) -> [EscalationBinding] {
    semantics.graph.edges(.memberOf, from: source.arn).map { membership in
      var binding = raising(source, source)
      binding.user = nil
      binding.group = membership.to
      binding.facts = [membership.fact(in: semantics.graph)]
      return binding
    }
  }

  /// Groups whose policies alone would make a member an administrator.
  private func administratorGroups(_ source: Principal) -> [EscalationBinding] {
    guard source.isUser else { return [] }
    return (groups[source.account] ?? []).compactMap { group in
      let policies = semantics.graph.edges(.grantedBy, from: group.id).map {
        semantics.shelf.policy($0.to, in: group.scope, way: [$0.fact(in: semantics.graph)])
      }
      let answers = semantics.everything(source).map { policies.answer($0) }
      guard let grant = answers[0].grant else { return nil }
      var binding = raising(source, source)
      binding.group = group.id
      binding.decision = .all(answers.map(\.decision)).and(binding.decision)
      binding.facts = semantics.facts(of: grant, saying: "allows its members everything")
      return binding.decision.isPossible ? binding : nil
    }
  }
}
