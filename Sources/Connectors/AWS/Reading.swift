internal import Extraction
internal import JSONReader
internal import Model

/// Reads a tree of listings into the collections that hang on it.
///
/// Invariants:
/// 1. A collection ends once; after that nothing is asked for it.
/// 2. A call is made only for collections that were asked for and have not ended.
/// 3. What fails below the root ends the collections of its subtree; the rest goes on.
/// 4. No more is held than one page of each level.
final class AWSReading {
  private let scan: AWSScan
  private let region: String
  private let outputs: [String: CollectionOutput]

  init(_ scan: AWSScan, in region: String, _ output: UnitOutput) {
    self.scan = scan
    self.region = region
    outputs = Dictionary(
      uniqueKeysWithValues: output.collections.map {
        (String($0.name.prefix { $0 != "@" }), $0)
      })
  }

  func read(_ root: AWSListing) async throws {
    do {
      try await pages(of: root, from: AWSPlace(account: scan.account, region: region))
    } catch let error as AWSError where root.absent.contains(error.code) {
      // The service says that it is not in use.
    }
  }

  private func live(_ names: [String]) -> [CollectionOutput] {
    names.compactMap { outputs[$0] }.filter { !$0.hasEnded }
  }

  private func pages(of listing: AWSListing, from place: AWSPlace) async throws {
    let outputs = live(listing.names)
    guard !outputs.isEmpty else { return }
    var input: [String: JSON] = [:]
    for (name, value) in listing.input { input[name] = try place.json(value) }
    // Where it is not known, the default region says where to ask instead.
    let region =
      try listing.region.map { try place.json($0)?.string ?? AWSService.defaultRegion } ?? region
    try await scan.client.pages(
      listing.operation, in: region, input, logs: outputs.map(\.calls)
    ) { answer in
      let items = try answer.result.items(
        at: listing.items, isXML: listing.operation.service.isXML,
        isOmittedWhenEmpty: listing.isOmittedWhenEmpty)
      try await take(items, of: listing, at: place)
    }
  }

  /// Publishes the items of one page, then goes below them.
  private func take(
    _ items: [JSONView], of listing: AWSListing, at place: AWSPlace
  ) async throws {
    for kind in listing.kinds {
      for output in live([kind.name]) {
        let call = max(0, output.calls.count - 1)
        try await output.publish(
          items.map { try record(of: kind, at: place.below($0), call: call) })
      }
    }
    for child in listing.each {
      if let size = child.batch {
        for start in stride(from: 0, to: items.count, by: size) {
          var batched = place
          batched.batch = Array(items[start..<min(start + size, items.count)])
          try await descend(to: child, from: batched)
        }
      } else {
        for item in items { try await descend(to: child, from: place.below(item)) }
      }
    }
  }

  private func descend(to child: AWSListing, from place: AWSPlace) async throws {
    do {
      if let except = child.except, try place.text(.at(0, except.path)) == except.text { return }
      try await pages(of: child, from: place)
    } catch let error as AWSError where error.isGone || child.absent.contains(error.code) {
      // It has none, or was deleted after it was listed.
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      for output in live(child.names) {
        try await output.end(CollectionResult(CollectionFailure(error)))
      }
    }
  }

  private func record(of kind: AWSKind, at place: AWSPlace, call: Int) throws -> Record {
    let key = try place.text(kind.key)
    guard let members = kind.members else {
      guard let item = place.trail.last else { return Record(key: key, bytes: [], call: call) }
      return Record(
        key: key, bytes: try kind.redaction?.published(item) ?? Array(item.verbatim), call: call)
    }
    var parts: [(String, [UInt8])] = []
    for member in members {
      if let bytes = try place.bytes(member.value) { parts.append((member.name, bytes)) }
    }
    let bytes = joined(parts)
    guard let redaction = kind.redaction else { return Record(key: key, bytes: bytes, call: call) }
    return Record(
      key: key, bytes: try redaction.published(JSONDocument(parsing: bytes).root), call: call)
  }
}

/// An object of values as given, in this order.
func joined(_ members: [(String, JSONView)]) -> [UInt8] {
  joined(members.map { ($0.0, Array($0.1.verbatim)) })
}

func joined(_ members: [(String, [UInt8])]) -> [UInt8] {
  var object = Array("{".utf8)
  for (index, member) in members.enumerated() {
    object += Array((index == 0 ? "" : ",").utf8) + JSON.string(member.0).bytes + Array(":".utf8)
    object += member.1
  }
  return object + Array("}".utf8)
}
