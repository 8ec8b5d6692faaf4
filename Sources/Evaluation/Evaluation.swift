/// From a tenant's graph to its findings: what may act as what, what that adds up to, and how it is
/// proved.
///
/// - `Graph` is what the scopes assert, at one version: a value, the same for the same assertions.
/// - `PlatformSemantics` reads a platform's policies and derives hops (`canAssume`, `reaches`, open
///   entries), each with a `Decision` and the facts it stands on. `AWS/` is one.
/// - `AuthorityGraph` holds all hops and finds paths.
/// - `Rule` is data and a pure function; `Rules/` has one file each. An `Inputs` says what may be
///   relied on, so that what was not read is neither reported nor ruled out.
/// - `Incremental/` is how an evaluation takes over from an earlier one what has not changed:
///   `Reads` notes what each result is made from.
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
  private let keeps: Bool
  /// What the platforms' semantics leaves to the next evaluation.
  private let results: AWSResults
  let verdicts: VerdictBook

  /// - Parameters:
  ///   - staleAfter: how long a complete collection may be relied on.
  ///   - settled: `nil` holds and suppresses nothing, and knows no baselines.
  ///   - keeps: whether a later evaluation may take over from this one, which takes memory.
  ///   - earlier: of the same tenant. What nothing has changed of since is taken over from it; the
  ///     result is the same as without it.
  public init(
    of graph: Graph, at now: Timestamp, staleAfter: Duration = .seconds(7 * 86400),
    owners: OwnerRegister = OwnerRegister([]), thresholds: RuleThresholds = RuleThresholds(),
    settled: Settled? = nil, keeps: Bool = false, after earlier: EarlierEvaluation? = nil
  ) {
    let inputs = Inputs(graph, now: now, staleAfter: staleAfter)
    let change = earlier.flatMap { GraphChange(from: $0.graph, to: graph) }
    var rework = Rework(isKept: keeps, change: change)
    var results = change == nil ? AWSResults() : earlier?.results ?? AWSResults()
    if let earlier {
      for name in inputs.changed(since: earlier.inputs) {
        rework.mark(.collections, name)
      }
    }
    let semantics = AWSSemantics.of(graph, inputs, &results, &rework)
    let authority = AuthorityGraph(graph, derived: semantics.derived, judge: semantics.judge)
    let situation = Situation(
      graph: graph, semantics: semantics, authority: authority, inputs: inputs, owners: owners,
      thresholds: thresholds, settled: settled, now: now)
    self.situation = situation
    self.now = now
    self.keeps = keeps
    self.results = results
    if let earlier, let change {
      rework.mark(authority.table.changed(since: earlier.table, change))
      rework.markSettled(settled, after: earlier.settled)
    }
    let before = earlier.flatMap { change != nil && $0.mayBeFollowed(by: situation) ? $0 : nil }
    verdicts = VerdictBook(situation, rework, after: before?.verdicts ?? Verdicts())
  }

  /// What it leaves to a later evaluation of the tenant; `nil` where it keeps nothing.
  public var kept: EarlierEvaluation? {
    guard keeps else { return nil }
    return EarlierEvaluation(
      graph: situation.graph, inputs: situation.inputs, table: situation.authority.table,
      results: results, verdicts: verdicts.all, owners: situation.owners,
      thresholds: situation.thresholds,
      settled: situation.settled, now: now)
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

  /// How many subjects were judged anew.
  package var reworked: Int { verdicts.reworked }

  /// What could not be understood; one line each.
  public var problems: [String] { situation.semantics.problems }

  /// When the passing of time alone may change the result.
  public var nextDueAt: Timestamp? {
    [situation.inputs.nextChange, verdicts.nextDueAt].compactMap(\.self).min()
  }

  /// Everything that the rules find, in order of uid.
  public var findings: [Finding] { judged.sorted { $0.uid.precedes($1.uid) } }

  /// What has to be stored, and mostly published: new, changed, resolved and reopened findings, in
  /// order of uid.
  public func changes(since published: [PublishedFinding]) -> [FindingChange] {
    let findings = judged
    let news = FindingNews(
      before: Dictionary(published.map { ($0.uid, $0) }) { first, _ in first },
      settled: situation.settled, inputs: situation.inputs, now: now)
    let rules = Set(Rule.all.map(\.id) + [Coverage.rule])
    var changes = news.changes(to: findings, blocked(among: published), of: rules)
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
  public var newBaselines: [Baseline] {
    verdicts.baselines.filter { situation.settled?.baselines[$0.subject] != $0 }
      .sorted { $0.subject.precedes($1.subject) }
  }

  /// What the rules find.
  private var judged: [Finding] {
    situation.semantics.prepare()
    var findings: [Finding] = []
    var lacking: [String: [String: Set<String>]] = [:]
    for judgement in verdicts.judgements {
      switch judgement.outcome {
      case .found(let finding): findings.append(finding)
      case .blocked(let reasons):
        lacking[judgement.scope, default: [:]][judgement.rule, default: []].formUnion(reasons)
      }
    }
    return findings + coverage(lacking)
  }

  /// What was missing to judge those of whom something is published.
  private func blocked(among published: [PublishedFinding]) -> [Judged: [String]] {
    let known = Set(published.map { Judged(rule: $0.key.rule, subject: $0.key.subject) })
    var blocked: [Judged: [String]] = [:]
    for judgement in verdicts.judgements {
      guard case .blocked(let reasons) = judgement.outcome else { continue }
      let judged = Judged(rule: judgement.rule, subject: judgement.subject)
      if known.contains(judged) { blocked[judged] = reasons }
    }
    return blocked
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
    let about = FindingSubject(id: key, type: "sv0.scope", name: scope.account, region: nil)
    return situation.finding(
      draft, rule: rule, ruleTitle: title, ruleVersion: version, about, scope, [])
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
