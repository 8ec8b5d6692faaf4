internal import Model

/// What principals may try methods on.
struct EscalationEstate: Sendable {
  let semantics: AWSSemantics
  /// Of each account its principals but those of services.
  private let principals: [String: [Principal]]
  /// Each is looked at when somebody in it holds the permissions of a method: most do not.
  private let accounts = Memo<String, EscalationAccount>()
  /// What exists, by type and account.
  private let things = Memo<String, [String: [GraphNode]]>()
  /// Resources as requests see them.
  private let resources = Memo<String, RequestedResource>()

  init(_ semantics: AWSSemantics) {
    self.semantics = semantics
    principals = Dictionary(
      grouping: semantics.order.compactMap { semantics.principals[$0] }
        .filter { !$0.isServiceLinked }, by: \.account)
  }

  private func account(of source: Principal) -> EscalationAccount {
    let id = source.account
    return accounts.value(of: id) {
      Reads.note(.principals, id)
      let graph = semantics.graph
      // Not the estate, which has the accounts: neither would ever be given back.
      return EscalationAccount(semantics, principals[id] ?? []) { [things] type in
        Reads.note(.estate, "\(type) \(id)")
        return Self.things(ofType: type, in: graph, things)[id] ?? []
      }
    }
  }

  private static func things(
    ofType type: String, in graph: Graph, _ known: Memo<String, [String: [GraphNode]]>
  ) -> [String: [GraphNode]] {
    known.value(of: type) {
      Reads.apart {
        let nodes = graph.nodes(ofType: type)
        let accounts = nodes.parallelMap { $0.state("account")?.string }
        var found: [String: [GraphNode]] = [:]
        for (node, account) in zip(nodes, accounts) {
          if let account { found[account, default: []].append(node) }
        }
        return found
      }
    }
  }

  func resource(named name: String) -> RequestedResource {
    resources.value(of: name) { RequestedResource(name, in: semantics) }
  }

  /// What a principal may pass, found once for all methods.
  struct Passing {
    fileprivate var mayPass: Bool?
    fileprivate var bindings: [String: [EscalationBinding]] = [:]
  }

  /// - Parameter passing: the principal's, found once for all methods.
  func bindings(
    of plan: EscalationPlan, _ source: Principal, _ passing: inout Passing
  ) -> AnySequence<EscalationBinding> {
    let target = plan.method.target
    switch target {
    case .trust: return AnySequence([])
    case .passing(let service, let type):
      let roles = bindings(passing: service, source, &passing)
      guard let type, !roles.isEmpty else { return AnySequence(roles) }
      let existing = account(of: source).things(ofType: type)
      return AnySequence(
        roles.lazy.flatMap { role in
          existing.lazy.map { thing in
            var binding = role
            binding.thing = thing.value.requestedName
            return binding
          }
        })
    case .automation(let type, let requirement):
      let account = account(of: source)
      let covered = covering(.thing, plan, source)
      guard account.things(ofType: type).contains(where: { covered.fits($0) }) else {
        return AnySequence([])
      }
      return AnySequence(
        account.running(target, ofType: type, requirement).lazy.filter { covered.fits($0) }
          .map(\.value))
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

  /// Whether the caller has statements for all that a method takes on a resource: most have none,
  /// and need not be judged.
  private struct Covering {
    let grants: [[Statement]]

    func fits<Value>(_ subject: EscalationSubject<Value>) -> Bool {
      subject.isOpen || grants.allSatisfy { $0.contains { $0.mayCover(subject.name) } }
    }
  }

  private func covering(
    _ kind: EscalationMethod.Resource, _ plan: EscalationPlan, _ source: Principal
  ) -> Covering {
    Covering(
      grants: plan.asked.filter { $0.resource == kind }.map { source.grants(of: $0.action) })
  }

  private func others(
    _ source: Principal, _ kind: EscalationMethod.Resource, _ plan: EscalationPlan
  ) -> LazyMapSequence<LazyFilterSequence<[EscalationSubject<Principal>]>, Principal> {
    let covered = covering(kind, plan, source)
    let account = account(of: source)
    return (kind == .user ? account.users : account.roles).lazy.filter {
      $0.value.arn != source.arn && covered.fits($0)
    }.map(\.value)
  }

  private func bindings(
    passing service: String, _ source: Principal, _ passing: inout Passing
  ) -> [EscalationBinding] {
    if let known = passing.bindings[service] { return known }
    let account = account(of: source)
    let grants = source.grants(of: Self.passRole)
    let mayPass =
      passing.mayPass
      ?? account.roles.contains { role in grants.contains { $0.mayCover(role.name) } }
    passing.mayPass = mayPass
    guard mayPass else { return [] }
    let keys = ["iam:passedtoservice": KeyValue.known([service])]
    let found = account.passable(to: service).compactMap { role -> EscalationBinding? in
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
    passing.bindings[service] = found
    return found
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
    let covered = covering(.policy, plan, source)
    return who.policies.filter {
      !$0.id.contains("#") && ARN($0.id)?.account == who.account
        && covered.fits(EscalationSubject($0, named: $0.id, semantics.resourcePolicies(of: $0.id)))
    }.map {
      var binding = raising(who, source, way)
      binding.policy = $0.id
      binding.facts += $0.way.facts(in: semantics.graph)
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
    return account(of: source).groups.compactMap { group in
      let policies = semantics.graph.edges(.grantedBy, from: group.id).map {
        semantics.shelf.policy(.attached($0), in: group.scope)
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
