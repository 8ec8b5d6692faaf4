import Extraction
import Foundation
import JSONReader
import Model

@testable import AWSConnector

/// A record as a fixture file holds it: `{"collection": …, "key": …, "record": …}`.
struct RecordFixture: CustomStringConvertible, Sendable {
  /// `aws.iam.role.rich`
  let name: String
  var collection: String
  var key: String
  var record: [UInt8]

  var description: String { name }

  static let scope = Scope(
    tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333")
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
  static let suffix = ".record.json"

  /// All of them: those with files of their own, and the records of the fake account.
  static let all = files + account

  private static let account: [RecordFixture] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasPrefix("account.") }.sorted().flatMap { name in
      guard let data = try? Data(contentsOf: folder.appending(path: name)),
        let root = try? JSONDocument(parsing: Array(data)).root,
        let collection = root["collection"]?.string
      else { return [RecordFixture]() }
      return (root["records"]?.elements.map(Array.init) ?? []).compactMap { entry in
        guard let key = entry["key"]?.string, let record = entry["record"] else { return nil }
        return RecordFixture(collection, key: key, record: record.verbatim)
      }
    }
  }()

  /// Those with files of their own, by name.
  static let files: [RecordFixture] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted()
      .compactMap { try? RecordFixture(named: String($0.dropLast(suffix.count))) }
  }()

  init(named name: String) throws {
    let bytes = try Data(contentsOf: Self.folder.appending(path: name + Self.suffix))
    let root = try JSONDocument(parsing: Array(bytes)).root
    self.name = name
    collection = try root.string(at: "collection")
    key = try root.string(at: "key")
    record = try Array(root.value(at: "record").verbatim)
  }

  init(_ collection: String, key: String, record: some Sequence<UInt8>) {
    name = "\(collection) \(key)"
    self.collection = collection
    self.key = key
    self.record = Array(record)
  }

  func assertions() throws -> Assertions {
    try AWSNormalizer().assertions(
      of: RawRecord(scope: Self.scope, collection: collection, key: key, bytes: record))
  }

  /// The fragment as the transformer writes it, but for the receipt.
  func fragment() throws -> JSON {
    let assertions = try assertions()
    let fragment = Fragment(
      object: key, nodes: assertions.nodes, edges: assertions.edges,
      documents: assertions.documents, activity: assertions.activity,
      receipt: Receipt(sha256: "", partition: 0, offset: 0))
    guard case .object(var members) = fragment.json else { return .null }
    members["receipt"] = nil
    return .object(members)
  }

  /// The record with the first occurrence of `text` replaced.
  func replacing(_ text: String, with other: String) -> RecordFixture {
    var copy = self
    let record = String(decoding: record, as: UTF8.self)
    guard let range = record.range(of: text) else { return copy }
    copy.record = Array(record.replacingCharacters(in: range, with: other).utf8)
    return copy
  }

  /// The record with all its lists in another order.
  func permuted(by random: inout some RandomNumberGenerator) throws -> RecordFixture {
    var copy = self
    copy.record = shuffled(JSON(try JSONDocument(parsing: record).root), by: &random).bytes
    return copy
  }
}

private func shuffled(_ json: JSON, by random: inout some RandomNumberGenerator) -> JSON {
  switch json {
  case .array(let elements):
    .array(elements.map { shuffled($0, by: &random) }.shuffled(using: &random))
  case .object(let members): .object(members.mapValues { shuffled($0, by: &random) })
  default: json
  }
}

/// SplitMix64, so that a failure can be repeated from its seed.
/// Source: https://prng.di.unimi.it/splitmix64.c
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

extension JSON {
  /// Canonical but for line breaks, so that a change of a golden file can be read.
  func lines(indent: String = "") -> String {
    let deeper = indent + "  "
    switch self {
    case .array(let elements) where !elements.isEmpty:
      let lines = elements.map { deeper + $0.lines(indent: deeper) }
      return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let members) where !members.isEmpty:
      let lines = members.sorted { $0.key.precedes($1.key) }
        .map { "\(deeper)\(JSON.string($0.key).text): \($0.value.lines(indent: deeper))" }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
    default: return text
    }
  }
}
