internal import Model

/// A role or user with everything that decides what it may do.
/// Source: IAM User Guide, "Policy evaluation logic".
final class Principal: Sendable {
  /// What says which policies a role or user holds.
  static let collections = ["aws.iam.role", "aws.iam.user", "aws.iam.group", "aws.iam.policy"]

  let node: GraphNode
  let scope: String
  let arn: String
  let account: String
  let partition: String
  let isUser: Bool
  let isServiceLinked: Bool
  /// `role deploy`, as a sentence names it.
  let label: String
  let policies: [HeldPolicy]
  /// `nil` without a permissions boundary.
  let boundary: [HeldPolicy]?
  /// Of a role: who may assume it.
  let trust: [HeldPolicy]
  let limits: AccountLimits
  /// The policies that could have limited what it does, and why others do not.
  let limitFacts: [Fact]
  /// `allowed` once everything about its account's identities was read.
  let reading: Decision
  let context: RequestContext
  /// The known actions that a statement of its own allows, on whatever resource and condition.
  let granted: ActionSet
  /// What a session of it is limited to; `nil` for the principal itself.
  let session: SessionLimit?

  /// `nil` for what is in no scope, or whose id is no ARN.
  init?(_ node: GraphNode, from reader: PrincipalReader) {
    guard let scope = node.scope, let arn = ARN(node.id) else { return nil }
    let graph = reader.graph
    func policies(_ edges: [GraphEdge]) -> [HeldPolicy] {
      edges.map { reader.shelf.policy($0.to, in: scope, way: [$0.fact(in: graph)]) }
    }
    let boundary = policies(
      graph.edges(.limitedBy, from: node.id).filter { $0.key.discriminator == "boundary" })
    let isUser = node.type == "aws.iam.user"
    self.node = node
    self.scope = scope
    self.arn = node.id
    account = arn.account
    partition = arn.partition
    self.isUser = isUser
    isServiceLinked = PrincipalReader.isServiceLinked(node)
    label = "\(isUser ? "user" : "role") \(node.name)"
    self.policies = reader.policies(of: node, in: scope)
    self.boundary = boundary.isEmpty ? nil : boundary
    trust = policies(graph.edges(.trustedBy, from: node.id))
    limits =
      isServiceLinked
      ? AccountLimits.none(
        Fact(.node(node.id), "\(node.name) is linked to a service: no organization limits it"))
      : reader.organizations.limits(on: arn.account)
    limitFacts = PrincipalReader.limitFacts(self.policies, boundary, [], limits, arn.account)
    reading = reader.reading(of: scope)
    context = reader.context(of: node, account: arn.account, isUser: isUser)
    granted = self.policies.reduce(ActionSet()) {
      $0.union($1.compiled?.granted ?? ActionSet())
    }
    session = nil
  }

  /// A session of a role.
  init(_ role: Principal, limitedTo limit: SessionLimit) {
    (node, scope, arn, account) = (role.node, role.scope, role.arn, role.account)
    (partition, isUser, isServiceLinked) = (role.partition, role.isUser, role.isServiceLinked)
    label = "a limited session of \(role.label)"
    (policies, boundary, trust, limits) = (role.policies, role.boundary, role.trust, role.limits)
    limitFacts = PrincipalReader.limitFacts(
      policies, boundary ?? [], limit.facts, limits, account)
    (reading, context, granted) = (role.reading, role.context, role.granted)
    session = limit
  }

  /// The node that it is in paths.
  var id: String { session?.id ?? arn }

  /// Every policy that says what it may do, or limits it, but those of its organization.
  var held: [HeldPolicy] { policies + (boundary ?? []) + (session?.policies ?? []) }

  /// Its own statements that allow a known action.
  func grants(of action: String) -> [Statement] {
    guard let place = ActionSet.place(of: action.lowercased()), granted.contains(place) else {
      return []
    }
    return policies.flatMap { policy -> [Statement] in
      guard let compiled = policy.compiled, compiled.granted.contains(place) else { return [] }
      return compiled.statements.filter { $0.effect == .allow && $0.known.contains(place) }
    }
  }

  /// What it may do by its own policies, within its limits.
  func answer(_ request: Request) -> PolicyAnswer {
    var answer = policies.answer(request)
    guard answer.allow.isPossible else { return answer }
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

  /// `ACCOUNT/NAME` of a role, as its sessions' ARNs tell it.
  var sessionName: String? {
    guard !isUser, let name = arn.split(separator: "/").last else { return nil }
    return "\(account)/\(name)"
  }

  /// `iam:PermissionsBoundary` of a request that changes it.
  var boundaryKey: KeyValue { boundary.map { .known($0.map(\.id)) } ?? .absent }

  private func boundaryDecision(_ request: Request) -> Decision {
    (boundary?.answer(request).decision ?? .allowed)
      .and(session?.policies.answer(request).decision ?? .allowed)
  }
}

extension Statement {
  /// Whether it may be about a resource, whatever a request puts in variables.
  func mayCover(_ resource: [UInt8]) -> Bool { resources?.mayMatch(resource) ?? true }
}

/// Reads principals out of a graph.
struct PrincipalReader {
  let graph: Graph
  let shelf: PolicyShelf
  let organizations: Organizations
  /// What of the collections that tell about a scope's identities was not read.
  private let readings: [String: Decision]
  /// What requests tell about the organization of the principal's account.
  private let membershipKeys: [String: RequestContext]
  private let nodes: [GraphNode]

  /// What each account's membership and limits were read from.
  let accountReads: [String: [Cell]]
  private let isKept: Bool

  init(_ graph: Graph, _ inputs: Inputs, _ shelf: PolicyShelf, isKept: Bool) {
    self.isKept = isKept
    self.graph = graph
    self.shelf = shelf
    nodes = (graph.nodes(ofType: "aws.iam.role") + graph.nodes(ofType: "aws.iam.user"))
      .sorted { $0.id.precedes($1.id) }
    let accounts = Set(nodes.compactMap { ARN($0.id)?.account })
    let organizations = Organizations(
      graph, inputs, shelf, accounts: accounts, isKept: isKept)
    self.organizations = organizations
    let scopes = Set(nodes.compactMap(\.scope))
    readings = Dictionary(
      uniqueKeysWithValues: scopes.map { scope in
        let keys = Principal.collections.map { CollectionKey(scope: scope, collection: $0) }
        return (scope, .all(inputs.gaps(keys).map { .unknown($0) }))
      })
    let keys = accounts.map { account in
      let keys = Reads.recorded(if: isKept) { Self.membershipKeys(of: account, organizations) }
      return (account, keys)
    }
    membershipKeys = Dictionary(uniqueKeysWithValues: keys.map { ($0, $1.value) })
    accountReads = organizations.reads.merging(keys.map { ($0, $1.cells) }) { $0 + $1 }
  }

  /// In order of ARNs, each with what it was read from.
  var principals: [(value: Principal, cells: [Cell])] {
    nodes.parallelMap { node in
      let principal = Reads.recorded(if: isKept) { Principal(node, from: self) }
      return principal.value.map { ($0, principal.cells) }
    }.compactMap(\.self)
  }

  func reading(of scope: String) -> Decision {
    Reads.note(.collections, scope)
    return readings[scope] ?? .allowed
  }

  static func limitFacts(
    _ policies: [HeldPolicy], _ boundary: [HeldPolicy], _ session: [Fact],
    _ limits: AccountLimits, _ account: String
  ) -> [Fact] {
    let bounded = boundary.map {
      Fact(.node($0.id), "considered: its permissions boundary \($0.name)")
    }
    let denies = policies.withDenies.map {
      Fact(.node($0.id), "considered: its policy \($0.name) has a deny")
    }
    let scps = limits.policies.map {
      Fact(.node($0.id), "considered: service control policy \($0.name) above account \(account)")
    }
    return limits.reasons + bounded + session + scps + denies
  }

  /// AWS's own roles in an account: it alone changes them.
  static func isServiceLinked(_ node: GraphNode) -> Bool {
    node.merged.state["path"]?.string?.hasPrefix("/aws-service-role/") ?? false
  }

  func policies(of node: GraphNode, in scope: String) -> [HeldPolicy] {
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

  func context(of node: GraphNode, account: String, isUser: Bool) -> RequestContext {
    Reads.note(.account, account)
    var context = membershipKeys[account] ?? RequestContext()
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
    return context
  }

  private static func membershipKeys(
    of account: String, _ organizations: Organizations
  ) -> RequestContext {
    var context = RequestContext()
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
