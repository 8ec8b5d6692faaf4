import Foundation
import JSONReader
import Testing

/// SplitMix64, so that a failure can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// Random JSON text with blanks, escapes and nesting, but no repeated names.
struct RandomJSON {
  var generator: SeededGenerator

  mutating func text(depth: Int = 0) -> String {
    switch Int.random(in: 0..<(depth > 5 ? 5 : 8), using: &generator) {
    case 0: return "null"
    case 1: return Bool.random(using: &generator) ? "true" : "false"
    case 2: return String(Int64.random(in: .min ... .max, using: &generator))
    case 3: return String(Double.random(in: -1e6...1e6, using: &generator))
    case 4: return string()
    case 5, 6:
      let count = Int.random(in: 0..<6, using: &generator)
      let names = (0..<count).map { "\"\($0)" + string().dropFirst() }
      let members = names.map { $0 + blank() + ":" + blank() + text(depth: depth + 1) }
      return "{" + blank() + members.joined(separator: "," + blank()) + blank() + "}"
    default:
      let count = Int.random(in: 0..<6, using: &generator)
      let elements = (0..<count).map { _ in text(depth: depth + 1) + blank() }
      return "[" + blank() + elements.joined(separator: ",") + "]"
    }
  }

  private mutating func blank() -> String {
    ["", "", " ", "\n", "\t \r\n"].randomElement(using: &generator) ?? ""
  }

  private mutating func string() -> String {
    let pieces = ["a", "Z", "é", "😀", "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "{", ":"]
    let count = Int.random(in: 0..<40, using: &generator)
    return "\"" + (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined() + "\""
  }
}

@Suite struct RandomTextTests {
  /// Whether the view reads as what Foundation read from the same text.
  private func matches(_ view: JSONView, _ expected: Any) -> Bool {
    switch view.kind {
    case .null:
      return expected is NSNull
    case .boolean:
      return view.bool == (expected as? Bool)
    case .number:
      guard let number = expected as? NSNumber else { return false }
      if let integer = view.int64 { return integer == number.int64Value }
      guard let double = view.double else { return false }
      // Foundation's doubles can be off in the last bit; ours are the nearest.
      return String(double) == view.numberText && abs(double - number.doubleValue) < 1e-9
    case .string:
      return view.string == (expected as? String)
    case .array:
      guard let expected = expected as? [Any], let elements = view.elements else { return false }
      return elements.count == expected.count
        && zip(elements, expected).allSatisfy { matches($0, $1) }
    case .object:
      guard let expected = expected as? [String: Any], let members = view.members else {
        return false
      }
      return members.count == expected.count
        && members.allSatisfy { member in
          expected[member.key].map { matches(member.value, $0) } ?? false
        }
    }
  }

  @Test func readsWhatFoundationReads() throws {
    var random = RandomJSON(generator: SeededGenerator(state: 1))
    for round in 0..<2_000 {
      let text = random.text()
      let view = try JSONDocument(parsing: Array(text.utf8)).root
      let expected = try JSONSerialization.jsonObject(
        with: Data(text.utf8), options: .fragmentsAllowed)
      let isSame = matches(view, expected)
      #expect(isSame, "round \(round): \(text)")
      try expectSlicesParseAlike(view)
    }
  }

  /// Every sub-value's slice is a JSON text of its own, of the same kind.
  private func expectSlicesParseAlike(_ view: JSONView) throws {
    let again = try JSONDocument(parsing: Array(view.verbatim)).root
    #expect(again.kind == view.kind)
    #expect(again.verbatim == view.verbatim[...])
    for element in view.elements.map({ Array($0) }) ?? [] { try expectSlicesParseAlike(element) }
    for member in view.members.map({ Array($0) }) ?? [] { try expectSlicesParseAlike(member.value) }
  }

  /// Mutated inputs parse or throw; what parses can be walked, and Foundation reads it too, unless
  /// it has a number beyond the finite doubles.
  @Test func mutatedTextsParseOrThrow() throws {
    var random = RandomJSON(generator: SeededGenerator(state: 2))
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = Array(random.text(depth: 3).utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random.generator) {
        mutate(&bytes, using: &random.generator)
      }
      guard let document = try? JSONDocument(parsing: bytes) else { continue }
      accepted += 1
      guard walk(document.root), accepted % 10 == 0 else { continue }
      #expect(throws: Never.self, "\(String(decoding: bytes, as: UTF8.self))") {
        try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      }
    }
    #expect(accepted > 2_000 && accepted < 18_000)
  }

  private func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
    guard let position = bytes.indices.randomElement(using: &generator) else { return }
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: bytes.remove(at: position)
    case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
    case 2:
      bytes.insert(Array("{}[]:,\"\\0-e.".utf8).randomElement(using: &generator)!, at: position)
    default: bytes.removeSubrange(position...)
    }
  }

  /// Touches every accessor of every value; false when a number has no finite double. Names may
  /// repeat after a mutation.
  private func walk(_ view: JSONView) -> Bool {
    #expect(!view.verbatim.isEmpty && view.path.hasPrefix("$"))
    #expect(view.string.map { Array($0.utf8) } == view.stringBytes.map { Array($0) })
    #expect((view.numberText == nil) == (view.kind != .number))
    var isFinite = view.kind != .number || view.double != nil
    if view.int64 != nil { #expect(view.double != nil) }
    for element in view.elements.map({ Array($0) }) ?? [] { isFinite = walk(element) && isFinite }
    for member in view.members.map({ Array($0) }) ?? [] {
      #expect(view[member.key] != nil)
      isFinite = walk(member.value) && isFinite
    }
    return isFinite
  }
}
