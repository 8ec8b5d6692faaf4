/// From a tenant's graph to its findings: what may act as what, what that adds up to, and how it is
/// proved.
///
/// - `Graph` is what the scopes assert, at one version: a value, the same for the same assertions.
/// - `PlatformSemantics` reads a platform's policies and derives hops (`canAssume`, `reaches`, open
///   entries), each with a `Decision` and the facts it stands on. `AWS/` is one.
/// - `AuthorityGraph` holds all hops and finds paths.
/// - `Rule` is data and a pure function; `Rules/` has one file each. An `Inputs` says what may be
///   relied on, so that what was not read is neither reported nor ruled out.
/// - `FindingLife` decides what is published, `OCSF` writes it.
/// - `EvaluationService` is the worker: it finds tenants that are due (`TenantClock`), reads
///   their graph from its `EvaluationStore`, evaluates, and writes if nobody was faster.
///
/// Everything but service and stores is pure: time is an input.
///
/// ```swift
/// let evaluation = Evaluation(of: graph, at: now)
/// for path in evaluation.paths(from: function, to: "aws:account:111122223333#*") {
///   print(ChainText.lines(evaluation.chain(path)).joined(separator: "\n"))
/// }
/// let changes = evaluation.changes(since: published)
/// ```
///
/// To add a rule: a file in `Rules/`, and a place in `Rule.all`.
internal import Cryptography
public import Model

/// A graph, judged at one moment.
public struct Evaluation: Sendable {
  let situation: Situation
  private let now: Timestamp

  /// - Parameters:
  ///   - staleAfter: how long a complete collection may be relied on.
  ///   - settled: `nil` holds and suppresses nothing, and knows no baselines.
  public init(
    of graph: Graph, at now: Timestamp, staleAfter: Duration = .seconds(7 * 86400),
    owners: OwnerRegister = OwnerRegister([]), thresholds: RuleThresholds = RuleThresholds(),
    settled: Settled? = nil
  ) {
    let inputs = Inputs(graph, now: now, staleAfter: staleAfter)
    let semantics = AWSSemantics(graph, inputs)
    let authority = AuthorityGraph(graph, derived: semantics.derived, judge: semantics.judge)
    situation = Situation(
      graph: graph, semantics: semantics, authority: authority, inputs: inputs, owners: owners,
      thresholds: thresholds, settled: settled, now: now)
    self.now = now
  }

  /// Every hop that leaves a node, asserted and derived.
  public func hops(from id: String) -> [Hop] { situation.authority.hops(from: id) }

  /// Every possible hop of everybody: from where to where.
  package var hops: [(from: String, to: String)] {
    situation.authority.ends.flatMap { from in
      hops(from: from).map { (from, $0.to) }
    }
  }

  /// A path's nodes and edges with their receipts, and what each derived edge stands on.
  public func chain(_ path: AuthorityPath) -> [EvidenceStep] { situation.graph.chain(path) }

  /// What could not be understood; one line each.
  public var problems: [String] { situation.semantics.problems }

  /// When the passing of time alone may change the result.
  public var nextDueAt: Timestamp? {
    var next = situation.inputs.nextChange
    for rule in Rule.all {
      guard let nextChange = rule.nextChange else { continue }
      for node in rule.subjects.flatMap({ situation.graph.nodes(ofType: $0.type) }) {
        guard let at = nextChange(situation, node), at > now else { continue }
        next = next.map { min($0, at) } ?? at
      }
    }
    return next
  }

  /// Everything that the rules find, in order of uid.
  public var findings: [Finding] { judged.findings.sorted { $0.uid.precedes($1.uid) } }

  /// What has to be stored, and mostly published: new, changed, resolved and reopened findings, in
  /// order of uid.
  public func changes(since published: [PublishedFinding]) -> [FindingChange] {
    let (findings, blocked) = judged
    let news = FindingNews(
      before: Dictionary(published.map { ($0.uid, $0) }) { first, _ in first },
      settled: situation.settled, inputs: situation.inputs, now: now)
    let rules = Set(Rule.all.map(\.id) + [Coverage.rule])
    var changes = news.changes(to: findings, blocked, of: rules)
    let held = Dictionary(grouping: news.held(after: changes), by: \.scope)
    let summaries = held.compactMap { scope, held in
      Summary.draft(in: scope, held).flatMap {
        aboutScope($0, scope, Summary.rule, Summary.title, Summary.version)
      }
    }
    changes += news.changes(to: summaries, [:], of: [Summary.rule])
    return changes.sorted { $0.key.uid.precedes($1.key.uid) }
  }

  /// What rules have judged completely now, and had not before.
  ///
  /// What somebody lets go counts, whatever could not be read: what is found from then on is news.
  public var newlyJudged: [JudgedRule] {
    let settled = situation.settled ?? Settled()
    return situation.inputs.scopes.flatMap { scope in
      Rule.all.flatMap { rule in
        rule.subjects.filter { subject in
          guard !settled.hasJudged(scope, subject.type, by: rule) else { return false }
          if settled.releases(rule.id, in: scope) { return true }
          let (keys, gaps) = subject.needs(scope: scope, region: nil, situation)
          return gaps.isEmpty && situation.inputs.gaps(keys).isEmpty
        }.map { JudgedRule(scope: scope, rule: rule, type: $0.type) }
      }
    }
  }

  /// The baselines that are new or other ones now, in order of subjects.
  public var newBaselines: [Baseline] { situation.newBaselines }

  /// What the rules find, and for subjects that they could not judge, what was missing.
  private var judged: (findings: [Finding], blocked: [Judged: [String]]) {
    situation.semantics.prepare()
    var findings: [Finding] = []
    var blocked: [Judged: [String]] = [:]
    var lacking: [String: [String: Set<String>]] = [:]
    for rule in Rule.all {
      for subject in rule.subjects {
        let needs = SubjectNeeds(subject, situation)
        let judgements = situation.graph.nodes(ofType: subject.type).parallelCompactMap {
          judge($0, by: rule, needs)
        }
        for judgement in judgements {
          if let finding = judgement.finding {
            findings.append(finding)
          } else {
            blocked[Judged(rule: rule.id, subject: judgement.subject)] = judgement.reasons
            lacking[judgement.scope, default: [:]][rule.id, default: []]
              .formUnion(judgement.reasons)
          }
        }
      }
    }
    return (findings + coverage(lacking), blocked)
  }

  /// What a rule says about a subject: a finding, or why it cannot tell.
  private struct Judgement {
    var scope: String
    var subject: String
    var finding: Finding?
    var reasons: [String] = []
  }

  /// `nil` where nothing is wrong, or the subject is in no scope.
  private func judge(_ node: GraphNode, by rule: Rule, _ needs: SubjectNeeds) -> Judgement? {
    guard let key = node.scope else { return nil }
    let region = node.state("region")?.string
    let (keys, missing) = needs.of(scope: key, region: region)
    var judgement = Judgement(scope: key, subject: node.id)
    if missing.isEmpty, let draft = rule.check(situation, node) {
      guard let scope = Scope(key) else { return nil }
      let about = Subject(id: node.id, type: node.type, name: node.name, region: region)
      judgement.finding = finding(
        draft, uid(rule.id, node.id), rule.id, rule.title, rule.version, about, scope, keys)
    } else {
      judgement.reasons =
        missing.isEmpty
        ? situation.semantics.gaps(of: node) + (rule.gaps?(situation, node) ?? []) : missing
    }
    return judgement.finding == nil && judgement.reasons.isEmpty ? nil : judgement
  }

  private func coverage(_ lacking: [String: [String: Set<String>]]) -> [Finding] {
    situation.inputs.scopes.parallelCompactMap { key in
      let gaps = Coverage.gaps(in: key, situation)
        .merging((lacking[key] ?? [:]).filter { !$0.value.isEmpty }) { $0.union($1) }
      return Coverage.draft(in: key, gaps).flatMap {
        aboutScope($0, key, Coverage.rule, Coverage.title, Coverage.version)
      }
    }
  }

  private func aboutScope(
    _ draft: Draft, _ key: String, _ rule: String, _ title: String, _ version: Int
  ) -> Finding? {
    guard let scope = Scope(key) else { return nil }
    let about = Subject(id: key, type: "sv0.scope", name: scope.account, region: nil)
    return finding(draft, uid(rule, key), rule, title, version, about, scope, [])
  }

  private struct Subject {
    var id: String
    var type: String
    var name: String
    var region: String?
  }

  private func finding(
    _ draft: Draft, _ uid: String, _ rule: String, _ title: String, _ version: Int,
    _ subject: Subject, _ scope: Scope, _ keys: [CollectionKey]
  ) -> Finding {
    let cited = (draft.chain + draft.limits).flatMap(\.receipts)
      .map { CollectionKey(scope: $0.scope, collection: $0.collection) }
    let inputs = Set(keys + cited).sorted { $0.precedes($1) }
    // The subject's own inputs are current; those of other scopes that the chain crosses may not
    // be.
    let missing = Set(draft.decision.missing + situation.inputs.gaps(inputs))
    return Finding(
      tenant: situation.graph.tenant, uid: uid, rule: rule, ruleTitle: title,
      ruleVersion: version, subject: subject.id, subjectType: subject.type,
      subjectName: subject.name, scope: scope, region: subject.region, severity: draft.severity,
      strength: draft.decision.strength ?? .unknown, via: draft.via, title: draft.title,
      description: draft.description, chain: draft.chain, limits: draft.limits,
      targets: draft.targets, conditions: draft.decision.conditions,
      missing: missing.sorted { $0.precedes($1) },
      cause: situation.graph.causeID(draft.cause), inputs: inputs)
  }

  private func uid(_ rule: String, _ subject: String) -> String {
    SHA256.hexDigest("\(situation.graph.tenant)\n\(rule)\n\(subject)")
  }
}

/// What identifies a finding in the store.
public struct FindingKey: Sendable, Hashable {
  public var uid: String
  public var rule: String
  public var subject: String
  public var scope: String
  public var severity: Severity
  public var inputs: [CollectionKey]
}

/// A finding as it was last stored.
public struct PublishedFinding: Sendable, Hashable {
  public var key: FindingKey
  public var life: FindingLife
  /// The event as it was published, or would be.
  public var event: JSON

  public var uid: String { key.uid }
  public var inputs: [CollectionKey] { key.inputs }

  public init(key: FindingKey, life: FindingLife, event: JSON) {
    self.key = key
    self.life = life
    self.event = event
  }
}

/// What is to be stored and, unless it is held, published.
public struct FindingChange: Sendable, Hashable {
  public var key: FindingKey
  public var life: FindingLife
  public var event: JSON
}

extension FindingKey {
  init(_ finding: Finding) {
    self.init(
      uid: finding.uid, rule: finding.rule, subject: finding.subject,
      scope: finding.scope.description, severity: finding.severity, inputs: finding.inputs)
  }
}

extension CollectionKey {
  func precedes(_ other: CollectionKey) -> Bool {
    scope == other.scope ? collection.precedes(other.collection) : scope.precedes(other.scope)
  }
}
