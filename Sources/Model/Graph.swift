/// What a node is, decided by behaviour and not by the vendor's word for it.
public enum NodeKind: String, Sendable, Hashable, CaseIterable {
  case identity, credential, automation, connection, role, permission, grant, policy, system
  case dataDomain, owner, container, principalSet, resourceSet
}

/// What an asserted edge says. Derived edges belong to an evaluation and are not here.
public enum EdgeKind: String, Sendable, Hashable, CaseIterable {
  case ownedBy, runsAs, authenticatesWith, authenticatesAs, memberOf, hasGrant, ofRole, within
  case grantedBy, trustedBy, limitedBy, governs, contains, triggers, invokes, connectsTo, targets
  case stores
}

/// How well a claim is founded: explicit API data, inferred from configuration, or from activity.
public enum Basis: String, Sendable, Hashable, CaseIterable {
  case direct, structural, temporal
}

/// The principal set that stands for everyone, authenticated or not.
public let anyoneNodeID = "anyone"

/// A thing, as one record asserts it.
public struct Node: Sendable, Hashable {
  /// The canonical name within the tenant, such as an ARN.
  public var id: String
  public var kind: NodeKind
  /// The platform's type, such as `aws.iam.role`.
  public var type: String
  /// The name a person knows it by.
  public var name: String
  /// Globally unique names for which this record's scope is the authority.
  public var defines: [String]
  /// What is compared and versioned. Sets are sorted by the normaliser.
  public var state: [String: JSON]
  /// Facts about use, by day (`"lastUsed": "2026-11-20"`); merged by maximum, never versioned.
  public var observed: [String: String]

  public init(
    id: String, kind: NodeKind, type: String, name: String, defines: [String] = [],
    state: [String: JSON] = [:], observed: [String: String] = [:]
  ) {
    self.id = id
    self.kind = kind
    self.type = type
    self.name = name
    self.defines = defines
    self.state = state
    self.observed = observed
  }
}

/// The identity of an edge: its discriminator tells parallel edges apart.
public struct EdgeKey: Sendable, Hashable {
  public var kind: EdgeKind
  public var from: String
  public var to: String
  public var discriminator: String

  public init(kind: EdgeKind, from: String, to: String, discriminator: String = "") {
    self.kind = kind
    self.from = from
    self.to = to
    self.discriminator = discriminator
  }
}

/// A relation, as one record asserts it. Either end may be unknown to the graph so far.
public struct Edge: Sendable, Hashable {
  public var key: EdgeKey
  public var basis: Basis
  public var state: [String: JSON]

  public init(
    _ kind: EdgeKind, from: String, to: String, discriminator: String = "",
    basis: Basis = .direct, state: [String: JSON] = [:]
  ) {
    key = EdgeKey(kind: kind, from: from, to: to, discriminator: discriminator)
    self.basis = basis
    self.state = state
  }
}

/// A policy document, kept whole, once per digest.
public struct PolicyDocument: Sendable, Hashable {
  /// `sha256:` and the hexadecimal SHA-256 of `body`'s canonical bytes.
  public var digest: String
  public var body: JSON

  public init(digest: String, body: JSON) {
    self.digest = digest
    self.body = body
  }
}

/// A fact about use: when a subject last did something to a target, as far as it was seen.
public struct Activity: Sendable, Hashable {
  /// A node id, or a name that a node defines; `target` too.
  public var subject: String
  /// The platform's word for it: `s3:GetObject`.
  public var action: String
  public var target: String
  public var at: Timestamp

  public init(subject: String, action: String, target: String, at: Timestamp) {
    self.subject = subject
    self.action = action
    self.target = target
    self.at = at
  }
}

/// Where a claim comes from: the published bytes of one raw record.
public struct Receipt: Sendable, Hashable {
  /// Hexadecimal SHA-256 of the raw record's value.
  public var sha256: String
  /// Position in the raw topic.
  public var partition: Int32
  public var offset: Int64

  public init(sha256: String, partition: Int32, offset: Int64) {
    self.sha256 = sha256
    self.partition = partition
    self.offset = offset
  }
}

/// What one record says about the graph.
public struct Fragment: Sendable, Hashable {
  /// The object key of the record; nodes asserted here are keyed under it.
  public var object: String
  public var nodes: [Node]
  public var edges: [Edge]
  public var documents: [PolicyDocument]
  public var activity: [Activity]
  public var receipt: Receipt
  /// Whether the record says that the object is gone; such a fragment asserts nothing.
  public var isRemoval: Bool
  /// Why the record could not be normalised; such a fragment asserts nothing and keeps what is there.
  public var taint: String?

  public init(
    object: String, nodes: [Node] = [], edges: [Edge] = [], documents: [PolicyDocument] = [],
    activity: [Activity] = [], receipt: Receipt, isRemoval: Bool = false, taint: String? = nil
  ) {
    self.object = object
    self.nodes = nodes
    self.edges = edges
    self.documents = documents
    self.activity = activity
    self.receipt = receipt
    self.isRemoval = isRemoval
    self.taint = taint
  }
}

extension Node {
  public var json: JSON {
    .members([
      "id": .string(id), "kind": .string(kind.rawValue), "type": .string(type),
      "name": .string(name), "defines": defines.isEmpty ? nil : .strings(defines),
      "state": .object(state),
      "observed": observed.isEmpty ? nil : .object(observed.mapValues { .string($0) }),
    ])
  }
}

extension Edge {
  public var json: JSON {
    .members([
      "kind": .string(key.kind.rawValue), "from": .string(key.from), "to": .string(key.to),
      "discriminator": key.discriminator.isEmpty ? nil : .string(key.discriminator),
      "basis": .string(basis.rawValue), "state": .object(state),
    ])
  }
}

extension Activity {
  public var json: JSON {
    [
      "subject": .string(subject), "action": .string(action), "target": .string(target),
      "at": .string(at.description),
    ]
  }
}

extension Fragment {
  /// The value of a graph message.
  public var json: JSON {
    .members([
      "object": .string(object),
      "nodes": .array(nodes.map(\.json)),
      "edges": .array(edges.map(\.json)),
      "documents": .array(documents.map { ["digest": .string($0.digest), "body": $0.body] }),
      "activity": activity.isEmpty ? nil : .array(activity.map(\.json)),
      "receipt": [
        "sha256": .string(receipt.sha256), "partition": .integer(Int64(receipt.partition)),
        "offset": .integer(receipt.offset),
      ],
      "removed": isRemoval ? .bool(true) : nil,
      "taint": taint.map { .string($0) },
    ])
  }
}
