/// How much a finding matters. Raw values are OCSF's `severity_id`.
public enum Severity: Int, Sendable, Hashable, Comparable, CaseIterable {
  case informational = 1
  case low, medium, high, critical

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The lower-case word, as settings, filters and rows use it.
  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let severity = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = severity
  }
}

/// Where a finding is in its life. `resolved` is the only state that is not open.
public enum FindingState: String, Sendable, Hashable, CaseIterable {
  case new, updated, resolved, reopened, suppressed

  public var isOpen: Bool { self != .resolved }
}

/// How firmly a chain holds: the least of its hops.
public enum Strength: String, Sendable, Hashable, CaseIterable {
  case effective, conditional, unknown
}

/// Where a claim comes from, for a reader: the raw record's digest and the request that returned it.
/// Positions in topics stand outside of evidence.
public struct EvidenceReceipt: Sendable, Hashable {
  /// Hexadecimal SHA-256 of the raw record's value; `nil` where the claim is an absence, whose
  /// receipt is the request that listed the collection completely.
  public var sha256: String?
  public var scope: String
  public var collection: String
  public var object: String?
  public var run: String
  /// Number of the request in the collection's list.
  public var call: Int64
  /// `service:Operation`, request id and time, where the request is on record.
  public var operation: String?
  public var requestID: String?
  public var at: String?

  public init(
    sha256: String?, scope: String, collection: String, object: String?, run: String, call: Int64,
    operation: String? = nil, requestID: String? = nil, at: String? = nil
  ) {
    self.sha256 = sha256
    self.scope = scope
    self.collection = collection
    self.object = object
    self.run = run
    self.call = call
    self.operation = operation
    self.requestID = requestID
    self.at = at
  }
}

/// One step of a chain: a node or an edge, why it is believed, and a sentence that a reviewer can
/// read without help.
public struct EvidenceStep: Sendable, Hashable {
  public enum Subject: Sendable, Hashable {
    case node(id: String)
    case edge(kind: String, from: String, to: String)
    /// A complete listing, as the proof of an absence.
    case collection(name: String, scope: String)
  }

  public var subject: Subject
  public var basis: Basis
  /// Concluded by the evaluation from the steps before it; then the receipts are theirs.
  public var isDerived: Bool
  public var sentence: String
  /// Of a policy, the statement that it is about: the document's digest, `#` and an index.
  public var statement: String?
  public var receipts: [EvidenceReceipt]

  public init(
    subject: Subject, basis: Basis, isDerived: Bool = false, sentence: String,
    statement: String? = nil, receipts: [EvidenceReceipt]
  ) {
    self.subject = subject
    self.basis = basis
    self.isDerived = isDerived
    self.sentence = sentence
    self.statement = statement
    self.receipts = receipts
  }
}

/// What a finding's subject reaches.
public struct FindingTarget: Sendable, Hashable {
  /// A node's id, such as `aws:account:111122223333#*`.
  public var id: String
  /// The level of access, where it is known.
  public var level: String?
  public var strength: Strength

  public init(id: String, level: String?, strength: Strength) {
    self.id = id
    self.level = level
    self.strength = strength
  }
}

/// What one rule found about one subject, without its life: that is the store's.
public struct Finding: Sendable, Hashable {
  public var tenant: String
  /// Hash of tenant, rule and the platform's name of the subject: never of path, target or version.
  public var uid: String
  public var rule: String
  public var ruleTitle: String
  public var ruleVersion: Int
  /// The subject's id, which is the platform's own name for it (an ARN), its type and its name.
  public var subject: String
  public var subjectType: String
  public var subjectName: String
  /// The key of the scope that the subject belongs to.
  public var scope: Scope
  public var region: String?
  public var severity: Severity
  public var strength: Strength
  /// `authority`, `escalation` or `influence`: what carries the chain.
  public var via: String
  public var title: String
  public var description: String
  public var chain: [EvidenceStep]
  /// The policies that could have limited the chain, and what became of each.
  public var limits: [EvidenceStep]
  public var targets: [FindingTarget]
  /// Under what conditions, where `strength` is conditional.
  public var conditions: [String]
  /// What would have to be read to be sure; sorted.
  public var missing: [String]
  /// Digest of the smallest fact whose removal would mend this finding.
  public var cause: String
  /// The collections that it was judged from: all must be current before it can be resolved.
  public var inputs: [CollectionKey]

  public init(
    tenant: String, uid: String, rule: String, ruleTitle: String, ruleVersion: Int,
    subject: String, subjectType: String, subjectName: String, scope: Scope, region: String?,
    severity: Severity, strength: Strength, via: String, title: String, description: String,
    chain: [EvidenceStep], limits: [EvidenceStep], targets: [FindingTarget], conditions: [String],
    missing: [String], cause: String, inputs: [CollectionKey]
  ) {
    self.tenant = tenant
    self.uid = uid
    self.rule = rule
    self.ruleTitle = ruleTitle
    self.ruleVersion = ruleVersion
    self.subject = subject
    self.subjectType = subjectType
    self.subjectName = subjectName
    self.scope = scope
    self.region = region
    self.severity = severity
    self.strength = strength
    self.via = via
    self.title = title
    self.description = description
    self.chain = chain
    self.limits = limits
    self.targets = targets
    self.conditions = conditions
    self.missing = missing
    self.cause = cause
    self.inputs = inputs
  }
}

/// A collection of a scope.
public struct CollectionKey: Sendable, Hashable, CustomStringConvertible {
  /// The scope key.
  public var scope: String
  public var collection: String

  public init(scope: String, collection: String) {
    self.scope = scope
    self.collection = collection
  }

  public var description: String { "\(collection) of \(scope)" }
}

extension EvidenceReceipt {
  public var json: JSON {
    .members([
      "sha256": sha256.map { .string($0) }, "scope": .string(scope),
      "collection": .string(collection), "object": object.map { .string($0) },
      "run": .string(run), "call": .integer(call), "operation": operation.map { .string($0) },
      "requestId": requestID.map { .string($0) }, "at": at.map { .string($0) },
    ])
  }
}

extension EvidenceStep {
  /// - Parameter index: its place in the chain, from 0.
  public func json(index: Int) -> JSON {
    var members: [String: JSON?] = [
      "index": .integer(Int64(index)), "sentence": .string(sentence),
      "basis": .string(basis.rawValue), "derived": isDerived ? true : nil,
      "statement": statement.map { .string($0) },
      "receipts": .array(receipts.map(\.json)),
    ]
    switch subject {
    case .node(let id):
      members["kind"] = "node"
      members["id"] = .string(id)
    case .edge(let kind, let from, let to):
      members["kind"] = "edge"
      members["edge"] = .string(kind)
      members["from"] = .string(from)
      members["to"] = .string(to)
    case .collection(let name, let scope):
      members["kind"] = "collection"
      members["id"] = .string(name)
      members["scope"] = .string(scope)
    }
    return .members(members)
  }
}
