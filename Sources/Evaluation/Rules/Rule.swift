internal import Model
internal import Synchronization

/// A rule: which subjects it judges, from which collections, and what it finds about one.
///
/// `check` is a pure function of the situation. It is called only where every input is current, so
/// it need not doubt them; what it cannot know otherwise it carries as `unknown`.
final class Rule: Sendable {
  let id: String
  let version: Int
  let title: String
  let subjects: [SubjectInputs]
  let check: @Sendable (Situation, GraphNode) -> Draft?
  /// What else was not known about a subject of which nothing was found: then it was not judged.
  let gaps: (@Sendable (Situation, GraphNode) -> [String])?
  /// When the passing of time alone may change what is found about a subject; what has passed
  /// already is ignored.
  let nextChange: (@Sendable (Situation, GraphNode) -> Timestamp?)?

  init(
    id: String, version: Int, title: String, subjects: [SubjectInputs],
    check: @escaping @Sendable (Situation, GraphNode) -> Draft?,
    gaps: (@Sendable (Situation, GraphNode) -> [String])? = nil,
    nextChange: (@Sendable (Situation, GraphNode) -> Timestamp?)? = nil
  ) {
    (self.id, self.version, self.title) = (id, version, title)
    (self.subjects, self.check) = (subjects, check)
    (self.gaps, self.nextChange) = (gaps, nextChange)
  }

  /// All rules, in the order in which they are judged.
  static let all: [Rule] = [
    .unboundedScope, .externalTrust, .publicTrigger, .escalationPath, .federationTooWide,
    .crossSystemChain, .agentOverreach, .scopeDrift,
    .dormantAuthority, .longLivedSecret, .expiringCredential, .credentialInAutomation,
    .sharedIdentity, .orphanedOwnership,
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
final class Situation: Sendable {
  let graph: Graph
  let semantics: any PlatformSemantics
  let authority: AuthorityGraph
  let inputs: Inputs
  let owners: OwnerRegister
  let thresholds: RuleThresholds
  let settled: Settled?
  let now: Timestamp
  let drifts = Memo<String, Drift>()
  let authorities = Memo<String, Decision>()

  init(
    graph: Graph, semantics: any PlatformSemantics, authority: AuthorityGraph, inputs: Inputs,
    owners: OwnerRegister, thresholds: RuleThresholds, settled: Settled?, now: Timestamp
  ) {
    (self.graph, self.semantics, self.authority) = (graph, semantics, authority)
    (self.inputs, self.owners, self.thresholds) = (inputs, owners, thresholds)
    (self.settled, self.now) = (settled, now)
  }
}

/// Ages from which rules find something.
public struct RuleThresholds: Sendable, Hashable {
  /// Authority that was not used for longer is dormant. Beyond 400 days AWS tells no use of a role.
  public var dormantAfter: Duration
  /// A secret that was not replaced for longer is long-lived.
  public var secretAge: Duration
  /// What expires within this time is said.
  public var expiryWarning: Duration

  public init(
    dormantAfter: Duration = .seconds(90 * 86400), secretAge: Duration = .seconds(90 * 86400),
    expiryWarning: Duration = .seconds(30 * 86400)
  ) {
    self.dormantAfter = dormantAfter
    self.secretAge = secretAge
    self.expiryWarning = expiryWarning
  }
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

/// What rules need about their subjects, worked out once for each scope and region.
final class SubjectNeeds: Sendable {
  typealias Needs = (keys: [CollectionKey], missing: [String])

  private struct Place: Hashable {
    var scope: String
    var region: String?
  }

  private let inputs: [SubjectInputs]
  private let situation: Situation
  private let known = Mutex<[Place: (value: [Needs], cells: [Cell])]>([:])

  /// - Parameter inputs: of each rule.
  init(_ inputs: [SubjectInputs], _ situation: Situation) {
    self.inputs = inputs
    self.situation = situation
  }

  /// Of each rule the collections that decide about a subject, and why some cannot be relied on.
  func of(scope: String, region: String?) -> [Needs] {
    let place = Place(scope: scope, region: region)
    if let needs = known.withLock({ $0[place] }) {
      Reads.note(needs.cells)
      return needs.value
    }
    let needs = Reads.recorded(if: Reads.isRecording) {
      inputs.map { inputs -> Needs in
        let (keys, gaps) = inputs.needs(scope: scope, region: region, situation)
        return (keys: keys, missing: situation.inputs.gaps(keys) + gaps)
      }
    }
    known.withLock { $0[place] = needs }
    return needs.value
  }
}
