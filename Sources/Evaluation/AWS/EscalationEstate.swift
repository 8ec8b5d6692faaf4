internal import Model

/// What there is in each account to escalate by.
struct EscalationEstate: Sendable {
  let semantics: AWSSemantics
  /// Of each account: its principals, its groups, and what runs as a role, by type.
  private var principals: [String: [Principal]] = [:]
  private var groups: [String: [GraphNode]] = [:]
  private var things: [String: [String: [GraphNode]]] = [:]
  /// Roles by account and by the service that they trust to act for the account.
  private var passable: [String: [String: [(role: Principal, grant: PolicyAnswer)]]] = [:]

  init(_ semantics: AWSSemantics) {
    self.semantics = semantics
    let all = semantics.order.compactMap { semantics.principals[$0] }
    principals = Dictionary(
      grouping: all.filter { !PrincipalReader.isServiceLinked($0.node) }, by: \.account)
    for node in semantics.graph.order.compactMap({ semantics.graph.nodes[$0] }) {
      guard let account = node.merged.state["account"]?.string else { continue }
      if node.type == "aws.iam.group" { groups[account, default: []].append(node) }
      things[account, default: [:]][node.type, default: []].append(node)
    }
    for role in all where !role.isUser && !PrincipalReader.isServiceLinked(role.node) {
      for (service, answer) in serviceTrusts(of: role) {
        passable[role.account, default: [:]][service, default: []].append((role, answer))
      }
    }
  }

  /// The service acts for the account's own automation, whose name the caller chooses.
  private func serviceTrusts(of role: Principal) -> [(String, PolicyAnswer)] {
    (semantics.trusts[role.arn] ?? []).compactMap { party in
      guard case .service(let name) = party.requester else { return nil }
      var context = semantics.context(of: party.requester, trustedBy: role.account)
      context["aws:SourceAccount"] = .known([role.account])
      context["aws:SourceArn"] = .chosenName(account: role.account)
      let request = Request(AWSSemantics.action, on: role.arn, in: context)
      var answer = semantics.trustPolicies(of: role.arn).answer(request) {
        $0.fit(party.requester) > .none
      }
      answer.allow = answer.allow.and(role.limits.resourceDecision(request))
      return answer.decision.isPossible ? (name, answer) : nil
    }
  }

  func bindings(of target: EscalationMethod.Target, _ source: Principal) -> [EscalationBinding] {
    switch target {
    case .trust: return []
    case .passing(let service, let type): return passing(to: service, with: type, source)
    case .automation(let type, let requirement):
      return (things[source.account]?[type] ?? []).compactMap { running($0, requirement) }
    case .user(let entry): return others(source, users: true).map { taken($0, entry) }
    case .retrustedRole:
      return others(source, users: false).map { role in
        EscalationBinding(
          end: role.arn, transfer: .acquire, role: role.arn, decision: mayEnter(source, role))
      }
    case .ownRole: return source.isUser ? [] : [raising(source, source)]
    case .ownUser: return source.isUser ? [raising(source, source)] : []
    case .ownPolicy: return raisingPolicies(of: source, source)
    case .ownGroup: return ownGroups(source)
    case .administratorGroup: return administratorGroups(source)
    case .raisedRole(let entry): return entered(source, entry).map { raising($0.0, source, $0.1) }
    case .raisedRoleByPolicy(let entry):
      return entered(source, entry).flatMap { raisingPolicies(of: $0.0, source, $0.1) }
    case .raisedUser:
      return others(source, users: true).map { user in
        var binding = raising(user, source)
        let key = taken(user, .freeKey)
        binding.decision = binding.decision.and(key.decision)
        return binding
      }
    }
  }

  private func others(_ source: Principal, users: Bool) -> [Principal] {
    (principals[source.account] ?? []).filter { $0.isUser == users && $0.arn != source.arn }
  }

  private func passing(
    to service: String, with type: String?, _ source: Principal
  ) -> [EscalationBinding] {
    let existing = type.map { things[source.account]?[$0] ?? [] }
    return (passable[source.account]?[service] ?? []).filter { $0.role.arn != source.arn }
      .flatMap { role, answer in
        (existing?.map(\.id) ?? [nil]).map { thing in
          EscalationBinding(
            end: role.arn, transfer: .control, role: role.arn, thing: thing,
            keys: ["iam:PassedToService": .known([service])],
            decision: answer.decision,
            facts: answer.grant.map {
              semantics.facts(of: $0, saying: "lets the service \(service) assume \(role.label)")
            } ?? [])
        }
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
      case .hasAgent: .any(runs.map { registers(roleBehind($0)) })
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

  /// Source: Systems Manager User Guide, "Configure instance permissions required for SSM".
  private func registers(_ role: Principal?) -> Decision {
    guard let role else { return .unknown("the role of an instance profile") }
    return semantics.access(role, "ssm:UpdateInstanceInformation", on: "*").decision
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
      AWSSemantics.action, on: role.arn, in: semantics.context(of: source, using: role.arn))
    return source.isNotForbidden(request, isNamedItself: source.isUser)
  }

  /// Roles of the account that the caller can assume, or could once it rewrote their trust.
  private func entered(
    _ source: Principal, _ entry: EscalationMethod.RoleEntry
  ) -> [(Principal, EscalationBinding)] {
    let none = EscalationBinding(end: "", transfer: .control)
    return others(source, users: false).compactMap { role in
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
      keys: ["iam:PermissionsBoundary": who.boundaryKey],
      decision: (way?.decision ?? .allowed).and(semantics.potential(who)),
      facts: way?.facts ?? [])
  }

  private func raisingPolicies(
    of who: Principal, _ source: Principal, _ way: EscalationBinding? = nil
  ) -> [EscalationBinding] {
    who.policies.filter { ARN($0.id)?.account == who.account && !$0.id.contains("#") }.map {
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
