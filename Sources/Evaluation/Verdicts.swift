internal import Cryptography
internal import Model
internal import Synchronization

/// What a rule says about a subject: a finding, or why it cannot tell.
struct Judgement: Sendable {
  /// There are many of them, and few find something.
  enum Outcome: Sendable {
    indirect case found(Finding)
    /// What was missing.
    case blocked([String])
  }

  var rule: String
  var scope: String
  var subject: String
  var outcome: Outcome
}

/// What an evaluation says about its subjects, by type; what nobody asked for is not there.
struct Verdicts: Sendable {
  var judgements: [Results<[Judgement]>]?
  /// What each may reach, where that was judged completely.
  var baselines: [Results<Baseline?>]?
  /// When the passing of time alone may change what rules say.
  var dues: [Results<Timestamp?>]?
  /// What is stored of paths, of those who may have any.
  var paths: Results<PathDigest?>?
}

/// What rules say about all subjects, worked out when somebody asks.
final class VerdictBook: Sendable {
  private let situation: Situation
  private let rework: Rework
  private let types: [SubjectType]
  /// What is taken over goes once it was.
  private let earlier: Mutex<Verdicts>
  private let dues: [Results<Timestamp?>]?
  private let known = Mutex(Verdicts())

  init(_ situation: Situation, _ rework: Rework, after earlier: Verdicts) {
    self.situation = situation
    self.rework = rework
    self.earlier = Mutex(earlier)
    dues = earlier.dues
    types = SubjectType.all(situation)
  }

  /// All of it, for a later evaluation.
  var all: Verdicts {
    Verdicts(
      judgements: judged, baselines: find(\.baselines, SubjectType.baseline),
      dues: find(\.dues, SubjectType.nextDueAt), paths: paths)
  }

  /// In no order that matters.
  var judgements: some Sequence<Judgement> { judged.lazy.flatMap(\.values).joined() }

  /// How many subjects were not taken over.
  var reworked: Int { judged.reduce(0) { $0 + $1.stale.count } }

  var baselines: [Baseline] {
    find(\.baselines, SubjectType.baseline).flatMap(\.values).compactMap(\.self)
  }

  var nextDueAt: Timestamp? {
    find(\.dues, SubjectType.nextDueAt).flatMap(\.values).compactMap(\.self).min()
  }

  var pathDigests: [PathDigest] { paths.values.compactMap(\.self) }

  private var paths: Results<PathDigest?> {
    if let known = known.withLock({ $0.paths }) { return known }
    let nodes = situation.pathCandidates
    let found = Results(of: nodes.map(\.number), after: earlier.withLock { $0.paths }, rework) {
      situation.pathDigest(of: nodes[$0])
    }
    known.withLock { $0.paths = found }
    return found
  }

  private var judged: [Results<[Judgement]>] { find(\.judgements, SubjectType.judge) }

  private func find<Value>(
    _ part: WritableKeyPath<Verdicts, [Results<Value>]?>,
    _ work: @Sendable (SubjectType) -> @Sendable (GraphNode, Situation) -> Value
  ) -> [Results<Value>] {
    if let known = known.withLock({ $0[keyPath: part] }) { return known }
    let before = earlier.withLock { earlier in
      defer { earlier[keyPath: part] = nil }
      return earlier[keyPath: part]
    }
    let found = types.enumerated().map { place, type in
      let nodes = situation.graph.nodes(ofType: type.name)
      let work = work(type)
      let dues = dues?[place].values ?? []
      return Results(
        of: nodes.map(\.number), after: before?[place], rework,
        isDue: { dues[$0].map { $0 <= situation.now } ?? false }
      ) { work(nodes[$0], situation) }
    }
    known.withLock { $0[keyPath: part] = found }
    return found
  }
}

/// Subjects of a type, and the rules that are about them.
private final class SubjectType: Sendable {
  let name: String
  private let rules: [Rule]
  /// In order of rules.
  private let needs: SubjectNeeds

  private init(_ name: String, _ pairs: [(rule: Rule, inputs: SubjectInputs)], _ now: Situation) {
    self.name = name
    rules = pairs.map(\.rule)
    needs = SubjectNeeds(pairs.map(\.inputs), now)
  }

  /// Always the same, in the same order.
  static func all(_ situation: Situation) -> [SubjectType] {
    let pairs = Rule.all.flatMap { rule in rule.subjects.map { (rule, $0) } }
    let names = Set(pairs.map(\.1.type)).sorted { $0.precedes($1) }
    return names.map { name in
      SubjectType(name, pairs.filter { $0.1.type == name }, situation)
    }
  }

  @Sendable func judge(_ node: GraphNode, _ situation: Situation) -> [Judgement] {
    guard let key = node.scope, let scope = Scope(key) else { return [] }
    let region = node.state("region")?.string
    let needs = needs.of(scope: key, region: region)
    // Most subjects have none, and all rules ask.
    var own: [String]?
    return rules.indices.compactMap { place in
      let (rule, (keys, missing)) = (rules[place], needs[place])
      let outcome: Judgement.Outcome
      if missing.isEmpty, let draft = rule.check(situation, node) {
        let about = FindingSubject(
          id: node.id, type: node.type, name: node.name, region: region)
        outcome = .found(
          situation.finding(
            draft, rule: rule.id, ruleTitle: rule.title, ruleVersion: rule.version, about, scope,
            keys))
      } else {
        var reasons = missing
        if reasons.isEmpty {
          let gaps = own ?? situation.semantics.gaps(of: node)
          own = gaps
          reasons = gaps + (rule.gaps?(situation, node) ?? [])
        }
        guard !reasons.isEmpty else { return nil }
        outcome = .blocked(reasons)
      }
      return Judgement(rule: rule.id, scope: key, subject: node.id, outcome: outcome)
    }
  }

  @Sendable func baseline(_ node: GraphNode, _ situation: Situation) -> Baseline? {
    guard let scope = node.scope,
      let place = rules.firstIndex(where: { $0.id == Rule.scopeDrift.id }),
      needs.of(scope: scope, region: nil)[place].missing.isEmpty
    else { return nil }
    return situation.baseline(of: node)
  }

  @Sendable func nextDueAt(_ node: GraphNode, _ situation: Situation) -> Timestamp? {
    rules.compactMap { $0.nextChange?(situation, node) }.filter { $0 > situation.now }.min()
  }
}

/// What a finding is about.
struct FindingSubject {
  var id: String
  var type: String
  var name: String
  var region: String?
}

extension Situation {
  func finding(
    _ draft: Draft, rule: String, ruleTitle: String, ruleVersion: Int, _ subject: FindingSubject,
    _ scope: Scope, _ keys: [CollectionKey]
  ) -> Finding {
    let cited = (draft.chain + draft.limits).flatMap(\.receipts)
      .map { CollectionKey(scope: $0.scope, collection: $0.collection) }
    let needed = Set(keys + cited).sorted { $0.precedes($1) }
    // The subject's own inputs are current; those of other scopes that the chain crosses may not
    // be.
    let missing = Set(draft.decision.missing + inputs.gaps(needed))
    return Finding(
      tenant: graph.tenant, uid: uid(rule, subject.id), rule: rule, ruleTitle: ruleTitle,
      ruleVersion: ruleVersion, subject: subject.id, subjectType: subject.type,
      subjectName: subject.name, scope: scope, region: subject.region, severity: draft.severity,
      strength: draft.decision.strength ?? .unknown, via: draft.via, title: draft.title,
      description: draft.description, chain: draft.chain, limits: draft.limits,
      targets: draft.targets, conditions: draft.decision.conditions,
      missing: missing.sorted { $0.precedes($1) },
      cause: graph.causeID(draft.cause), inputs: needed)
  }

  func uid(_ rule: String, _ subject: String) -> String {
    SHA256.hexDigest("\(graph.tenant)\n\(rule)\n\(subject)")
  }
}

extension Rework {
  /// Marks what else was settled about subjects and scopes.
  mutating func markSettled(_ now: Settled?, after earlier: Settled?) {
    let (now, earlier) = (now ?? Settled(), earlier ?? Settled())
    for (subject, baseline) in now.baselines where earlier.baselines[subject] != baseline {
      mark(.baseline, subject)
    }
    for subject in earlier.baselines.keys where now.baselines[subject] == nil {
      mark(.baseline, subject)
    }
    for rule in now.judged.symmetricDifference(earlier.judged) { mark(.judged, rule.scope) }
  }
}
