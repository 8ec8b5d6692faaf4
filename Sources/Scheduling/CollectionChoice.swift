internal import Model

/// Which collections a connection allows: names, or prefixes that end in `*`, without regions.
struct CollectionChoice: Sendable, Equatable {
  /// Empty means all.
  var enabled: [String]
  var disabled: [String]

  /// What a run reads: names and prefixes, empty for all that the connector offers.
  ///
  /// A pattern with a region (`aws.lambda.function@eu-west-1`) keeps it.
  /// - Throws: `Refusal` when a pattern names nothing, or nothing is left of what was asked for.
  func patterns(asked: [String], known: [String]) throws(Refusal) -> [String] {
    for pattern in asked where !known.contains(where: { Self.covers(pattern, $0) }) {
      throw Refusal(
        "collection \(pattern.prefix(128)) is not known; "
          + "`sv0 catalog` lists them, and a prefix may end in *")
    }
    guard !(asked.isEmpty && enabled.isEmpty && disabled.isEmpty) else { return [] }
    var patterns: [String] = []
    for name in known where allows(name) {
      if asked.isEmpty || asked.contains(where: { Self.coversAllRegions($0, of: name) }) {
        patterns.append(name)
      } else {
        patterns += asked.filter { Self.covers($0, name) }
      }
    }
    guard !patterns.isEmpty else {
      throw Refusal("the connection disables every collection that was asked for")
    }
    return Set(patterns).sorted { $0.precedes($1) }
  }

  private func allows(_ name: String) -> Bool {
    (enabled.isEmpty || enabled.contains { Self.coversAllRegions($0, of: name) })
      && !disabled.contains { Self.coversAllRegions($0, of: name) }
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
