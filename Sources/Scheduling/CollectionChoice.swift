internal import Model

/// A collection that a platform's connector offers, without its region.
public struct OfferedCollection: Sendable, Equatable, ExpressibleByStringLiteral {
  public var name: String
  /// Whether it is read only where a connection enables it: its reading is not agreed by default.
  public var isRoadmap: Bool

  public init(_ name: String, isRoadmap: Bool = false) {
    self.name = name
    self.isRoadmap = isRoadmap
  }

  public init(stringLiteral name: String) {
    self.init(name)
  }
}

/// Which collections a connection allows: names, or prefixes that end in `*`, without regions.
///
/// `enabled` means two things: where a pattern is for collections that are agreed by default, only
/// those it covers are read; roadmap collections are read where a pattern is for them in particular
/// (`aws.kms.*`, not `aws.*`), beside what is read anyway.
struct CollectionChoice: Sendable, Equatable {
  /// Empty means all.
  var enabled: [String]
  var disabled: [String]

  /// What a run reads: names and prefixes, empty for all that the connector offers by default.
  ///
  /// A pattern with a region (`aws.lambda.function@eu-west-1`) keeps it.
  /// - Throws: `Refusal` when a pattern names nothing, or nothing is left of what was asked for.
  func patterns(asked: [String], known: [OfferedCollection]) throws(Refusal) -> [String] {
    for pattern in asked where !known.contains(where: { Self.covers(pattern, $0.name) }) {
      throw Refusal(
        "collection \(pattern.prefix(128)) is not known; "
          + "`sv0 catalog` lists them, and a prefix may end in *")
    }
    guard !(asked.isEmpty && enabled.isEmpty && disabled.isEmpty) else { return [] }
    let narrowing = enabled.filter { pattern in
      known.contains { !$0.isRoadmap && Self.coversAllRegions(pattern, of: $0.name) }
    }
    var patterns: [String] = []
    for collection in known where allows(collection, narrowing: narrowing) {
      let name = collection.name
      if asked.isEmpty || asked.contains(where: { Self.coversAllRegions($0, of: name) }) {
        patterns.append(name)
      } else {
        patterns += asked.filter { Self.covers($0, name) }
      }
    }
    guard !patterns.isEmpty else {
      throw Refusal(
        "the connection disables every collection that was asked for, or has not enabled it: "
          + "what `sv0 catalog` calls roadmap is off until collections.enable names it")
    }
    return Set(patterns).sorted { $0.precedes($1) }
  }

  private func allows(_ collection: OfferedCollection, narrowing: [String]) -> Bool {
    let name = collection.name
    guard !disabled.contains(where: { Self.coversAllRegions($0, of: name) }) else { return false }
    if collection.isRoadmap {
      return enabled.contains { !narrowing.contains($0) && Self.coversAllRegions($0, of: name) }
        || enabled.contains(name)
    }
    return narrowing.isEmpty || narrowing.contains { Self.coversAllRegions($0, of: name) }
  }

  /// Whether the pattern means the whole collection, in every region if it has any.
  static func coversAllRegions(_ pattern: String, of name: String) -> Bool {
    pattern == name || (pattern.hasSuffix("*") && name.hasPrefix(pattern.dropLast()))
  }

  /// Whether the pattern means the collection or some of its regions.
  static func covers(_ pattern: String, _ name: String) -> Bool {
    coversAllRegions(pattern, of: name) || pattern.hasPrefix(name + "@")
  }

  /// Whether a run that reads `patterns` reads the collection, whose name may end in a region.
  static func includes(_ collection: String, in patterns: [String]) -> Bool {
    patterns.isEmpty
      || patterns.contains { pattern in
        coversAllRegions(pattern, of: collection) || collection.hasPrefix(pattern + "@")
      }
  }
}

/// Why a request or a run is not carried out; told to whoever asked.
struct Refusal: Error {
  let reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}
