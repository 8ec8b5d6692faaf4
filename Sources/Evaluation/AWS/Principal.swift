internal import Model

/// A role or user with everything that decides what it may do.
/// Source: IAM User Guide, "Policy evaluation logic".
struct Principal: Sendable {
  /// What says which policies a role or user holds.
  static let collections = ["aws.iam.role", "aws.iam.user", "aws.iam.group", "aws.iam.policy"]

  let node: GraphNode
  let scope: String
  let arn: String
  let account: String
  let partition: String
  let isUser: Bool
  let policies: [HeldPolicy]
  /// `nil` without a permissions boundary.
  let boundary: [HeldPolicy]?
  let limits: AccountLimits
  /// `allowed` once everything about its account's identities was read.
  let reading: Decision
  let context: RequestContext
  /// What a session of it is limited to; `nil` for the principal itself.
  var session: SessionLimit?

  /// The node that it is in paths.
  var id: String { session?.id ?? arn }

  /// Every policy that says what it may do, or limits it, but those of its organization.
  var held: [HeldPolicy] { policies + (boundary ?? []) + (session?.policies ?? []) }

  /// What it may do by its own policies, within its limits.
  func answer(_ request: Request) -> PolicyAnswer {
    var answer = policies.answer(request)
    answer.allow = answer.allow.and(boundaryDecision(request)).and(limits.decision(request))
      .and(reading)
    return answer
  }

  /// Whether something forbids what a resource policy of its account allows it by name: its limits
  /// still apply. Only a *user* or a *session* that is named outgrows its boundary.
  func isNotForbidden(_ request: Request, isNamedItself: Bool) -> Decision {
    let within =
      isNamedItself
      ? boundary?.answer(request).notDenied ?? .allowed : boundaryDecision(request)
    return policies.answer(request).notDenied.and(within).and(limits.decision(request))
      .and(reading)
  }

  /// Whether asking in earnest which roles it can assume is worth the time.
  var mayAssumeRoles: Bool {
    let action = Array(AWSSemantics.action.lowercased().utf8)
    return policies.contains { policy in
      policy.compiled?.statements.contains {
        $0.effect == .allow && $0.actions.decision(for: action, in: context).isPossible
      } ?? true
    }
  }

  /// `iam:PermissionsBoundary` of a request that changes it.
  var boundaryKey: KeyValue { boundary.map { .known($0.map(\.id)) } ?? .absent }

  private func boundaryDecision(_ request: Request) -> Decision {
    (boundary?.answer(request).decision ?? .allowed)
      .and(session?.policies.answer(request).decision ?? .allowed)
  }

  /// The policies that could have limited what it does, and why others do not.
  var limitFacts: [Fact] {
    let bounded = (boundary ?? []).map {
      Fact(.node($0.id), "considered: its permissions boundary \($0.name)")
    }
    let denies = policies.withDenies.map {
      Fact(.node($0.id), "considered: its policy \($0.name) has a deny")
    }
    let scps = limits.policies.map {
      Fact(.node($0.id), "considered: service control policy \($0.name) above account \(account)")
    }
    return limits.reasons + bounded + (session?.facts ?? []) + scps + denies
  }
}

/// Reads principals out of a graph.
struct PrincipalReader {
  let graph: Graph
  let inputs: Inputs
  let shelf: PolicyShelf
  let organizations: Organizations

  /// `nil` for a node that is no role or user, or whose id is no ARN.
  func principal(_ node: GraphNode) -> Principal? {
    guard ["aws.iam.role", "aws.iam.user"].contains(node.type), let scope = node.scope,
      let arn = ARN(node.id)
    else { return nil }
    let isUser = node.type == "aws.iam.user"
    let boundary = graph.edges(.limitedBy, from: node.id)
      .filter { $0.key.discriminator == "boundary" }
      .map { shelf.policy($0.to, in: scope, way: [$0.fact(in: graph)]) }
    let isServiceLinked = Self.isServiceLinked(node)
    let limits =
      isServiceLinked
      ? AccountLimits.none(
        Fact(.node(node.id), "\(node.name) is linked to a service: no organization limits it"))
      : organizations.limits(on: arn.account)
    let gaps = inputs.gaps(
      Principal.collections.map { CollectionKey(scope: scope, collection: $0) })
    return Principal(
      node: node, scope: scope, arn: node.id, account: arn.account, partition: arn.partition,
      isUser: isUser, policies: policies(of: node, in: scope),
      boundary: boundary.isEmpty ? nil : boundary, limits: limits,
      reading: .all(gaps.map { .unknown($0) }),
      context: context(of: node, account: arn.account, isUser: isUser))
  }

  /// AWS's own roles in an account: it alone changes them.
  static func isServiceLinked(_ node: GraphNode) -> Bool {
    node.merged.state["path"]?.string?.hasPrefix("/aws-service-role/") ?? false
  }

  private func policies(of node: GraphNode, in scope: String) -> [HeldPolicy] {
    let own = graph.edges(.grantedBy, from: node.id).map {
      shelf.policy($0.to, in: scope, way: [$0.fact(in: graph)])
    }
    let inherited = graph.edges(.memberOf, from: node.id).flatMap { membership in
      let way = [
        membership.fact(in: graph),
        Fact(
          .node(membership.to), "group \(graph.label(membership.to)) gives its members policies"),
      ]
      guard graph.nodes[membership.to] != nil else {
        // A group that was not read may hold anything.
        return [shelf.policy(membership.to, in: scope, way: way)]
      }
      return graph.edges(.grantedBy, from: membership.to).map {
        shelf.policy($0.to, in: scope, way: way + [$0.fact(in: graph)])
      }
    }
    return own + inherited
  }

  private func context(of node: GraphNode, account: String, isUser: Bool) -> RequestContext {
    var context = RequestContext()
    context["aws:PrincipalArn"] = .known([node.id])
    context["aws:PrincipalAccount"] = .known([account])
    context["aws:PrincipalIsAWSService"] = .known(["false"])
    context["aws:PrincipalType"] = .known([isUser ? "User" : "AssumedRole"])
    if isUser {
      context["aws:username"] = .known([node.name])
      context["aws:userid"] = node.merged.state["userId"]?.string.map { .known([$0]) }
    } else {
      context["aws:username"] = .absent
    }
    if case .object(let tags)? = node.merged.state["tags"] {
      for (key, value) in tags {
        context["aws:PrincipalTag/\(key)"] = value.string.map { .known([$0]) }
      }
    }
    switch organizations.membership(of: account) {
    case .standalone:
      context["aws:PrincipalOrgID"] = .absent
      context["aws:PrincipalOrgPaths"] = .absent
    case .member(let organization):
      context["aws:PrincipalOrgID"] = .known([organization.id])
      context["aws:PrincipalOrgPaths"] = organizations.path(
        of: account, organization)
    case .unknown(let missing):
      context["aws:PrincipalOrgID"] = .unread(missing)
      context["aws:PrincipalOrgPaths"] = .unread(missing)
    }
    return context
  }
}

extension GraphEdge {
  func fact(in graph: Graph) -> Fact { Fact(.edge(key), sentence(in: graph)) }
}
