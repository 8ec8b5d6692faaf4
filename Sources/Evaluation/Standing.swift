public import Model

/// What earlier evaluations and people have settled about a tenant's findings.
public struct Standing: Sendable, Hashable {
  /// By scope and rule, the version of the rule that has judged the scope completely: what it
  /// finds there since then is news.
  public var judged: [String: [String: Int64]]
  /// What people let go since the last evaluation.
  public var releases: [FindingRelease]
  /// By finding, the newest one.
  public var suppressions: [String: Suppression]

  public init(
    judged: [String: [String: Int64]] = [:], releases: [FindingRelease] = [],
    suppressions: [String: Suppression] = [:]
  ) {
    self.judged = judged
    self.releases = releases
    self.suppressions = suppressions
  }

  func hasJudged(_ scope: String, by rule: Rule) -> Bool {
    judged[scope]?[rule.id] ?? 0 >= Int64(rule.version)
  }

  /// Whether somebody let it go.
  func releases(_ rule: String, in scope: String) -> Bool {
    releases.contains { $0.covers(rule, in: scope) }
  }

  func suppression(of uid: String, at now: Timestamp) -> Suppression? {
    suppressions[uid].flatMap { $0.endsAt > now ? $0 : nil }
  }

  /// When the next suppression ends.
  func nextEnd(after now: Timestamp) -> Timestamp? {
    suppressions.values.map(\.endsAt).filter { $0 > now }.min()
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

/// A rule that has judged a scope completely.
public struct JudgedRule: Sendable, Hashable {
  public var scope: String
  public var rule: String
  public var version: Int64

  public init(scope: String, rule: String, version: Int64) {
    self.scope = scope
    self.rule = rule
    self.version = version
  }
}

extension Standing {
  /// Whether a finding goes out, held as it may be.
  ///
  /// What is high goes out at once, unless somebody answers for it. Else what a rule says about a
  /// scope for the first time is no news but an inventory, which would bury what is.
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
    return hasJudged(scope, by: rule) ? .publish : .hold
  }
}
