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
    let direct = directAccess(source, action, on: resource, keys)
    guard direct.decision != .allowed else { return direct }
    return accessThroughPoints(source, action, on: resource, keys)
      .reduce(direct) { $1.decision.level > $0.decision.level ? $1 : $0 }
  }

  func directAccess(
    _ source: Principal, _ action: String, on resource: RequestedResource,
    _ keys: [String: KeyValue]
  ) -> AccessAnswer {
    let request = Request(
      action, on: resource.bytes, in: context(of: source, using: resource, keys))
    let own = source.answer(request)
    // Without a statement that grants it there is nothing to report, whatever could not be read.
    let identity = AccessAnswer(
      decision: own.grant == nil ? .denied : own.decision, grant: own.grant)
    let isOwn = (resource.account ?? source.account) == source.account
    let (policies, grants, isKey) = (resource.policies, resource.grants, resource.isKey)
    var limits: Decision {
      self.limits(on: resource, of: source).resourceDecision(request)
        .and(isOwn ? .allowed : publicAccess(resource.governed, policies))
    }
    guard !policies.isEmpty || !grants.isEmpty else {
      guard identity.decision.isPossible else { return .denied }
      let theirs = isOwn && !isKey ? .allowed : withoutPolicy(resource.id)
      return AccessAnswer(
        decision: identity.decision.and(theirs).and(limits), grant: identity.grant)
    }
    let requester = Requester.identity(arn: source.arn, account: source.account)
    var theirs = (policies + grants).answer(request) { $0.fit(requester) > .none }
    if policies.isEmpty {
      theirs.allow = theirs.allow.or(withoutPolicy(resource.id))
      theirs.deny = theirs.deny.or(withoutPolicy(resource.id))
    }
    // A grant is enough alone, also in another account.
    let named = (isOwn ? policies + grants : grants).answer(request) {
      $0.effect == .allow && $0.fit(requester) > .account
    }
    let itself = policies.answer(request) {
      $0.effect == .allow && $0.namesItself(requester, isUser: source.isUser)
    }
    let direct = named.allow.and(
      source.isNotForbidden(request, isNamedItself: itself.allow.isPossible))
    let delegated =
      isOwn && !isKey ? identity.decision : identity.decision.and(theirs.allow)
    let best = direct.level > delegated.level
    return AccessAnswer(
      decision: (best ? direct : delegated).and(theirs.notDenied).and(limits),
      grant: best ? named.grant : identity.grant)
  }

  /// What a resource without a policy says to somebody of another account: nothing, once it is
  /// certain that it has none. A key always has one.
  func withoutPolicy(_ resource: String) -> Decision {
    let unread = Decision.unknown("resource policy of \(resource)")
    guard let node = graph.nodes[governedID(resource)], let scope = node.scope,
      let collection = Self.policyCollections[node.type]
    else { return unread }
    guard collection.hasSuffix("@") else { return listing(collection, in: scope).negated }
    guard let region = node.state("region")?.string else { return unread }
    return listing(collection + region, in: scope).negated
  }

  /// Where the policies of a type of resource are listed; `@` stands before the region.
  private static let policyCollections = [
    "aws.dynamodb.table": "aws.dynamodb.policy@", "aws.ecr.repository": "aws.ecr.policy@",
    "aws.lambda.function": "aws.lambda.policy@", "aws.s3.accessPoint": "aws.s3.accessPointPolicy@",
    "aws.s3.bucket": "aws.s3.bucketPolicy",
    "aws.secretsmanager.secret": "aws.secretsmanager.policy@",
    "aws.sns.topic": "aws.sns.topic@", "aws.sqs.queue": "aws.sqs.queue@",
  ]

  /// Why tags of a thing are not known, where another service than its own tells them.
  func unreadTags(of node: GraphNode) -> String? {
    guard Self.taggedApart.contains(node.type), let scope = node.scope,
      let region = node.state("region")?.string
    else { return nil }
    return listing("\(node.type)Tags@\(region)", in: scope).missing.first
  }

  private static let taggedApart: Set = [
    "aws.agentcore.runtime", "aws.bedrock.agent", "aws.dynamodb.table", "aws.lambda.function",
    "aws.s3.bucket", "aws.sns.topic", "aws.sqs.queue", "aws.states.stateMachine",
  ]

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
    shelf.policies(governing: id)
  }

  /// An object is governed by the policy of its bucket, or of the access point it is asked of.
  func governedID(_ resource: String) -> String {
    guard resource.hasBytes(of: ":s3:"), graph.nodes[resource] == nil else { return resource }
    if resource.hasBytes(of: ":s3:::") { return String(resource.prefix { $0 != "/" }) }
    let object = resource.firstRange(of: "/object/")
    return object.map { String(resource[..<$0.lowerBound]) } ?? resource
  }

  /// ARNs of buckets name no account; the graph does.
  func account(of resource: String) -> String? {
    if let account = graph.nodes[governedID(resource)]?.state("account")?.string {
      return account
    }
    guard let account = ARN.account(of: resource).map(String.init), ARN.isAccount(account) else {
      return nil
    }
    return account
  }
}
