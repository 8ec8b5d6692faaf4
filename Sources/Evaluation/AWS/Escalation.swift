internal import Model

/// A method that works for somebody.
struct Escalation: Sendable {
  var method: EscalationMethod
  var binding: EscalationBinding
  var decision: Decision
  /// What allows each of its permissions, in their order.
  var grants: [(action: String, grant: PolicyAnswer.Grant)]

  /// The firmer first, then the simpler, then in order of ids.
  func precedes(_ other: Escalation) -> Bool {
    if decision.level != other.decision.level { return decision.level > other.decision.level }
    let (one, two) = (method.permissions.count, other.method.permissions.count)
    return one == two ? method.id.precedes(other.method.id) : one < two
  }
}

/// `aws:account:ACC#administrators`: whoever may do everything in the account.
func administrators(of account: String) -> String { "aws:account:\(account)#administrators" }

extension AWSSemantics {
  /// `canEscalateTo` hops, one for each thing that a principal can gain, over all methods.
  ///
  /// An administrator has one, to the administrators of its account: it could gain anything there.
  func escalationHops(_ reaching: [Hop]) -> [Hop] {
    let estate = EscalationEstate(self)
    let administrating = Dictionary(
      reaching.filter { $0.to.hasSuffix("#*") && $0.level == .manageAccess }
        .map { ($0.from, $0) }
    ) { first, _ in first }
    return (order.compactMap { principals[$0] } + sessions).parallelMap { source -> [Hop] in
      let own = administrating[source.id].map { administration(of: source, $0) }
      if let own, own.decision == .allowed { return [own] }
      let gained = Dictionary(grouping: estate.escalations(of: source), by: \.binding.end)
        .map { hop(source, $0.value.sorted { $0.precedes($1) }) }
      // Who administers an account only under conditions may gain a part of it without them.
      return (gained.filter { $0.decision.level > own?.decision.level ?? .denied } + [own])
        .compactMap(\.self).sorted { $0.precedes($1) }
    }.flatMap(\.self)
  }

  private func administration(of source: Principal, _ reaching: Hop) -> Hop {
    var hop = reaching
    hop.kind = "canEscalateTo"
    hop.to = administrators(of: source.account)
    hop.transfer = .acquire
    hop.level = nil
    hop.sentence = "\(source.label) administers account \(source.account)"
    return hop
  }

  /// - Parameter ways: to one end, the best first.
  private func hop(_ source: Principal, _ ways: [Escalation]) -> Hop {
    let best = ways[0]
    let end = best.binding.end
    let others = ways.dropFirst().map(\.method.id)
    let also = others.isEmpty ? "" : ", also \(others.joined(separator: ", "))"
    let what =
      end == administrators(of: source.account)
      ? "an administrator of account \(source.account)"
      : graph.nodes[end].map { "control of \($0.name)" } ?? end
    return Hop(
      kind: "canEscalateTo", from: source.id, to: end, transfer: best.binding.transfer,
      decision: .any(ways.map(\.decision)),
      sentence: "\(source.label) can gain \(what): \(best.method.name) (\(best.method.id)\(also))",
      facts: best.grants.flatMap { facts(of: $0.grant, saying: "allows \($0.action)") }
        + best.binding.facts,
      limits: source.limitFacts,
      cause: best.grants.first.map { $0.grant.policy.cause($0.grant.statement) }
        ?? "identity \(source.arn)")
  }
}

/// What a method is tried on.
struct EscalationBinding: Sendable {
  var end: String
  var transfer: Transfer
  var role: String?
  var user: String?
  var group: String?
  var policy: String?
  /// As requests name it.
  var thing: String?
  /// Keys that the method decides, by names in lower case.
  var keys: [String: KeyValue] = [:]
  /// What is allowed in passing the role, where it is passed.
  var passing: AccessAnswer?
  /// What else must hold, and what that stands on.
  var decision = Decision.allowed
  var facts: [Fact] = []
}

/// A method as it is tried: what it takes of the caller itself, apart by what that depends on.
struct EscalationPlan: Sendable {
  let method: EscalationMethod
  /// That a caller may assume a role is decided with the role's trust, before this.
  let asked: [EscalationMethod.Permission]
  let required: ActionSet
  /// What the caller makes, with the places of its permissions in `asked`.
  let made: [(pattern: String, places: [Int])]

  static let all = EscalationMethod.all.filter { $0.target != .trust }.map(EscalationPlan.init)

  private init(_ method: EscalationMethod) {
    self.method = method
    let asked = method.permissions.filter { $0.action != AWSSemantics.action }
    self.asked = asked
    required = ActionSet(asked.map(\.action))
    var made: [(pattern: String, places: [Int])] = []
    for (place, permission) in asked.enumerated() {
      guard case .new(let pattern) = permission.resource else { continue }
      if let known = made.firstIndex(where: { $0.pattern == pattern }) {
        made[known].places.append(place)
      } else {
        made.append((pattern, [place]))
      }
    }
    self.made = made
  }

  /// Whether all that it is tried on leads to the same end.
  var hasOneEnd: Bool {
    switch method.target {
    case .ownRole, .ownUser, .ownPolicy, .ownGroup, .administratorGroup, .raisedRole,
      .raisedRoleByPolicy, .raisedUser:
      true
    case .passing, .automation, .user, .retrustedRole, .trust: false
    }
  }
}

extension EscalationEstate {
  /// Every method that works for a principal, once for each thing that it gains.
  func escalations(of source: Principal) -> [Escalation] {
    var found: [Escalation] = []
    var passing = Passing()
    for plan in EscalationPlan.all where source.granted.isSuperset(of: plan.required) {
      guard let made = made(plan, source) else { continue }
      var best: [String: Int] = [:]
      for binding in bindings(of: plan, source, &passing) {
        let known = best[binding.end]
        // Of several ways to the same end the first firm one is enough.
        if let known, found[known].decision == .allowed {
          if plan.hasOneEnd { break } else { continue }
        }
        guard let way = judge(plan, binding, made, source),
          way.decision.level > known.map({ found[$0].decision.level }) ?? .denied
        else { continue }
        if let known {
          found[known] = way
        } else {
          best[binding.end] = found.count
          found.append(way)
        }
      }
    }
    return found
  }

  /// What is allowed of what the caller makes, by places; `nil` where something is not.
  private func made(_ plan: EscalationPlan, _ source: Principal) -> [AccessAnswer?]? {
    var answers = [AccessAnswer?](repeating: nil, count: plan.asked.count)
    for (pattern, places) in plan.made {
      guard let best = newResource(pattern, places.map { plan.asked[$0].action }, source) else {
        return nil
      }
      for (place, answer) in zip(places, best) { answers[place] = answer }
    }
    return answers
  }

  /// `nil` where it does not work.
  private func judge(
    _ plan: EscalationPlan, _ binding: EscalationBinding, _ made: [AccessAnswer?],
    _ source: Principal
  ) -> Escalation? {
    var decision = binding.decision
    var grants: [(action: String, grant: PolicyAnswer.Grant)] = []
    for (place, permission) in plan.asked.enumerated() {
      let answer =
        made[place] ?? (permission.action == Self.passRole ? binding.passing : nil)
        ?? semantics.access(
          source, permission.action, on: resource(permission.resource, binding, source),
          keys: keys(permission, binding))
      decision = decision.and(answer.decision)
      guard decision.isPossible, let grant = answer.grant else { return nil }
      grants.append((permission.action, grant))
    }
    return Escalation(method: plan.method, binding: binding, decision: decision, grants: grants)
  }

  /// The best answers for something that the caller makes: it may choose the name, but only one.
  func newResource(
    _ pattern: String, _ actions: [String], _ source: Principal
  ) -> [AccessAnswer]? {
    var best: (level: Decision.Level, answers: [AccessAnswer])?
    for name in candidates(pattern, actions, source) {
      let resource = RequestedResource(name, in: semantics)
      let answers = actions.map { semantics.access(source, $0, on: resource) }
      let level = Decision.all(answers.map(\.decision)).level
      if level > best?.level ?? .denied { best = (level, answers) }
      if level == .allowed { break }
    }
    return best?.answers
  }

  private func keys(
    _ permission: EscalationMethod.Permission, _ binding: EscalationBinding
  ) -> [String: KeyValue] {
    guard permission.action.hasPrefix("iam:Attach") else { return binding.keys }
    var keys = binding.keys
    keys["iam:policyarn"] = .known([Self.administratorPolicy])
    return keys
  }

  static let passRole = "iam:PassRole"
  private static let administratorPolicy = "arn:aws:iam::aws:policy/AdministratorAccess"
}
