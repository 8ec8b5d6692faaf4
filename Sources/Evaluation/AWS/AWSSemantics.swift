/// AWS's policies over a graph: who may assume what, who reaches everything, who may start what.
///
/// Files: `ActionTable` is what AWS's actions are; `Pattern`, `Condition`, `CompiledPolicy` are one
/// document, `ActionSet` what of it is asked about; `Matching`, `HeldPolicy`, `Principal`,
/// `Organizations` are who it is about and what limits it; `Access` is both sides of a request,
/// `RequestedResource` what is asked for, with `KeyGrants` and `Buckets`; `Trust`, `Reach`,
/// `Entry`, `ServiceRoles`, `Escalation`, `Administrators` are the derived edges, `Federation`, `RolesAnywhere`, `Cognito`, `Kubernetes`
/// and `Agents` those of outsiders and workloads; `SystemIndex`, `SystemAccess`, `Holdings` are which
/// systems hold what, and who may act on them.
internal import Model

struct AWSSemantics: PlatformSemantics {
  let graph: Graph
  let shelf: PolicyShelf
  let organizations: Organizations
  /// By ARN.
  let principals: [String: Principal]
  /// In order of ARNs.
  let order: [String]
  /// Of each account of which a principal is known, those that might use a trust in the account.
  let entrants: [String: [Entrant]]
  /// Roles by account and name, as sessions of theirs name them.
  let sessionRoles = Lazily<[String: String]>()
  /// Sessions that begin with less than their role has.
  private(set) var sessions: [Principal] = []
  /// Whose tokens, assertions and certificates open roles.
  private(set) var federated: [FederatedTrust] = []
  /// By role, in order of hops.
  private(set) var trusts: [String: [TrustedParty]] = [:]
  private(set) var derived: [Hop] = []
  /// By principal: its hops to the unbounded sets of its account.
  private(set) var unbounded: [String: [Hop]] = [:]
  private let index = Lazily<SystemIndex>()
  let outsiderAccess = Lazily<[String: [Hop]]>()
  let accessMemo = Memo<String, [Hop]>()
  let holdingsMemo = Memo<String, [Hop]>()
  private let inputs: Inputs

  init(_ graph: Graph, _ inputs: Inputs) {
    self.graph = graph
    self.inputs = inputs
    shelf = PolicyShelf(graph)
    let reader = PrincipalReader(graph, inputs, shelf)
    organizations = reader.organizations
    let found = reader.principals
    principals = Dictionary(uniqueKeysWithValues: found.map { ($0.arn, $0) })
    order = found.map(\.arn)
    entrants = Dictionary(grouping: found, by: \.account)
      .mapValues { $0.map(Entrant.init).filter(\.mayAssume) }
    var base = self
    trusts = Dictionary(
      uniqueKeysWithValues: order.parallelMap { [base] in ($0, base.trust(of: $0)) })
    sessions = limitedSessions()
    base = self
    federated = order.parallelMap { [base] in base.federation(of: $0) }.flatMap(\.self)
    let reaching = (found + sessions).parallelMap { [base] in base.reaches(from: $0) }
      .flatMap(\.self)
    unbounded = Dictionary(grouping: reaching, by: \.from)
    derived =
      order.flatMap { (trusts[$0] ?? []).map(\.hop) } + sessions.flatMap { sessionHops($0) }
      + federated.map(\.hop) + subjectHops() + poolHops() + kubernetesHops() + agentHops()
      + reaching + escalationHops(reaching) + administratorHops()
      + graph.nodes(ofType: "aws.lambda.function").parallelMap { [base] in base.entries(to: $0) }
      .flatMap(\.self)
      + disclosures
  }

  var problems: [String] { shelf.problems }

  func prepare() { _ = systems }

  /// Systems that hold data; most evaluations of one tenant ask for them once, some never.
  var systems: SystemIndex {
    index.value { SystemIndex(graph) { resourcePolicies(of: $0) + keyGrants(of: $0) } }
  }

  func gaps(of node: GraphNode) -> [String] {
    guard node.type == "aws.lambda.function" else {
      return principals[node.id]?.gaps ?? []
    }
    return shelf.policies(governing: node).filter { $0.compiled == nil }.map(\.gap)
  }

  /// Whether an identity that is not in the graph is known not to exist.
  func isProvedAbsent(_ identity: String) -> Bool {
    guard let arn = ARN(identity), arn.resource.hasPrefix("role/") else { return false }
    return inputs.scopes(ofAccount: arn.account).contains {
      inputs.isComplete(CollectionKey(scope: $0, collection: "aws.iam.role"))
    }
  }

  func judge(_ edge: GraphEdge) -> Decision? {
    switch edge.key.kind {
    case .authenticatesAs: judgeCredential(edge)
    case .runsAs: judgeIdentity(edge)
    case .invokes: judgeCall(edge)
    case .triggers: edge.state("enabled").map { .of($0 == .bool(true)) }
    default: nil
    }
  }

  func isWorkload(_ node: GraphNode) -> Bool {
    switch node.type {
    case "aws.iam.role":
      principals[node.id].map { !$0.isServiceLinked && !$0.isForPeople }
        ?? !PrincipalReader.isServiceLinked(node)
    case "aws.iam.user":
      graph.edges(.authenticatesAs, to: node).contains { isActiveKey($0.from) }
    case "aws.lambda.function": true
    default: false
    }
  }

  func owner(of id: String) -> String? {
    guard id.hasPrefix("aws:account:") else { return account(of: id) }
    return String(id.dropFirst("aws:account:".count).prefix { $0 != "#" })
  }

  func limitsDigest(of identity: String) -> String {
    principals[identity]?.limits.digest ?? ""
  }

  func unrelatedOwner(of id: String, seenFrom other: String) -> String? {
    guard let its = owner(of: id), let own = owner(of: other), its != own,
      organizations.relation(of: its, to: own) == .outside
    else { return nil }
    return its
  }

  func organizationInputs(account: String) -> (keys: [CollectionKey], gaps: [String]) {
    switch organizations.membership(of: account) {
    case .standalone(let key): return ([key], [])
    case .unknown(let missing): return ([], [missing])
    case .member(let organization):
      let (keys, gap) = organizations.accountListing(of: organization)
      return (keys, gap.map { [$0] } ?? [])
    }
  }

  /// `allowed` where a collection is complete, so that what it lacks does not exist.
  func listing(_ collection: String, in scope: String) -> Decision {
    inputs.gap(CollectionKey(scope: scope, collection: collection)).map { .unknown($0) }
      ?? .allowed
  }

  private func isActiveKey(_ id: String) -> Bool {
    graph.nodes[id]?.state("status")?.string == "Active"
  }

  /// The facts that a grant stands on: the way to its policy, and what the statement says.
  func facts(of grant: PolicyAnswer.Grant, saying what: String) -> [Fact] {
    let note = grant.statement.trap.map { "; \($0)" } ?? ""
    return grant.policy.way.facts(in: graph) + [
      Fact(
        .node(grant.policy.id), "\(grant.statement.label) of \(grant.policy.name) \(what)\(note)",
        statement: grant.statement.index)
    ]
  }
}
