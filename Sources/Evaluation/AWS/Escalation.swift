internal import Model

/// A method that works for somebody.
struct Escalation: Sendable {
  var method: EscalationMethod
  /// What is gained: a principal, an automation, or the administrators of the account.
  var end: String
  var transfer: Transfer
  var decision: Decision
  var facts: [Fact]
  var cause: String

  /// The firmer first, then the simpler, then in order of ids.
  func precedes(_ other: Escalation) -> Bool {
    if end != other.end { return end.precedes(other.end) }
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
    return (order.compactMap { principals[$0] } + sessions).flatMap { source -> [Hop] in
      let own = administrating[source.id].map { administration(of: source, $0) }
      if let own, own.decision == .allowed { return [own] }
      let found = estate.escalations(of: source).sorted { $0.precedes($1) }
      let gained = Dictionary(grouping: found, by: \.end).values.map { hop(source, $0) }
      // Who administers an account only under conditions may gain a part of it without them.
      return (gained.filter { $0.decision.level > own?.decision.level ?? .denied } + [own])
        .compactMap(\.self).sorted { $0.precedes($1) }
    }
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

  private func hop(_ source: Principal, _ ways: [Escalation]) -> Hop {
    let best = ways[0]
    let others = ways.dropFirst().map(\.method.id)
    let also = others.isEmpty ? "" : ", also \(others.joined(separator: ", "))"
    let what =
      best.end == administrators(of: source.account)
      ? "an administrator of account \(source.account)"
      : graph.nodes[best.end].map { "control of \($0.name)" } ?? best.end
    return Hop(
      kind: "canEscalateTo", from: source.id, to: best.end, transfer: best.transfer,
      decision: .any(ways.map(\.decision)),
      sentence: "\(source.label) can gain \(what): \(best.method.name) (\(best.method.id)\(also))",
      facts: best.facts, limits: source.limitFacts, cause: best.cause)
  }
}

extension Principal {
  var label: String {
    session == nil
      ? "\(isUser ? "user" : "role") \(node.name)" : "a limited session of role \(node.name)"
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
  var thing: String?
  /// Keys that the method decides.
  var keys: [String: KeyValue] = [:]
  /// What else must hold, and what that stands on.
  var decision = Decision.allowed
  var facts: [Fact] = []
}

extension EscalationEstate {
  /// Every method that works for a principal, once for each thing that it gains.
  func escalations(of source: Principal) -> [Escalation] {
    let held = heldActions(source)
    return EscalationMethod.all.flatMap { method -> [Escalation] in
      guard method.permissions.allSatisfy({ held.contains($0.action) || isByTrust($0, method) })
      else { return [] }
      var best: [String: Escalation] = [:]
      for binding in bindings(of: method.target, source) {
        // Of several ways to the same end the first firm one is enough.
        guard best[binding.end]?.decision != .allowed,
          let found = judge(method, binding, source), found.decision.isPossible,
          found.decision.level > best[binding.end]?.decision.level ?? .denied
        else { continue }
        best[binding.end] = found
      }
      return best.sorted { $0.key.precedes($1.key) }.map(\.value)
    }
  }

  /// That a caller may assume a role is decided with the role's trust, before this.
  private func isByTrust(
    _ permission: EscalationMethod.Permission, _ method: EscalationMethod
  ) -> Bool { permission.action == AWSSemantics.action && method.target != .trust }

  /// The actions of methods that a principal has any statement for, or that its resources' might.
  private func heldActions(_ source: Principal) -> Set<String> {
    Self.actions.filter { action in
      let bytes = Array(action.lowercased().utf8)
      return source.policies.contains { policy in
        policy.compiled?.statements.contains {
          $0.effect == .allow && $0.actions.decision(for: bytes, in: source.context).isPossible
        } ?? false
      }
    }
  }

  private static let actions = Set(EscalationMethod.all.flatMap(\.permissions).map(\.action))

  private func judge(
    _ method: EscalationMethod, _ binding: EscalationBinding, _ source: Principal
  ) -> Escalation? {
    var decision = binding.decision
    var facts: [Fact] = []
    var cause: String?
    let held = method.permissions.filter { !isByTrust($0, method) }
    let (made, touched) = held.split { if case .new = $0.resource { true } else { false } }
    var answers = touched.map { permission in
      (
        permission,
        semantics.access(
          source, permission.action, on: arn(permission.resource, binding, source),
          keys: keys(permission, binding))
      )
    }
    for (kind, permissions) in Dictionary(grouping: made, by: \.resource) {
      guard case .new(let pattern) = kind else { continue }
      guard let best = newResource(pattern, permissions, source) else { return nil }
      answers += zip(permissions, best)
    }
    let rank = Dictionary(
      uniqueKeysWithValues: held.enumerated().map { ($0.element, $0.offset) })
    for (permission, answer) in answers.sorted(by: { rank[$0.0] ?? 0 < rank[$1.0] ?? 0 }) {
      decision = decision.and(answer.decision)
      guard decision.isPossible, let grant = answer.grant else { return nil }
      facts += semantics.facts(of: grant, saying: "allows \(permission.action)")
      cause = cause ?? grant.policy.cause(grant.statement)
    }
    return Escalation(
      method: method, end: binding.end, transfer: binding.transfer, decision: decision,
      facts: facts + binding.facts, cause: cause ?? "identity \(source.arn)")
  }

  /// The best answers for something that the caller makes: it may choose the name, but only one.
  private func newResource(
    _ pattern: String, _ permissions: [EscalationMethod.Permission], _ source: Principal
  ) -> [AccessAnswer]? {
    var best: (level: Decision.Level, answers: [AccessAnswer])?
    for name in candidates(pattern, permissions.map(\.action), source) {
      let answers = permissions.map { semantics.access(source, $0.action, on: name) }
      let level = Decision.all(answers.map(\.decision)).level
      if level > best?.level ?? .denied { best = (level, answers) }
      if level == .allowed { break }
    }
    return best?.answers
  }

  private func keys(
    _ permission: EscalationMethod.Permission, _ binding: EscalationBinding
  ) -> [String: KeyValue] {
    var keys = binding.keys
    if permission.action.hasPrefix("iam:Attach") {
      keys["iam:PolicyARN"] = .known([Self.administratorPolicy])
    }
    return keys
  }

  private static let administratorPolicy = "arn:aws:iam::aws:policy/AdministratorAccess"
}

extension Array {
  fileprivate func split(_ isFirst: (Element) -> Bool) -> ([Element], [Element]) {
    (filter(isFirst), filter { !isFirst($0) })
  }
}
