internal import Model

/// What a platform's policies mean: the one place where rules and paths meet a vendor's logic.
///
/// An implementation is built from a graph and answers from it alone, so it is as deterministic as
/// the graph.
protocol PlatformSemantics: Sendable {
  /// Derived hops: `canAssume`, `reaches`, and entries that a resource policy decides.
  var derived: [Hop] { get }

  /// What was not understood, for whoever runs the evaluator; one line each, in order.
  var problems: [String] { get }

  /// Finds at once, on all cores, what the rules will ask for; else who first asks finds it.
  func prepare()

  /// Whether an asserted hop is in force; `nil` takes it as it stands.
  func judge(_ edge: GraphEdge) -> Decision?

  /// Whether a node is a non-human identity or automation of the tenant's own.
  func isWorkload(_ node: GraphNode) -> Bool

  /// Whether an identity may do anything at all.
  func authority(of identity: String) -> Decision

  /// What of a node's own policies could not be read: without it, "nothing found" means nothing.
  func gaps(of node: GraphNode) -> [String]

  /// Who an identity's trust lets in from outside of its organization.
  func foreignTrust(of identity: String) -> [ForeignTrust]

  /// Whose tokens let somebody become an identity.
  func federation(of identity: String) -> [FederatedTrust]

  /// `reaches` hops from an identity, or a privileged set, to systems that hold data of a domain, and
  /// to sets of such systems; in order.
  func sensitiveAccess(of identity: String) -> [Hop]

  /// `holds` hops of a system, or of a set of systems, to data domains; in order.
  func holdings(of system: String) -> [Hop]

  /// `reaches` hops to one system, from everybody who may act on it at a level or above.
  func holders(of system: String, atLeast: AccessLevel?) -> [Hop]

  /// Why an identity may or may not do something; `nil` for what is no identity.
  func explain(_ identity: String, _ action: String, on resource: String) -> Explanation?

  /// A digest of the limits that an identity's account is under: they change by what somebody decides
  /// for the account, not for the identity.
  func limitsDigest(of identity: String) -> String

  /// The account that a node, or a set of nodes, belongs to, as its name or its state says.
  func owner(of id: String) -> String?

  /// The account that a node belongs to, where it is known to have nothing to do with that of
  /// another: of another organization, or of none.
  func unrelatedOwner(of id: String, seenFrom other: String) -> String?

  /// The collections that tell which accounts belong to the tenant's organization, as seen from an
  /// account; and what is missing where they do not exist.
  func organizationInputs(account: String) -> (keys: [CollectionKey], gaps: [String])
}

/// A trust that reaches beyond the organization.
struct ForeignTrust: Sendable, Hashable {
  /// The hop `canAssume` from the foreign party.
  var hop: Hop
  /// `nil` is anyone.
  var account: String?
  /// Every statement that lets the party in demands an external id.
  var demandsExternalID: Bool
}

/// A trust in somebody else's tokens.
struct FederatedTrust: Sendable {
  /// The hop `federates` from the provider to the role.
  var hop: Hop
  /// Who can present a token that fits; `nil` for assertions of SAML, whose issuer is one
  /// organization.
  var width: FederationWidth?
  /// The subjects that are named, as they are written.
  var subjects: [String]
  var issuer: String
  /// Whose tokens fit, as an owner file would name them (`github:acme`), but for those that are the
  /// tenant's own by what was read.
  var parties: [String] = []
  /// What its holders present.
  var proof = "token"
}

/// How wide a trust in tokens is, from the widest.
enum FederationWidth: Int, Sendable, Comparable {
  /// Anybody with an account at an issuer that serves everybody.
  case anyone
  /// Everything that an issuer of the tenant's own issues tokens for.
  case wholeIssuer
  /// All projects, repositories or namespaces of an owner.
  case wholeOwner
  /// One repository or namespace, whatever branch, event or account.
  case anyContext
  case named

  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
