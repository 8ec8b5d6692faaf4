public import Model

/// What earlier evaluations and people have settled about a tenant's findings.
public struct Settled: Sendable, Hashable {
  /// What a rule finds of a type of subjects in a scope that it has judged completely is news.
  public var judged: Set<JudgedRule>
  /// By subject.
  public var baselines: [String: Baseline]
  /// By finding, the newest one.
  public var suppressions: [String: Suppression]
  /// What people let go since the last evaluation.
  public var releases: [FindingRelease]
  /// What people accepted since the last evaluation.
  public var acceptances: [BaselineAcceptance]
  /// What people took out of the graph: it counts as read and empty, unless it is read again.
  public var retired: Set<RetiredCollections>

  public init(
    judged: Set<JudgedRule> = [], baselines: [String: Baseline] = [:],
    suppressions: [String: Suppression] = [:], releases: [FindingRelease] = [],
    acceptances: [BaselineAcceptance] = [], retired: Set<RetiredCollections> = []
  ) {
    self.judged = judged
    self.baselines = baselines
    self.suppressions = suppressions
    self.releases = releases
    self.acceptances = acceptances
    self.retired = retired
  }

  func hasJudged(_ scope: String, _ type: String, by rule: Rule) -> Bool {
    judged.contains(JudgedRule(scope: scope, rule: rule, type: type))
  }

  /// Whether somebody let it go.
  func releases(_ rule: String, in scope: String) -> Bool {
    releases.contains { $0.covers(rule, in: scope) }
  }

  func hasRetired(_ key: CollectionKey) -> Bool {
    ["", key.collection, String(key.collection.prefix { $0 != "@" })].contains {
      retired.contains(RetiredCollections(scope: key.scope, collection: $0))
    }
  }

  func suppression(of uid: String, at now: Timestamp) -> Suppression? {
    suppressions[uid].flatMap { $0.endsAt > now ? $0 : nil }
  }

  /// When the next suppression ends.
  func nextEnd(after now: Timestamp) -> Timestamp? {
    suppressions.values.map(\.endsAt).filter { $0 > now }.min()
  }
}

/// Collections of a scope that a person retired.
public struct RetiredCollections: Sendable, Hashable {
  public var scope: String
  /// With its regions; empty for all.
  public var collection: String

  public init(scope: String, collection: String) {
    self.scope = scope
    self.collection = collection
  }
}

/// A rule, in a version, that has judged all subjects of a type in a scope.
public struct JudgedRule: Sendable, Hashable {
  public var scope: String
  public var rule: String
  public var type: String
  public var version: Int64

  public init(scope: String, rule: String, type: String, version: Int64) {
    self.scope = scope
    self.rule = rule
    self.type = type
    self.version = version
  }

  init(scope: String, rule: Rule, type: String) {
    self.init(scope: scope, rule: rule.id, type: type, version: Int64(rule.version))
  }
}

/// A person lets findings go that are held.
public struct FindingRelease: Sendable, Hashable {
  /// Only of this scope.
  public var scope: String?
  /// Only of this rule.
  public var rule: String?

  public init(scope: String? = nil, rule: String? = nil) {
    self.scope = scope
    self.rule = rule
  }

  public func covers(_ rule: String, in scope: String) -> Bool {
    (self.rule ?? rule) == rule && (self.scope ?? scope) == scope
  }
}

/// A person takes what identities reach for what they may reach.
public struct BaselineAcceptance: Sendable, Hashable {
  /// Only those of this scope.
  public var scope: String?
  /// Only this one.
  public var subject: String?

  public init(scope: String? = nil, subject: String? = nil) {
    self.scope = scope
    self.subject = subject
  }

  public func covers(_ subject: String, in scope: String) -> Bool {
    (self.subject ?? subject) == subject && (self.scope ?? scope) == scope
  }
}

/// A person answers for a finding until a day: nobody is to be woken for it.
public struct Suppression: Sendable, Hashable {
  public var owner: String
  public var reason: String
  public var endsAt: Timestamp

  public init(owner: String, reason: String, endsAt: Timestamp) {
    self.owner = owner
    self.reason = reason
    self.endsAt = endsAt
  }
}

extension Settled {
  /// Whether a finding goes out.
  ///
  /// What is high does at once, unless somebody answers for it. Else what a rule says about a scope
  /// for the first time is no news but an inventory, which would bury what is.
  func disclosure(
    of finding: Finding, _ old: PublishedFinding?, isSuppressed: Bool
  ) -> Disclosure {
    let scope = finding.scope.description
    if releases(finding.rule, in: scope) { return .release }
    if finding.severity >= .high { return isSuppressed ? .publish : .release }
    // Findings about the scope itself are one each.
    guard let rule = Rule.all.first(where: { $0.id == finding.rule }) else { return .publish }
    if let old, old.life.version > 0 {
      let isUpgrade = OCSF.ruleVersion(of: old.event).map { $0 < rule.version } ?? false
      return isUpgrade ? .hold : .publish
    }
    return hasJudged(scope, finding.subjectType, by: rule) ? .publish : .hold
  }
}
