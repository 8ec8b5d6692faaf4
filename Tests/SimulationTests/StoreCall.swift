import Cryptography
import Evaluation
import Loading
import Model
import Scheduling
import Simulation

/// A call of a store, to be made on two implementations.
struct StoreCall: Sendable {
  /// For a person who has to understand a mismatch.
  var text: String
  /// Makes it; returns the answer as text.
  var make: @Sendable (Stores, CountedIDs) async throws -> String

  init(
    _ text: String, _ make: @escaping @Sendable (Stores, CountedIDs) async throws -> String
  ) {
    self.text = text
    self.make = make
  }

  /// The answer, or the error.
  func answer(of stores: Stores, _ ids: CountedIDs) async -> String {
    do {
      return try await make(stores, ids)
    } catch {
      return "\(type(of: error)): \(error)"
    }
  }
}

/// Two implementations, asked the same.
struct StorePair {
  let memory: Stores
  let postgres: Stores
  private(set) var calls: [String] = []
  /// What memory said last.
  private(set) var answer = ""

  init(memory: Stores, postgres: Stores) {
    self.memory = memory
    self.postgres = postgres
  }

  /// Makes the call on both.
  ///
  /// - Returns: how the answers differ; `nil` if they do not.
  mutating func make(_ call: StoreCall) async -> String? {
    calls.append(call.text)
    let base = UInt64(calls.count)
    let expected = await call.answer(of: memory, CountedIDs(base: base))
    let found = await call.answer(of: postgres, CountedIDs(base: base))
    answer = expected
    return expected == found
      ? nil : "the answers differ\n  memory:   \(expected)\n  postgres: \(found)"
  }

  /// - Returns: how the rows of all tables differ; `nil` if they do not.
  func differenceOfRows() async throws -> String? {
    let (left, right) = (try await memory.dump(), try await postgres.dump())
    let tables = Set(left.keys).union(right.keys).sorted()
    for table in tables where left[table] != right[table] {
      guard let rows = left[table], let others = right[table] else {
        return "only one of them has the table \(table)"
      }
      let onlyLeft = rows.filter { !others.contains($0) }
      let onlyRight = others.filter { !rows.contains($0) }
      return "\(table) differs\n"
        + onlyLeft.map { "  only memory:   \($0)\n" }.joined()
        + onlyRight.map { "  only postgres: \($0)\n" }.joined()
        + "  rows: \(rows.count), \(others.count); answer: \(answer)"
    }
    return nil
  }
}

extension EvaluationReading {
  /// All of it as text, in an order of its own.
  var text: String {
    var lines = ["\(clock)", "version \(graph.version)"]
    for id in graph.order {
      for asserted in graph.nodes[id]?.assertions ?? [] {
        lines.append("\(asserted.value.json.text) \(asserted.provenance)")
      }
    }
    for edge in graph.edges {
      lines.append("\(edge.key) \(edge.merged.json.text) \(edge.provenance)")
    }
    lines += graph.documents.map { "\($0) \(String(decoding: $1, as: UTF8.self))" }.sorted()
    lines += graph.collections.map { "\($0) \($1)" }.sorted()
    lines += graph.calls.map { "\($0) \(String(decoding: $1, as: UTF8.self))" }.sorted()
    lines += findings.sorted { $0.uid < $1.uid }.map { "\($0.key) \($0.life) \($0.event.text)" }
    lines += settled.judged.map { "\($0)" }.sorted()
    lines += settled.baselines.values.map { baseline in
      "\(baseline.subject) \(Baseline.json(baseline.reached).text) "
        + "\(Baseline.json(baseline.drifted).text) \(baseline.digest)"
    }.sorted()
    lines += paths.map { "\($0) \(Hex.encode($1))" }.sorted()
    lines += settled.retired.map { "\($0)" }.sorted()
    lines += settled.releases.map { "\($0)" }
    lines += settled.suppressions.map { "\($0) \($1)" }.sorted()
    return lines.joined(separator: "\n")
  }
}
