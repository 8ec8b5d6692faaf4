public import Model

/// What passes along a hop.
public enum Transfer: String, Sendable, Hashable {
  /// You become the target: assume, authenticate as, run as.
  case acquire
  /// You decide what it does.
  case control
  /// You can start or feed it.
  case influence
  /// You may act on it: the end of a path.
  case access
  /// Nothing: it tells what the end of a path holds.
  case locate
}

/// How far access goes, from the least to the most.
public enum AccessLevel: Int, Sendable, Hashable, Comparable, CaseIterable {
  case readMetadata, readData, write, administer, manageAccess

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  public var name: String { "\(self)" }
}

/// A node or an edge of the graph that something is concluded from, in a reviewer's words.
public struct Fact: Sendable, Hashable {
  public enum Subject: Sendable, Hashable {
    case node(String)
    case edge(EdgeKey)
    /// A complete listing, as the proof of an absence.
    case collection(CollectionKey)
  }

  public var subject: Subject
  public var sentence: String
  /// Of a policy node, the index of the statement that it is about.
  public var statement: Int?

  public init(_ subject: Subject, _ sentence: String, statement: Int? = nil) {
    self.subject = subject
    self.sentence = sentence
    self.statement = statement
  }
}

/// One step of authority: asserted by a record, or derived from facts.
public struct Hop: Sendable, Hashable {
  /// `runsAs`, `canAssume`, `reaches`, …
  public var kind: String
  public var from: String
  public var to: String
  public var transfer: Transfer
  public var decision: Decision
  public var sentence: String
  /// The edge itself, where a record asserts it; derived hops have `facts` instead.
  public var asserted: EdgeKey?
  /// What a derived hop is concluded from, in the order in which a reader wants it.
  public var facts: [Fact]
  /// Policies that could have limited it, and what became of each.
  public var limits: [Fact]
  /// The smallest fact whose removal would end it.
  public var cause: String
  /// Of a `reaches` hop.
  public var level: AccessLevel?

  public init(
    kind: String, from: String, to: String, transfer: Transfer, decision: Decision,
    sentence: String, asserted: EdgeKey? = nil, facts: [Fact] = [], limits: [Fact] = [],
    cause: String, level: AccessLevel? = nil
  ) {
    self.kind = kind
    self.from = from
    self.to = to
    self.transfer = transfer
    self.decision = decision
    self.sentence = sentence
    self.asserted = asserted
    self.facts = facts
    self.limits = limits
    self.cause = cause
    self.level = level
  }
}

extension Hop {
  /// Whether it gains more than was granted: what an administrator has, it was granted.
  var isEscalation: Bool { kind == "canEscalateTo" && !isAdministration }

  /// From an administrator to the administrators of its account.
  package var isAdministration: Bool {
    kind == "canEscalateTo" && transfer == .acquire && endsAtAdministrators
  }

  /// Whether it ends at whoever may do everything in an account.
  var endsAtAdministrators: Bool { to.hasSuffix("#administrators") }
}

/// A way from one node to another.
public struct AuthorityPath: Sendable, Hashable {
  public var hops: [Hop]

  public init(_ hops: [Hop]) { self.hops = hops }

  public var decision: Decision { .all(hops.map(\.decision)) }

  /// What carries it: `influence` if a hop only starts or feeds its target, `escalation` if one
  /// gains what nobody granted, else `authority`.
  public var via: String {
    if hops.contains(where: { $0.transfer == .influence }) { return "influence" }
    return hops.contains { $0.isEscalation } ? "escalation" : "authority"
  }

  /// The smallest fact whose removal would end it.
  var cause: String { hops.first { $0.transfer != .locate }?.cause ?? "" }
}

/// All hops of a graph, and the paths along them.
public final class AuthorityGraph: Sendable {
  /// Longer chains exist, but nobody can follow them.
  public static let maximumHops = 8

  let table: HopTable
  private let searches: HopSearch

  /// - Parameter judge: what a platform says of an asserted edge; `nil` takes it as it stands.
  public init(_ graph: Graph, derived: [Hop], judge: @Sendable (GraphEdge) -> Decision?) {
    table = HopTable(graph, derived: derived, judge: judge)
    searches = HopSearch(placeCount: table.placeCount)
  }

  /// Possible hops that leave a node, in order of (to, kind, strength, cause).
  public func hops(from id: String) -> [Hop] {
    Reads.note(.hops, id)
    guard let place = table.place(id) else { return [] }
    return table.leaving(place).map { table.hop(at: UInt32($0), from: place) }
  }

  /// Those of them that lead to another, in order of (kind, strength, cause).
  func hops(from id: String, to end: String) -> [Hop] {
    Reads.note(.hops, id)
    guard let place = table.place(id), let end = table.place(end) else { return [] }
    return table.leaving(place).filter { table.entries[$0].to == end }.map {
      table.hop(at: UInt32($0), from: place)
    }
  }

  /// Possible hops that arrive at a node, in order of where they start.
  func hops(to id: String) -> [Hop] {
    guard let end = table.place(id) else { return [] }
    return arriving[end].map { table.hop(at: $0.entry, from: $0.from) }
  }

  /// Where hops start or end, in no order.
  var ends: [String] {
    Set(
      (0..<UInt32(table.placeCount)).flatMap { place in
        table.leaving(place).flatMap { [place, table.entries[$0].to] }
      }
    ).map(table.id)
  }

  /// The best path to the end of every hop of a kind within reach (`nil`: of any): the strongest,
  /// and of those the shortest. In order of their ends.
  public func bestPaths(from start: String, endingWith kind: String?) -> [AuthorityPath] {
    var best: [(end: UInt32, path: AuthorityPath)] = []
    var found: Set<UInt32> = []
    for search in strongestFirst(from: start) {
      for (index, step) in search.steps.enumerated() {
        guard kind == nil || table.kind(table.entries[Int(step.entry)]) == kind,
          found.insert(step.place).inserted
        else { continue }
        best.append((step.place, search.path(to: index, table)))
      }
    }
    return best.sorted { table.precedes($0.end, $1.end) }.map(\.path)
  }

  /// The shortest path at each strength, strongest first; a weaker one only where it is shorter.
  public func paths(from: String, to: String) -> [AuthorityPath] {
    guard let end = table.place(to) else { return [] }
    var paths: [AuthorityPath] = []
    for search in strongestFirst(from: from) {
      guard let index = search.steps.firstIndex(where: { $0.place == end }) else { continue }
      let path = search.path(to: index, table)
      if path.hops.count < paths.last?.hops.count ?? .max { paths.append(path) }
    }
    return paths
  }

  /// A search for each strength, without those that can find nothing new.
  private func strongestFirst(from start: String) -> [HopSearch.Result] {
    Reads.note(.hops, start)
    guard let place = table.place(start) else { return [] }
    let widest = searches.search(table, from: place, atLeast: .unknown)
    let stronger = Self.strengths.dropLast().filter { $0 > widest.weakest }
    return stronger.map { searches.search(table, from: place, atLeast: $0) } + [widest]
  }

  /// Backward: the best path of everybody who comes to take one of the given hops, the strongest and
  /// of those the shortest. In order of where they start.
  public func paths(endingWith ends: [Hop]) -> [AuthorityPath] {
    let arriving = arriving
    var best: [String: AuthorityPath] = [:]
    for level in Self.strengths {
      var found: [String: AuthorityPath] = [:]
      var frontier: [String] = []
      for hop in ends.sorted(by: { $0.precedes($1) })
      where hop.decision.level >= level && found[hop.from] == nil {
        found[hop.from] = AuthorityPath([hop])
        frontier.append(hop.from)
      }
      for _ in 1..<Self.maximumHops {
        var next: [String] = []
        for node in frontier {
          guard let rest = found[node]?.hops, let place = table.place(node) else { continue }
          for arrival in arriving[place] where table.entries[Int(arrival.entry)].level >= level {
            let from = table.id(arrival.from)
            guard found[from] == nil, from != rest.last?.to else { continue }
            let hop = table.hop(at: arrival.entry, from: arrival.from)
            found[from] = AuthorityPath([hop] + rest)
            next.append(from)
          }
        }
        frontier = next
      }
      best.merge(found) { stronger, _ in stronger }
    }
    return best.sorted { $0.key.precedes($1.key) }.map(\.value)
  }

  private static let strengths: [Decision.Level] = [.allowed, .conditional, .unknown]

  private var arriving: HopArrivals { HopArrivals(table) }
}

extension EdgeKind {
  /// What passes along an asserted edge; `nil` only locates.
  var transfer: Transfer? {
    switch self {
    case .authenticatesAs, .runsAs: .acquire
    case .triggers, .invokes: .influence
    case .ownedBy, .authenticatesWith, .memberOf, .hasGrant, .ofRole, .within, .grantedBy,
      .trustedBy, .limitedBy, .governs, .contains, .connectsTo, .targets, .stores:
      nil
    }
  }

  /// The verb of a sentence about it.
  var phrase: String {
    switch self {
    case .ownedBy: "is owned by"
    case .runsAs: "runs as"
    case .authenticatesWith: "authenticates with"
    case .authenticatesAs: "authenticates as"
    case .memberOf: "is a member of"
    case .hasGrant: "has the grant"
    case .ofRole: "is a grant of"
    case .within: "covers"
    case .grantedBy: "has the policy"
    case .trustedBy: "decides who may assume it by"
    case .limitedBy: "is limited by"
    case .governs: "decides who may use"
    case .contains: "contains"
    case .triggers: "starts"
    case .invokes: "invokes"
    case .connectsTo: "connects through"
    case .targets: "is configured to reach"
    case .stores: "stores"
    }
  }
}

extension EdgeKey {
  /// The edge as a removable fact.
  var causeText: String { "edge \(kind.rawValue) \(from) \(to) \(discriminator)" }
}

extension GraphEdge {
  func sentence(in graph: Graph) -> String {
    "\(graph.label(from)) \(key.kind.phrase) \(graph.label(to))"
  }
}

extension Graph {
  /// A node as a sentence names it.
  func label(_ id: String) -> String { nodes[id]?.name ?? id }
}

extension Hop {
  func precedes(_ other: Hop) -> Bool {
    if to != other.to { return to.precedes(other.to) }
    if kind != other.kind { return kind.precedes(other.kind) }
    // The stronger of two parallel hops first, so that a path takes it.
    if decision.level != other.decision.level { return decision.level > other.decision.level }
    if cause != other.cause { return cause.precedes(other.cause) }
    // One statement of a trust policy lets in several.
    return from.precedes(other.from)
  }
}
