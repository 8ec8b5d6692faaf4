internal import Cryptography
package import Model

// What a table keeps of the paths of a tenant, so that who comes to what, and since when, is answered
// without evaluating; and how it is told what has changed.

/// The paths of one identity or automation to what somebody would mind being reached.
package struct SubjectPaths: Sendable, Hashable {
  package var subject: String
  /// In order of targets, the highest level first; none where it comes to nothing any more.
  package var paths: [StoredPath]
}

/// The best path of a subject to a target at a level, as it is stored.
package struct StoredPath: Sendable, Hashable {
  /// `data-domain:hr`, `aws:account:111122223333#administrators`, `platform:entra`.
  package var target: String
  /// By name; empty where levels say nothing.
  package var level: String
  package var strength: Strength
  /// `authority`, `escalation` or `influence`.
  package var via: String
  /// The id of what one change would end, as findings have it.
  package var cause: String
  /// A JSON array of hops, in order.
  package var hops: String
  /// Over all of it.
  package var digest: [UInt8]
}

extension Evaluation {
  /// The subjects whose paths are not as they were stored, in order.
  ///
  /// - Parameter stored: by subject, the digest of its paths.
  package func newPaths(since stored: [String: [UInt8]]) -> [SubjectPaths] {
    let subjects = situation.pathSubjects
    let changed = subjects.parallelMap { subject in
      situation.newPaths(of: subject, since: stored[subject])
    }
    let gone = Set(stored.keys).subtracting(subjects).map { SubjectPaths(subject: $0, paths: []) }
    return (changed.compactMap(\.self) + gone).sorted { $0.subject.precedes($1.subject) }
  }
}

extension Situation {
  /// Non-human identities and automations, each once.
  fileprivate var pathSubjects: [String] {
    let workloads = graph.nodes(ofKind: .identity).filter { semantics.isWorkload($0) }
    return Array(Set((graph.nodes(ofKind: .automation) + workloads).map(\.id)))
  }

  /// - Returns: `nil` where the paths are those that were stored.
  fileprivate func newPaths(of subject: String, since stored: [UInt8]?) -> SubjectPaths? {
    // Who sees how a system is set up has not come to its data.
    let reached = reached(from: subject).filter { $0.level != .readMetadata }
    let digests = reached.map(\.digest)
    guard SubjectPaths.digest(of: digests) != stored else { return nil }
    let paths = zip(reached, digests).map { StoredPath($0, digest: $1, in: graph) }
    return SubjectPaths(subject: subject, paths: paths)
  }
}

extension SubjectPaths {
  /// What tells whether any path of a subject has changed; `nil` without paths.
  ///
  /// - Parameter digests: of the paths, in any order.
  package static func digest(of digests: [[UInt8]]) -> [UInt8]? {
    guard !digests.isEmpty else { return nil }
    return SHA256.hash(digests.sorted { $0.lexicographicallyPrecedes($1) }.flatMap(\.self))
  }
}

extension StoredPath {
  fileprivate init(_ reached: Reached, digest: [UInt8], in graph: Graph) {
    target = reached.target.text
    level = reached.levelName
    strength = reached.path.decision.strength ?? .unknown
    via = reached.path.via
    cause = graph.causeID(reached.path.cause)
    hops = JSON.array(reached.path.hops.map(\.stored)).text
    self.digest = digest
  }
}

extension Hop {
  fileprivate var stored: JSON {
    .members([
      "kind": .string(kind), "from": .string(from), "to": .string(to),
      "sentence": .string(sentence), "strength": .string((decision.strength ?? .unknown).rawValue),
      "cause": .string(cause), "level": level.map { .string($0.name) },
      "conditions": decision.conditions.isEmpty ? nil : .strings(decision.conditions),
      "missing": decision.missing.isEmpty ? nil : .strings(decision.missing),
    ])
  }
}

extension Reached {
  /// Of everything that is stored of it. Every evaluation asks for it of every path, so nothing is
  /// written as JSON for it.
  fileprivate var digest: [UInt8] {
    var content = DigestContent()
    content.add(target.text)
    content.add(levelName)
    content.add(path.via)
    for hop in path.hops {
      for text in [hop.kind, hop.from, hop.to, hop.sentence, hop.cause] { content.add(text) }
      content.add("\(hop.decision.level.rawValue) \(hop.level?.rawValue ?? -1)")
      content.add(hop.decision.conditions)
      content.add(hop.decision.missing)
    }
    return SHA256.hash(content.bytes)
  }
}

/// Texts one after the other, each with its length: other texts are other bytes.
private struct DigestContent {
  var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(1024) }

  mutating func add(_ text: String) {
    add(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func add(_ texts: [String]) {
    add(texts.count)
    for text in texts { add(text) }
  }

  private mutating func add(_ count: Int) {
    for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
  }
}
