internal import Extraction
internal import JSONReader
internal import Model

/// Reads a tree of listings into the collections that hang on it.
///
/// What is asked for each item is asked for several items at a time, and taken in their order.
///
/// Invariants:
/// 1. A collection ends once; after that no call is begun for it.
/// 2. A call is made only for collections that were asked for and have not ended.
/// 3. What fails below the root ends the collections of its subtree; the rest goes on.
/// 4. No more is held than a page of each level, and one for each read that waits for its turn.
/// 5. An item that cannot be read, or that one may not ask about, is a gap: the others are read, and
///    the collections that lack it end `partial`, with the number of gaps and the reason.
final class AWSReading: Sendable {
  private let scan: AWSScan
  private let region: String
  private let outputs: [String: CollectionOutput]
  private let gaps = AWSGaps()

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
      try await pages(of: root, from: AWSPlace(account: scan.account, region: region), .now)
    } catch let error as AWSError where root.absent.contains(error.code) {
      // The service says that it is not in use.
    }
    for name in root.names {
      guard let output = live([name]).first, let result = gaps.result(of: name)
      else { continue }
      try await output.end(result)
    }
  }

  /// Reads one tree of several, whose failure shall end its own collections only.
  func readAlone(_ root: AWSListing) async throws {
    do {
      try await read(root)
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      let result = CollectionResult(CollectionFailure(error))
      for output in live(root.names) { try await output.end(result) }
    }
  }

  private func live(_ names: [String]) -> [CollectionOutput] {
    names.compactMap { outputs[$0] }.filter { !$0.hasEnded }
  }

  private func pages(of listing: AWSListing, from place: AWSPlace, _ turn: Turn) async throws {
    let outputs = live(listing.names)
    guard !outputs.isEmpty else { return }
    var input: [String: JSON] = [:]
    for (name, value) in listing.input {
      guard let json = try place.json(value) else {
        throw JSONError.missing(path: "$", expected: "what \(listing.operation.name) asks for")
      }
      input[name] = json
    }
    // Where it is not known, the default region says where to ask instead.
    let region =
      try listing.region.map { try place.json($0)?.string ?? AWSService.defaultRegion } ?? region
    try await scan.client.pages(
      listing.operation, in: region, input, logs: outputs.map(\.calls)
    ) { answer in
      try await turn.wait()
      let (items, problem) = try answer.result.items(
        at: listing.items, isXML: listing.operation.service.isXML,
        isOmittedWhenEmpty: listing.isOmittedWhenEmpty)
      // All that may be wrong with the answer comes before the first record of it.
      let lists = try listing.kinds.map { kind in
        try kind.items.map { path throws(JSONError) in
          try answer.result.items(
            at: path, isXML: listing.operation.service.isXML, isOmittedWhenEmpty: true)
        } ?? (items: items, problem: nil)
      }
      if let problem { gaps.note(CollectionFailure(problem), for: listing.names) }
      let calls = Dictionary(uniqueKeysWithValues: zip(outputs.map(\.name), answer.calls))
      for (kind, list) in zip(listing.kinds, lists) {
        if let problem = list.problem {
          gaps.note(CollectionFailure(problem), for: [kind.name])
        }
        try await publish(list.items, as: kind, at: place, calls)
      }
      try await descend(below: items, of: listing, at: place)
    }
  }

  /// - Parameter calls: the number of the call that returned them, by collection.
  private func publish(
    _ items: [JSONView], as kind: AWSKind, at place: AWSPlace, _ calls: [String: Int]
  ) async throws {
    guard let output = live([kind.name]).first else { return }
    var records: [Record] = []
    for item in items {
      do throws(JSONError) {
        records.append(try kind.record(at: place.below(item), call: calls[output.name] ?? 0))
      } catch {
        gaps.note(CollectionFailure(error), for: [kind.name])
      }
    }
    try await output.publish(records)
  }

  private func descend(
    below items: [JSONView], of listing: AWSListing, at place: AWSPlace
  ) async throws {
    for child in listing.each {
      let places =
        child.batch.map { size in
          stride(from: 0, to: items.count, by: size).map { start in
            var batched = place
            batched.batch = Array(items[start..<min(start + size, items.count)])
            return batched
          }
        } ?? items.map(place.below)
      try await inTurns(places, atOnce: atOnce(child)) { place, turn in
        try await self.descend(to: child, from: place, turn)
      }
    }
  }

  /// As many as use up the operation's rate where an answer takes two seconds. Fewer where more
  /// is asked below: what waits there is multiplied.
  private func atOnce(_ child: AWSListing) -> Int {
    guard child.each.isEmpty else { return 8 }
    return min(64, max(8, Int(scan.client.rate(child.operation).perSecond * 2)))
  }

  private func descend(
    to child: AWSListing, from place: AWSPlace, _ turn: Turn
  ) async throws {
    do {
      do {
        if let except = child.except, try place.text(.at(0, except.path)) == except.text { return }
        if let needed = child.needs, try place.json(needed) == nil { return }
        try await pages(of: child, from: place, turn)
      } catch let error as AWSError
        where place.batch.count <= 1 && (error.isGone || child.absent.contains(error.code))
      {
        // It has none, or was deleted after it was listed.
        try await turn.wait()
        if child.isOptional { try await publishWithout(child, at: place) }
      }
      gaps.answered(child.operation)
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      try await turn.wait()
      if let halves = place.halves, child.operation.paging == nil, isAboutItems(error) {
        for half in halves { try await descend(to: child, from: half, turn) }
        return
      }
      try await lack(child, at: place, error)
    }
  }

  /// Whether fewer items in one call could be answered.
  private func isAboutItems(_ error: any Error) -> Bool {
    error is JSONError || (error as? AWSError)?.isOfInput == true
  }

  /// Notes what a failed call leaves out, and ends the collections where it is not about the item.
  private func lack(_ child: AWSListing, at place: AWSPlace, _ error: any Error) async throws {
    let failure = CollectionFailure(error)
    let isOfOne = !place.batch.isEmpty && isAboutItems(error)
    if error is JSONError, !isOfOne { return gaps.note(failure, for: child.names) }
    if (error as? AWSError)?.isDenied == true || isOfOne {
      let operation = child.operation.fullName
      if child.isOptional {
        gaps.note(failure, for: child.names)
        return try await publishWithout(child, at: place)
      }
      if gaps.mayGoOn(after: operation) {
        return gaps.note(failure, for: child.names, refused: operation)
      }
    }
    for output in live(child.names) { try await output.end(CollectionResult(failure)) }
  }

  private func publishWithout(_ child: AWSListing, at place: AWSPlace) async throws {
    let nothing = try JSONDocument(parsing: Array("{}".utf8)).root
    for kind in child.kinds { try await publish([nothing], as: kind, at: place, [:]) }
  }
}

extension AWSKind {
  /// The item as a record. One whose key is all that can be read is published as no more than that:
  /// then the transformer knows which object it says nothing about.
  ///
  /// - Throws: where not even the key can be read.
  fileprivate func record(at place: AWSPlace, call: Int) throws(JSONError) -> Record {
    let key = try place.text(key)
    guard !key.isEmpty else { throw .missing(path: "$", expected: "what names the object") }
    let bytes = (try? published(at: place)) ?? JSON.object(["sv0:unreadable": true]).bytes
    return Record(key: key, bytes: bytes, call: call)
  }

  private func published(at place: AWSPlace) throws -> [UInt8] {
    guard let members else {
      guard let item = place.trail.last else { return [] }
      return try redaction?.published(item) ?? Array(item.verbatim)
    }
    var parts: [(String, [UInt8])] = []
    for member in members {
      if let bytes = try place.bytes(member.value) { parts.append((member.name, bytes)) }
    }
    let bytes = joined(parts)
    return try redaction?.published(JSONDocument(parsing: bytes).root) ?? bytes
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
