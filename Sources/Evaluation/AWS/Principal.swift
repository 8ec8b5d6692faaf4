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
  /// Of a role that only people step into: those of IAM Identity Center, and those that trust nobody
  /// but SAML providers.
  let isForPeople: Bool
  /// `role deploy`, as a sentence names it.
  let label: String
  let policies: [HeldPolicy]
  /// `nil` without a permissions boundary.
  let boundary: [HeldPolicy]?
  /// Of a role: who may assume it.
  let trust: [HeldPolicy]
  let limits: AccountLimits
  /// `allowed` once everything about its account's identities was read.
  let reading: Decision
  /// What requests tell about everybody of its account.
  private let accountKeys: RequestContext
  /// The known actions that a statement of its own allows, on whatever resource and condition.
  let granted: ActionSet
  /// What a session of it is limited to; `nil` for the principal itself.
  let session: SessionLimit?

  /// `nil` for what is in no scope, or whose id is no ARN.
  init?(_ node: GraphNode, from reader: PrincipalReader) {
    guard let scope = node.scope, let arn = ARN(node.id) else { return nil }
    let graph = reader.graph
    func policies(_ edges: [GraphEdge]) -> [HeldPolicy] {
      edges.map { reader.shelf.policy(.attached($0), in: scope) }
    }
    let boundary = policies(
      graph.edges(.limitedBy, from: node).filter { $0.key.discriminator == "boundary" })
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
    trust = policies(graph.edges(.trustedBy, from: node))
    isForPeople = node.name.hasPrefix("AWSReservedSSO_") || trust.isForPeople
    limits =
      isServiceLinked
      ? AccountLimits.none(
        Fact(.node(node.id), "\(node.name) is linked to a service: no organization limits it"))
      : reader.organizations.limits(on: arn.account)
    reading = reader.reading(of: scope)
    accountKeys = reader.accountKeys(of: arn.account)
    granted = self.policies.reduce(ActionSet()) {
      $0.union($1.compiled?.granted ?? ActionSet())
    }
    session = nil
  }

  /// A session of a role.
  init(_ role: Principal, limitedTo limit: SessionLimit) {
    (node, scope, arn, account) = (role.node, role.scope, role.arn, role.account)
    (partition, isUser, isServiceLinked) = (role.partition, role.isUser, role.isServiceLinked)
    isForPeople = role.isForPeople
    label = "a limited session of \(role.label)"
    (policies, boundary, trust, limits) = (role.policies, role.boundary, role.trust, role.limits)
    (reading, accountKeys, granted) = (role.reading, role.accountKeys, role.granted)
    session = limit
  }

  /// The node that it is in paths.
  var id: String { session?.id ?? arn }

  /// The keys of its requests.
  var context: RequestContext {
    var context = accountKeys
    context.principal = self
    return context
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

  /// What a request by it tells of it, beside its account; `nil` for a key that is not about it.
  ///
  /// - Parameter key: in lower case.
  func value(of key: String) -> KeyValue? {
    let tag = "aws:principaltag/"
    switch key {
    case "aws:principalarn": return .known([arn])
    case "aws:principaltype": return .known([isUser ? "User" : "AssumedRole"])
    case "aws:username": return isUser ? .known([node.name]) : .absent
    case "aws:userid":
      return isUser ? node.state("userId")?.string.map { .known([$0]) } : nil
    case _ where key.hasPrefix(tag):
      guard case .object(let tags)? = node.state("tags") else { return nil }
      return tags.filter { $0.key.lowercased() == key.dropFirst(tag.count) }
        .min { $0.key.precedes($1.key) }?.value.string.map { .known([$0]) }
    default: return nil
    }
  }

  /// What of its policies could not be read.
  var gaps: [String] {
    var gaps: [String] = []
    for policy in policies where policy.compiled == nil { gaps.append(policy.gap) }
    for policy in boundary ?? [] where policy.compiled == nil { gaps.append(policy.gap) }
    for policy in trust where policy.compiled == nil { gaps.append(policy.gap) }
    return gaps
  }

  /// What its own policies allow.
  var allows: [Statement] { policies.allows }

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

extension [HeldPolicy] {
  /// Statements that allow something.
  var allows: [Statement] {
    var allows: [Statement] = []
    for policy in self {
      for statement in policy.compiled?.statements ?? [] where statement.effect == .allow {
        allows.append(statement)
      }
    }
    return allows
  }

  /// Whether trust policies let in nobody but whom a SAML provider vouches for.
  fileprivate var isForPeople: Bool {
    var isForPeople = false
    for case let statement in flatMap({ $0.compiled?.statements ?? [] })
    where statement.effect == .allow {
      if statement.excludesPrincipals { return false }
      for principal in statement.principals {
        guard case .federated(let provider) = principal,
          provider.hasBytes(of: ":saml-provider/")
        else { return false }
        isForPeople = true
      }
    }
    return isForPeople
  }
}

extension Statement {
  /// Whether it may be about a resource, whatever a request puts in variables.
  func mayCover(_ resource: [UInt8]) -> Bool { resources?.mayMatch(resource) ?? true }
}

/// Reads principals out of a graph.
final class PrincipalReader: Sendable {
  let graph: Graph
  let shelf: PolicyShelf
  let organizations: Organizations
  /// What of the collections that tell about a scope's identities was not read.
  private let readings: [String: Decision]
  /// What requests tell about the principal's account and its organization.
  private let accountKeys: [String: RequestContext]
  private let nodes: [GraphNode]

  /// What each account's membership and limits were read from.
  let accountReads: [String: [Cell]]
  private let isKept: Bool

  init(_ graph: Graph, _ inputs: Inputs, _ shelf: PolicyShelf, isKept: Bool) {
    self.isKept = isKept
    self.graph = graph
    self.shelf = shelf
    nodes = (graph.nodes(ofType: "aws.iam.role") + graph.nodes(ofType: "aws.iam.user"))
      .sorted { $0.number < $1.number }
    let accounts = Set(
      nodes.parallelCompactMap { ARN.account(of: $0.id).map(String.init) })
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
      let keys = Reads.recorded(if: isKept) { Self.accountKeys(of: account, organizations) }
      return (account, keys)
    }
    accountKeys = Dictionary(uniqueKeysWithValues: keys.map { ($0, $1.value) })
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

  /// AWS's own roles in an account: it alone changes them.
  static func isServiceLinked(_ node: GraphNode) -> Bool {
    node.state("path")?.string?.hasPrefix("/aws-service-role/") ?? false
  }

  func policies(of node: GraphNode, in scope: String) -> [HeldPolicy] {
    let own = graph.edges(.grantedBy, from: node).map {
      shelf.policy(.attached($0), in: scope)
    }
    let inherited = graph.edges(.memberOf, from: node).flatMap { membership in
      guard membership.target != nil else {
        // A group that was not read may hold anything.
        return [shelf.policy(.inherited(membership, from: nil), in: scope)]
      }
      return graph.edges(.grantedBy, from: membership.to).map {
        shelf.policy(.inherited(membership, from: $0), in: scope)
      }
    }
    return own + inherited
  }

  func accountKeys(of account: String) -> RequestContext {
    Reads.note(.account, account)
    return accountKeys[account] ?? RequestContext()
  }

  private static func accountKeys(
    of account: String, _ organizations: Organizations
  ) -> RequestContext {
    var context = RequestContext()
    context["aws:PrincipalAccount"] = .known([account])
    context["aws:PrincipalIsAWSService"] = .known(["false"])
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
