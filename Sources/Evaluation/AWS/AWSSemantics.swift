/// AWS's policies over a graph: who may assume what, who reaches everything, who may start what.
///
/// Files: `ActionTable` is what AWS's actions are; `Pattern`, `Condition`, `CompiledPolicy` are one
/// document, `ActionSet` what of it is asked about; `Matching`, `HeldPolicy`, `Principal`,
/// `Organizations` are who it is about and what limits it; `Access` is both sides of a request,
/// `RequestedResource` what is asked for, with `KeyGrants` and `Buckets`; `Trust`, `Reach`,
/// `Entry`, `ServiceRoles`, `Escalation`, `Administrators` are the derived edges, `Federation`,
/// `RolesAnywhere`, `Cognito`, `Kubernetes` and `Agents` those of outsiders and workloads;
/// `SystemIndex`, `SystemAccess`, `Holdings` are which systems hold what, and who may act on them;
/// `AWSResults` is what is left to the next evaluation.
internal import Model

final class AWSSemantics: PlatformSemantics {
  let graph: Graph
  let shelf: PolicyShelf
  let organizations: Organizations
  /// By ARN.
  let principals: DerivedOfNodes<Principal>
  /// In order of ARNs.
  let order: [String]
  /// Of each account of which a principal is known, those that might use a trust in the account.
  let entrants: Derived<[Entrant]>
  /// Roles by account and name, as sessions of theirs name them.
  let sessionRoles: Lazily<[String: String]>
  private let index: Lazily<SystemIndex>
  private let outsidersOfAll: Lazily<[String: [Hop]]>
  private let inputs: Inputs
  private let steps: Steps

  /// What is derived, step by step: each reads what those before it found.
  private struct Steps {
    var trusts: DerivedOfNodes<[TrustedParty]>
    var sessions: [Principal] = []
    var federated: [FederatedTrust] = []
    var unbounded: DerivedOfNodes<[Hop]>
    var derived: [Hop] = []
    var access = Memo<String, [Hop]>()
    var holdings = Memo<String, [Hop]>()

    init(of graph: Graph) {
      trusts = DerivedOfNodes(in: graph, as: .trust)
      unbounded = DerivedOfNodes(in: graph, as: .reach)
    }
  }

  /// By role, in order of hops.
  var trusts: DerivedOfNodes<[TrustedParty]> { steps.trusts }
  /// Sessions that begin with less than their role has.
  var sessions: [Principal] { steps.sessions }
  /// Whose tokens, assertions and certificates open roles.
  var federated: [FederatedTrust] { steps.federated }
  /// By principal: its hops to the unbounded sets of its account.
  var unbounded: DerivedOfNodes<[Hop]> { steps.unbounded }
  var derived: [Hop] { steps.derived }
  var accessMemo: Memo<String, [Hop]> { steps.access }
  var holdingsMemo: Memo<String, [Hop]> { steps.holdings }

  private init(
    _ graph: Graph, _ inputs: Inputs, _ shelf: PolicyShelf, _ organizations: Organizations,
    _ principals: [Principal]
  ) {
    self.graph = graph
    self.inputs = inputs
    self.shelf = shelf
    self.organizations = organizations
    self.principals = DerivedOfNodes(
      principals, of: principals.map(\.node.number), in: graph, as: .principal)
    order = principals.map(\.arn)
    entrants = Derived(
      Dictionary(grouping: principals, by: \.account)
        .mapValues { $0.map(Entrant.init).filter(\.mayAssume) }, as: .principals)
    (sessionRoles, index, outsidersOfAll) = (Lazily(), Lazily(), Lazily())
    steps = Steps(of: graph)
  }

  /// The same, further on.
  private init(_ other: AWSSemantics, _ steps: Steps) {
    (graph, inputs, shelf) = (other.graph, other.inputs, other.shelf)
    (organizations, principals) = (other.organizations, other.principals)
    (order, entrants, sessionRoles) = (other.order, other.entrants, other.sessionRoles)
    (index, outsidersOfAll) = (other.index, other.outsidersOfAll)
    self.steps = steps
  }

  static func of(_ graph: Graph, _ inputs: Inputs) -> AWSSemantics {
    var (rework, results) = (Rework(isKept: false), AWSResults())
    return of(graph, inputs, &results, &rework)
  }

  /// - Parameters:
  ///   - results: what an earlier evaluation left, and then what this one leaves.
  ///   - rework: what has changed since.
  static func of(
    _ graph: Graph, _ inputs: Inputs, _ results: inout AWSResults, _ rework: inout Rework
  ) -> AWSSemantics {
    let earlier = results
    let shelf = PolicyShelf(graph, after: earlier.shelf, rework)
    results.shelf = shelf
    let reader = PrincipalReader(graph, inputs, shelf, isKept: rework.isKept)
    let found = reader.principals
    let principals = found.map(\.value)
    results.accounts = reader.accountReads
    results.principals = ReadSets(principals.map(\.node.number))
    results.principals.cells = rework.isKept ? found.map(\.cells) : []
    rework.markListings()
    rework.markAccounts(results.accounts, after: earlier.accounts)
    rework.markPrincipals(principals, results.principals, after: earlier.principals)
    return AWSSemantics(graph, inputs, shelf, reader.organizations, principals)
      .derived(principals, earlier, &results, &rework)
  }

  private func derived(
    _ principals: [Principal], _ earlier: AWSResults, _ results: inout AWSResults,
    _ rework: inout Rework
  ) -> AWSSemantics {
    let nodes = results.principals.nodes
    var steps = steps
    let trusts = Results(of: nodes, after: earlier.trusts, rework) {
      self.trust(of: principals[$0].arn)
    }
    for place in trusts.stale { rework.mark(.trust, order[place]) }
    steps.trusts = DerivedOfNodes(trusts.values, of: nodes, in: graph, as: .trust)
    results.trusts = trusts
    steps.sessions = findSessions(earlier, &results, &rework)
    let sessions = steps.sessions
    let entered = AWSSemantics(self, steps)
    let federated = Results(of: nodes, after: earlier.federated, rework) {
      entered.federation(of: principals[$0].arn)
    }
    results.federated = federated
    steps.federated = federated.values.flatMap(\.self)
    let reaching = Results(of: nodes, after: earlier.reaching, rework) {
      Reads.note(.principal, principals[$0].arn)
      return entered.reaches(from: principals[$0])
    }
    for place in reaching.stale { rework.mark(.reach, order[place]) }
    results.reaching = reaching
    let bySessions = sessions.map { ($0.id, entered.reaches(from: $0)) }
    steps.unbounded = DerivedOfNodes(
      reaching.values, of: nodes, in: graph,
      others: Dictionary(uniqueKeysWithValues: bySessions), as: .reach)
    let base = AWSSemantics(self, steps)
    let estate = EscalationEstate(base)
    let escalations = Results(of: nodes, after: earlier.escalations, rework) {
      base.escalationHops(of: principals[$0], estate)
    }
    results.escalations = escalations
    let functions = graph.nodes(ofType: "aws.lambda.function")
    let entries = Results(of: functions.map(\.number), after: earlier.entries, rework) {
      base.entries(to: functions[$0])
    }
    results.entries = entries
    // One after the other: so many terms are too much for the compiler.
    steps.derived = trusts.values.flatMap { $0.map(\.hop) }
    steps.derived += sessions.flatMap { base.sessionHops($0) }
    steps.derived += steps.federated.map(\.hop)
    steps.derived += base.subjectHops() + base.poolHops() + base.kubernetesHops()
    steps.derived += base.agentHops()
    steps.derived += reaching.values.flatMap(\.self) + bySessions.flatMap(\.1)
    steps.derived += escalations.values.flatMap(\.self)
    steps.derived += sessions.flatMap { base.escalationHops(of: $0, estate) }
    steps.derived += base.administratorHops() + entries.values.flatMap(\.self) + base.disclosures
    if rework.isKept { base.findSystems(earlier, &results, &rework) }
    steps.access = Memo(rework, after: earlier.access)
    steps.holdings = Memo(rework, after: earlier.holdings)
    (results.access, results.holdings) = (steps.access, steps.holdings)
    return AWSSemantics(self, steps)
  }

  private func findSessions(
    _ earlier: AWSResults, _ results: inout AWSResults, _ rework: inout Rework
  ) -> [Principal] {
    let (found, reads) = Reads.recorded(if: rework.isKept) { limitedSessions() }
    results.sessions = (found.map(\.id), reads)
    guard rework.isStale(earlier.sessions.reads) else { return found }
    for id in earlier.sessions.ids + results.sessions.ids {
      rework.mark(.principal, id)
      rework.mark(.reach, id)
    }
    return found
  }

  /// What later evaluations take over has to be there before they ask; else it is made when
  /// somebody asks.
  private func findSystems(
    _ earlier: AWSResults, _ results: inout AWSResults, _ rework: inout Rework
  ) {
    let facts = systemFacts(after: earlier.systems, rework)
    rework.markSystems(facts, after: earlier.systems)
    results.systems = facts
    index.fill(SystemIndex(facts.flatMap(\.values)))
    let outsiders = facts.enumerated().map { place, facts in
      Results(
        of: facts.reads.nodes, after: earlier.outsiders.isEmpty ? nil : earlier.outsiders[place],
        rework
      ) {
        let system = facts.values[$0]
        Reads.note(.system, system.id)
        return system.holdings.isEmpty ? [] : self.outsiders(of: system.id, atLeast: nil)
      }
    }
    rework.markOutsiders(outsiders, after: earlier.outsiders)
    results.outsiders = outsiders
    outsidersOfAll.fill(
      Dictionary(grouping: outsiders.flatMap(\.values).flatMap(\.self)) { $0.from })
  }

  var problems: [String] { shelf.problems }

  func prepare() { _ = systems }

  /// Systems that hold data; most evaluations of one tenant ask for them once, some never.
  var systems: SystemIndex {
    index.value {
      Reads.apart {
        SystemIndex(systemFacts(after: [], Rework(isKept: false)).flatMap(\.values))
      }
    }
  }

  /// Whom systems that hold data let in from outside of what was read, such as anyone.
  func outsiderAccess(of identity: String) -> [Hop] {
    Reads.note(.outsider, identity)
    return outsidersOfAll.value {
      Reads.apart {
        Dictionary(
          grouping: self.systems.holdings.systems.flatMap { outsiders(of: $0, atLeast: nil) }
        ) { $0.from }
      }
    }[identity] ?? []
  }

  private func systemFacts(
    after earlier: [Results<SystemFacts>], _ rework: Rework
  ) -> [Results<SystemFacts>] {
    DataClassifier.types.enumerated().map { place, type in
      let nodes = graph.nodes(ofType: type.name)
      return Results(
        of: nodes.map(\.number), after: earlier.isEmpty ? nil : earlier[place], rework
      ) { SystemFacts(nodes[$0], type, in: self) }
    }
  }

  func gaps(of node: GraphNode) -> [String] {
    guard node.type == "aws.lambda.function" else {
      return principals[node]?.gaps ?? []
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
    switch edge.kind {
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
      principals[node].map { !$0.isServiceLinked && !$0.isForPeople }
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
