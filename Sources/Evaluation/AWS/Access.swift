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
  /// Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic";
  /// KMS Developer Guide, "Key policies in AWS KMS".
  func access(
    _ source: Principal, _ action: String, on resource: String,
    keys: [String: KeyValue] = [:]
  ) -> AccessAnswer {
    let context = context(of: source, using: resource, keys)
    let request = Request(action, on: resource, in: context)
    let own = source.answer(request)
    // Without a statement that grants it there is nothing to report, whatever could not be read.
    let identity = AccessAnswer(
      decision: own.grant == nil ? .denied : own.decision, grant: own.grant)
    let account = account(of: resource) ?? source.account
    let policies = resourcePolicies(of: governedID(resource))
    let isKey = ARN(resource)?.service == "kms"
    let limits = limits(onResource: resource, of: source).resourceDecision(request)
    guard !policies.isEmpty else {
      guard identity.decision.isPossible else { return .denied }
      let isOwn = account == source.account && !isKey
      let theirs = isOwn ? Decision.allowed : .unknown("resource policy of \(resource)")
      return AccessAnswer(
        decision: identity.decision.and(theirs).and(limits), grant: identity.grant)
    }
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
  func limits(onResource resource: String, of source: Principal) -> AccountLimits {
    PrincipalReader.isServiceLinked(source.node)
      ? source.limits : organizations.limits(on: account(of: resource) ?? source.account)
  }

  /// The keys of a principal's request about a resource.
  func context(
    of source: Principal, using resource: String, _ keys: [String: KeyValue] = [:]
  ) -> RequestContext {
    var context = source.context
    let account = account(of: resource) ?? source.account
    context["aws:ResourceAccount"] = .known([account])
    context["kms:CallerAccount"] = .known([source.account])
    context["aws:ResourceOrgID"] =
      account == source.account ? context["aws:PrincipalOrgID"] : nil
    if let arn = ARN(resource), arn.service == "iam" {
      context["aws:RequestedRegion"] = .known(["us-east-1"])
    } else if let node = graph.nodes[governedID(resource)],
      let region = node.merged.state["region"]?.string
    {
      context["aws:RequestedRegion"] = .known([region])
    }
    if let node = graph.nodes[governedID(resource)] {
      context.otherResourceTags = .absent
      if case .object(let tags)? = node.merged.state["tags"] {
        for (key, value) in tags {
          for prefix in ["aws", "iam", "ec2", "ssm", "lambda"] {
            context["\(prefix):ResourceTag/\(key)"] = value.string.map { .known([$0]) }
          }
        }
      }
    }
    for (key, value) in keys { context[key] = value }
    return context
  }

  func resourcePolicies(of id: String) -> [HeldPolicy] {
    shelf.policies(governing: id)
  }

  /// An object is governed by its bucket's policy.
  func governedID(_ resource: String) -> String {
    guard graph.nodes[resource] == nil, resource.hasPrefix("arn:"), resource.contains(":s3:::")
    else { return resource }
    return String(resource.prefix { $0 != "/" })
  }

  /// ARNs of buckets name no account; the graph does.
  func account(of resource: String) -> String? {
    if let account = graph.nodes[governedID(resource)]?.merged.state["account"]?.string {
      return account
    }
    guard let arn = ARN(resource), ARN.isAccount(arn.account) else { return nil }
    return arn.account
  }
}
