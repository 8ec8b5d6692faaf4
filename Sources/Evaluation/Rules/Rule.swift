internal import Model

/// A rule: which subjects it judges, from which collections, and what it finds about one.
///
/// `check` is a pure function of the situation. It is called only where every input is current, so
/// it need not doubt them; what it cannot know otherwise it carries as `unknown`.
struct Rule: Sendable {
  let id: String
  let version: Int
  let title: String
  let subjects: [SubjectInputs]
  let check: @Sendable (Situation, GraphNode) -> Draft?

  /// All rules, in the order in which they are judged.
  static let all: [Rule] = [
    .unboundedScope, .externalTrust, .publicTrigger, .escalationPath, .federationTooWide,
    .crossSystemChain, .agentOverreach, .scopeDrift,
  ]
}

/// The collections that a rule needs about subjects of one type.
struct SubjectInputs: Sendable {
  let type: String
  /// Of the subject's scope; `@*` stands for the subject's region.
  let collections: [String]
  /// Also which accounts belong to the organization.
  let needsOrganization: Bool

  init(_ type: String, _ collections: [String], needsOrganization: Bool = false) {
    self.type = type
    self.collections = collections
    self.needsOrganization = needsOrganization
  }

  /// Roles, and users by whether they have keys: what decides their authority.
  static let principals = [
    SubjectInputs("aws.iam.role", Principal.collections),
    SubjectInputs("aws.iam.user", Principal.collections + ["aws.iam.accessKey"]),
  ]
}

/// What a rule sees.
struct Situation: Sendable {
  let graph: Graph
  let semantics: any PlatformSemantics
  let authority: AuthorityGraph
  let inputs: Inputs
  let standing: Standing?
  let drifts = DriftMemo()
}

/// What a rule says about a subject, before it is a finding.
struct Draft: Sendable {
  var severity: Severity
  var decision: Decision
  var via: String
  var title: String
  var description: String
  var chain: [EvidenceStep]
  var limits: [EvidenceStep]
  var targets: [FindingTarget]
  var cause: String
}

extension Severity {
  /// What is not certain, or only influences, does not wake anybody.
  func capped(_ decision: Decision, via: String = "authority") -> Severity {
    decision.level == .allowed && via != "influence" ? self : min(self, .medium)
  }
}

extension SubjectInputs {
  /// The collections that a scope would have to deliver, with what cannot even be named.
  ///
  /// - Parameter region: the subject's; `nil` asks for every region that was tried.
  func needs(
    scope: String, region: String?, _ situation: Situation
  ) -> (keys: [CollectionKey], gaps: [String]) {
    var keys: [CollectionKey] = []
    var gaps: [String] = []
    let regional = collections.filter { $0.hasSuffix("@*") }.map { String($0.dropLast(2)) }
    keys += collections.filter { !$0.hasSuffix("@*") }.map {
      CollectionKey(scope: scope, collection: $0)
    }
    let tried = Set(regional.flatMap { situation.inputs.regions(of: $0, in: scope) })
    for region in region.map({ [$0] }) ?? tried.sorted(by: { $0.precedes($1) }) {
      keys += regional.map { CollectionKey(scope: scope, collection: "\($0)@\(region)") }
    }
    if region == nil, tried.isEmpty, let first = regional.first {
      gaps.append("\(first) of \(scope): never read in any region")
    }
    if needsOrganization, let account = Scope(scope)?.account {
      let organization = situation.semantics.organizationInputs(account: account)
      keys += organization.keys
      gaps += organization.gaps
    }
    return (keys, gaps)
  }
}
