public import Model

/// Which collections an evaluation may rely on.
///
/// A collection is current if its newest outcome is `complete` or `unchanged`, or `unsupported`
/// with no open row, and it has not become stale since. Anything else is a gap with a reason that
/// names what is missing; the reason does not change from day to day.
public struct Inputs: Sendable {
  private let collections: [CollectionKey: CollectionStatus]
  private let populated: Set<CollectionKey>
  private let now: Timestamp
  private let staleAfter: Duration
  /// Scope keys with at least one collection, in order.
  public let scopes: [String]
  private let scopesByAccount: [String: [String]]
  /// Of each regional collection without its region, where it was tried.
  private let regions: [CollectionKey: [String]]

  public init(_ graph: Graph, now: Timestamp, staleAfter: Duration) {
    collections = graph.collections
    populated = graph.populated
    self.now = now
    self.staleAfter = staleAfter
    scopes = Set(collections.keys.map(\.scope)).sorted { $0.precedes($1) }
    scopesByAccount = Dictionary(grouping: scopes) { Scope($0)?.account ?? "" }
    regions = Dictionary(
      grouping: collections.keys.lazy.filter { $0.collection.contains("@") },
      by: { CollectionKey(scope: $0.scope, collection: String($0.collection.prefix { $0 != "@" })) }
    ).mapValues { keys in
      keys.map { String($0.collection.drop { $0 != "@" }.dropFirst()) }
        .sorted { $0.precedes($1) }
    }
  }

  /// Why the collection cannot be relied on; `nil` where it can.
  public func gap(_ key: CollectionKey) -> String? {
    Reads.note(.collections, key.scope)
    guard let status = collections[key] else { return "\(key): never read" }
    switch status.outcome {
    case .complete, .unchanged:
      let proved = status.proved
      guard now - proved > staleAfter else { return nil }
      return "\(key): last complete on \(proved.day)"
    case .unsupported where !populated.contains(key): return nil
    case .unsupported, .partial, .denied, .throttled, .failed:
      let missing = status.missing.isEmpty ? "" : " (\(status.missing.joined(separator: ", ")))"
      return "\(key): \(status.outcome.rawValue)\(missing)"
    }
  }

  public func gaps(_ keys: some Sequence<CollectionKey>) -> [String] {
    Set(keys.compactMap(gap)).sorted { $0.precedes($1) }
  }

  /// When the next current collection becomes stale.
  public var nextChange: Timestamp? {
    collections.values
      .filter { [.complete, .unchanged].contains($0.outcome) }
      .map { $0.proved + staleAfter + .milliseconds(1) }
      .filter { $0 > now }.min()
  }

  /// Scope keys of an account, in order.
  func scopes(ofAccount account: String) -> [String] {
    Reads.note(.collections, account)
    return scopesByAccount[account] ?? []
  }

  /// Regions in which a collection was tried: `aws.lambda.function@eu-west-1` has one.
  func regions(of collection: String, in scope: String) -> [String] {
    Reads.note(.collections, scope)
    return regions[CollectionKey(scope: scope, collection: collection)] ?? []
  }

  /// Whether anybody tried to read it, since it was last retired.
  func isListed(_ key: CollectionKey) -> Bool { collections[key] != nil }

  func isComplete(_ key: CollectionKey) -> Bool {
    gap(key) == nil && collections[key]?.outcome != .unsupported
  }

  /// Scopes and accounts of whose collections something else may be relied on than there.
  func changed(since earlier: Inputs) -> Set<String> {
    var changed: Set<String> = []
    for key in Set(collections.keys).union(earlier.collections.keys) {
      let isThere = (collections[key] != nil, earlier.collections[key] != nil)
      guard
        isThere.0 != isThere.1 || gap(key) != earlier.gap(key)
          || isComplete(key) != earlier.isComplete(key)
      else { continue }
      changed.insert(key.scope)
      if let account = Scope(key.scope)?.account { changed.insert(account) }
    }
    return changed
  }
}

extension CollectionStatus {
  /// When its content was last known to be all there is.
  fileprivate var proved: Timestamp {
    [.complete, .unchanged].contains(outcome) ? max(at, completedAt ?? at) : completedAt ?? at
  }
}
