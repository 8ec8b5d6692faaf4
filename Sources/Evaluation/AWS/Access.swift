internal import Model

/// What both sides of a request say: who asks, and what is asked for.
struct AccessAnswer: Sendable {
  var decision: Decision
  /// The statement that allows it most firmly.
  var grant: PolicyAnswer.Grant?

  static let denied = AccessAnswer(decision: .denied, grant: nil)
}

extension AWSSemantics {
  /// What a principal may do to a resource by all policies together.
  ///
  /// In its own account its policies or the resource's are enough; in another both are needed. A
  /// KMS key has its own policy asked in any case, because without it no other policy counts.
  ///
  /// - Parameter keys: what a method decides, by names in lower case.
  ///
  /// Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic";
  /// KMS Developer Guide, "Key policies in AWS KMS".
  func access(
    _ source: Principal, _ action: String, on resource: String,
    keys: [String: KeyValue] = [:]
  ) -> AccessAnswer {
    access(source, action, on: RequestedResource(resource, in: self), keys: keys)
  }

  func access(
    _ source: Principal, _ action: String, on resource: RequestedResource,
    keys: [String: KeyValue] = [:]
  ) -> AccessAnswer {
    let request = Request(
      action, on: resource.bytes, in: context(of: source, using: resource, keys))
    let own = source.answer(request)
    // Without a statement that grants it there is nothing to report, whatever could not be read.
    let identity = AccessAnswer(
      decision: own.grant == nil ? .denied : own.decision, grant: own.grant)
    let account = resource.account ?? source.account
    let (policies, isKey) = (resource.policies, resource.isKey)
    guard !policies.isEmpty else {
      guard identity.decision.isPossible else { return .denied }
      let isOwn = account == source.account && !isKey
      let theirs = isOwn ? Decision.allowed : .unknown("resource policy of \(resource.id)")
      return AccessAnswer(
        decision: identity.decision.and(theirs).and(
          limits(on: resource, of: source).resourceDecision(request)), grant: identity.grant)
    }
    let limits = limits(on: resource, of: source).resourceDecision(request)
    let requester = Requester.identity(arn: source.arn, account: source.account)
    let theirs = policies.answer(request) { $0.fit(requester) > .none }
    guard account == source.account else {
      return AccessAnswer(
        decision: identity.decision.and(theirs.decision).and(limits), grant: identity.grant)
    }
    let named = policies.answer(request) { $0.effect == .allow && $0.fit(requester) > .account }
    let itself = policies.answer(request) {
      $0.effect == .allow && $0.namesItself(requester, isUser: source.isUser)
    }
    let direct = named.allow.and(
      source.isNotForbidden(request, isNamedItself: itself.allow.isPossible))
    let delegated = isKey ? identity.decision.and(theirs.allow) : identity.decision
    let best = direct.level > delegated.level
    return AccessAnswer(
      decision: (best ? direct : delegated).and(theirs.notDenied).and(limits),
      grant: best ? named.grant : identity.grant)
  }

  /// How the organization of a resource's account limits its use; not by service-linked roles.
  func limits(on resource: RequestedResource, of source: Principal) -> AccountLimits {
    source.isServiceLinked ? source.limits : resource.limits ?? source.limits
  }

  /// The keys of a principal's request about a resource.
  ///
  /// - Parameter keys: by names in lower case.
  func context(
    of source: Principal, using resource: RequestedResource, _ keys: [String: KeyValue] = [:]
  ) -> RequestContext {
    var context = source.context
    context.resource = resource
    context.decided = keys
    return context
  }

  func resourcePolicies(of id: String) -> [HeldPolicy] {
    graph.edges(.governs, to: id).map {
      shelf.policy($0.from, in: graph.nodes[id]?.scope, way: [$0.fact(in: graph)])
    }
  }

  /// An object is governed by its bucket's policy.
  func governedID(_ resource: String) -> String {
    guard graph.nodes[resource] == nil, resource.hasPrefix("arn:"), resource.contains(":s3:::")
    else { return resource }
    return String(resource.prefix { $0 != "/" })
  }
}
