internal import Model

/// What is known about the organizations of a tenant's accounts, and how they limit them.
struct Organizations: Sendable {
  /// Where an account stands.
  enum Membership: Sendable, Hashable {
    /// The collection whose completeness proves that it is in none.
    case standalone(CollectionKey)
    case member(Organization)
    case unknown(String)
  }

  struct Organization: Sendable, Hashable {
    /// The organization's node, its `o-…` id and its management account.
    var node: String
    var id: String
    var management: String
    /// `CONSOLIDATED_BILLING` organizations have no policies.
    var hasPolicies: Bool
  }

  /// Whether an account belongs to the same organization as another.
  enum Relation: Sendable, Hashable {
    case same
    case outside
    case undecided(String)
  }

  let graph: Graph
  let inputs: Inputs
  let shelf: PolicyShelf
  /// What was found of the accounts that are asked about again and again.
  private var memberships: [String: Membership] = [:]
  private var limits: [String: AccountLimits] = [:]
  /// By kind and management scope, whether an organization has policies of a kind.
  let switchedOn = Memo<String, Bool>()

  init(_ graph: Graph, _ inputs: Inputs, _ shelf: PolicyShelf, accounts: Set<String>) {
    self.graph = graph
    self.inputs = inputs
    self.shelf = shelf
    for account in accounts { memberships[account] = membership(of: account) }
    for account in accounts { limits[account] = limits(on: account) }
  }

  func membership(of account: String) -> Membership {
    if let known = memberships[account] { return known }
    if let edge = graph.edges(.contains, to: "aws:account:\(account)").first(where: {
      graph.nodes[$0.from]?.type == "aws.organization"
    }), let organization = organization(edge.from) {
      return .member(organization)
    }
    let keys = inputs.scopes(ofAccount: account).map {
      CollectionKey(scope: $0, collection: "aws.organizations.organization")
    }
    for node in graph.nodes(ofType: "aws.organization") {
      guard node.assertions.contains(where: { keys.contains($0.provenance.collection) }),
        let organization = organization(node.id)
      else { continue }
      return .member(organization)
    }
    if let key = keys.first(where: inputs.isComplete) { return .standalone(key) }
    return .unknown(
      keys.compactMap(inputs.gap).first
        ?? "aws.organizations.organization of account \(account): never read")
  }

  /// The complete listing of an organization's accounts: where it should be, or why there is none.
  func accountListing(of organization: Organization) -> (keys: [CollectionKey], gap: String?) {
    let keys = inputs.scopes(ofAccount: organization.management).map {
      CollectionKey(scope: $0, collection: "aws.organizations.account")
    }
    if let key = keys.first(where: inputs.isComplete) { return ([key], nil) }
    return (
      keys,
      keys.compactMap(inputs.gap).first
        ?? "aws.organizations.account of management account \(organization.management): never read"
    )
  }

  func relation(of other: String, to account: String) -> Relation {
    if other == account { return .same }
    switch membership(of: account) {
    case .standalone: return .outside
    case .unknown(let missing): return .undecided(missing)
    case .member(let organization):
      if case .member(let its) = membership(of: other), its.node == organization.node {
        return .same
      }
      if let gap = accountListing(of: organization).gap { return .undecided(gap) }
      return .outside
    }
  }

  /// The limits that an organization sets to an account's principals and resources.
  func limits(on account: String) -> AccountLimits {
    if let known = limits[account] { return known }
    switch membership(of: account) {
    case .unknown(let missing):
      return AccountLimits(
        principals: PolicyLevels(rest: .unknown(missing)),
        resources: PolicyLevels(rest: .unknown(missing)), reasons: [])
    case .standalone(let key):
      return .none(
        Fact(
          .collection(key),
          "account \(account) is in no organization, so no service control policy limits it"))
    case .member(let organization) where !organization.hasPolicies:
      return .none(
        Fact(
          .node(organization.node),
          "organization \(organization.id) only shares bills: it has no policies"))
    case .member(let organization) where organization.management == account:
      return .none(
        Fact(
          .node(organization.node),
          "account \(account) manages organization \(organization.id): "
            + "service and resource control policies do not apply to it"))
    case .member(let organization): return memberLimits(account, organization)
    }
  }

  private func organization(_ id: String) -> Organization? {
    guard let state = graph.nodes[id]?.merged.state, let name = state["organizationId"]?.string,
      let management = state["managementAccount"]?.string
    else { return nil }
    return Organization(
      node: id, id: name, management: management,
      hasPolicies: state["featureSet"]?.string != "CONSOLIDATED_BILLING")
  }
}
