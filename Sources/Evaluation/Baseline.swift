internal import Cryptography
package import Model

/// What an identity may reach, for all that is known: what it reached when it was first judged
/// completely, or when a person accepted it.
///
/// Invariants:
/// 1. What is reached beyond the baseline is drift only where policies, grants or memberships on the
///    way have changed since the last evaluation; else the baseline takes it in: something was
///    created, was read for the first time, was classified anew, or a vendor edited its own policy.
/// 2. What is drift stays drift until it is gone or accepted.
/// 3. The baseline only grows: who regains what it once had does not drift.
public struct Baseline: Sendable, Hashable {
  /// The identity.
  public var subject: String
  /// By target (a data domain's or set's id, `platform:entra`) the highest level, by name; empty
  /// where levels say nothing.
  public var reached: [String: String]
  /// The same of what is reached beyond it.
  public var drifted: [String: String]
  /// Of what decides the identity's authority: policies, memberships, trust, and the limits of its
  /// account.
  public var digest: String
  /// Version of the classifier that said which systems hold what.
  public var classifier: Int

  public init(
    subject: String, reached: [String: String], drifted: [String: String] = [:], digest: String,
    classifier: Int
  ) {
    self.subject = subject
    self.reached = reached
    self.drifted = drifted
    self.digest = digest
    self.classifier = classifier
  }
}

/// What has become of an identity's baseline.
struct Drift: Sendable {
  var baseline: Baseline
  /// What it drifted to, the worst first.
  var reached: [Reached] = []
}

extension Situation {
  /// Whether somebody can drift at all: what is reached first is the baseline.
  func hasBaseline(_ subject: GraphNode) -> Bool { settled?.baselines[subject.id] != nil }

  /// Remembered, for the rule asks, and so does whoever stores baselines.
  func drift(of subject: GraphNode) -> Drift {
    drifts.value(of: subject.id) { findDrift(of: subject) }
  }

  private func findDrift(of subject: GraphNode) -> Drift {
    let all = reached(from: subject.id).filter { $0.level != .readMetadata }
    var fresh = Baseline(
      subject: subject.id, reached: [:], digest: digest(of: subject.id),
      classifier: DataClassifier.version)
    for one in all { fresh.raise(one) }
    guard let old = settled?.baselines[subject.id] else { return Drift(baseline: fresh) }
    var baseline = fresh
    baseline.reached = old.reached
    let isAccepted =
      settled?.acceptances.contains { $0.covers(subject.id, in: subject.scope ?? "") } ?? false
    var beyond: [Reached] = []
    for one in all where !baseline.covers(one) {
      let isKnown = old.drifted[one.target.text] != nil
      let isNew = old.classifier == fresh.classifier && hasChanged(one.path, from: subject.id)
      if !isAccepted, isKnown || isNew {
        beyond.append(one)
      } else {
        baseline.raise(one)
      }
    }
    // Of one target the levels below the highest that drifted go with it.
    for one in beyond where baseline.drifted[one.target.text] == nil {
      baseline.drifted[one.target.text] = one.levelName
    }
    return Drift(baseline: baseline, reached: beyond)
  }

  /// Whether what decides the authority of somebody on a path is not what it was.
  ///
  /// Who has no baseline was not there, or was not read: in a scope that was judged before, it was
  /// not there.
  private func hasChanged(_ path: AuthorityPath, from start: String) -> Bool {
    let identities = [start] + path.hops.filter { $0.transfer != .locate }.map(\.to)
    return identities.contains { id in
      guard let node = graph.nodes[id], let scope = node.scope,
        Rule.scopeDrift.subjects.contains(where: { $0.type == node.type })
      else { return false }
      guard let old = settled?.baselines[id] else {
        return settled?.hasJudged(scope, node.type, by: .scopeDrift) ?? false
      }
      return old.digest != digest(of: id)
    }
  }

  /// Of the policies, memberships and limits that decide an identity's authority. A vendor's policy
  /// counts by its name: what the vendor writes into it is no act of the tenant's.
  private func digest(of identity: String) -> String {
    var facts: Set<String> = ["account \(semantics.limitsDigest(of: identity))"]
    var seen: Set<String> = [identity]
    var frontier = [identity]
    while let id = frontier.popLast() {
      if let node = graph.nodes[id], let document = node.state("document")?.string,
        node.state("awsManaged") != .bool(true)
      {
        facts.insert("\(id) \(document)")
      }
      for kind in [EdgeKind.grantedBy, .memberOf, .limitedBy, .trustedBy, .hasGrant, .ofRole] {
        for edge in graph.edges(kind, from: id) {
          let end = edge.to
          facts.insert("\(kind.rawValue) \(id) \(end) \(edge.discriminator)")
          if seen.insert(end).inserted { frontier.append(end) }
        }
      }
    }
    return SHA256.hexDigest(facts.sorted { $0.precedes($1) }.joined(separator: "\n"))
  }

  /// The baselines that are not as they were stored, in order of subjects.
  var newBaselines: [Baseline] {
    Rule.scopeDrift.subjects.flatMap { subject in
      graph.nodes(ofType: subject.type).filter { node in
        guard let scope = node.scope, semantics.isWorkload(node) else { return false }
        let (keys, gaps) = subject.needs(scope: scope, region: nil, self)
        return gaps.isEmpty && inputs.gaps(keys).isEmpty && semantics.gaps(of: node).isEmpty
      }
    }.parallelMap { drift(of: $0).baseline }
      .filter { settled?.baselines[$0.subject] != $0 }
      .sorted { $0.subject.precedes($1.subject) }
  }
}

extension Baseline {
  /// `{"data-domain:hr":"readData"}`
  package static func json(_ levels: [String: String]) -> JSON {
    .object(levels.mapValues { .string($0) })
  }

  fileprivate func covers(_ one: Reached) -> Bool {
    guard let known = reached[one.target.text] else { return false }
    guard let level = one.level, let limit = AccessLevel(name: known) else { return true }
    return level <= limit
  }

  fileprivate mutating func raise(_ one: Reached) {
    if !covers(one) { reached[one.target.text] = one.levelName }
  }
}

extension Reached {
  var levelName: String { level?.name ?? "" }
}

extension AccessLevel {
  public init?(name: String) {
    guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }
}
