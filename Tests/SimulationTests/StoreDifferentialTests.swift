import Foundation
import Model
import PipelineTesting
import PostgresClient
import Simulation
import Testing

/// The simulator's stores do what those in Postgres do: random calls are made on both, and the
/// answers are the same, and so are all rows of all tables.
///
/// Rows are many, so they are compared after every few calls; a sequence that differs is made again
/// and compared after each, for the first call that makes a difference.
///
/// `SV0_STORE_SEQUENCES` and `SV0_STORE_SEED` say how many sequences are tried, from which seed.
@Suite struct StoreDifferentialTests {
  private static func number(_ name: String, _ usual: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
  }

  private static let callsOfSequence = 60
  private static let usualSequences = 60

  /// What the usual sequences must have come upon, as words of an answer.
  private static let landmarks = [
    // Admission, runs and relays.
    "accepted", "rejected", "repeated", "RunState.failed", "RunState.cancelled",
    "admitted(Scheduling", "refused(",
    // Listings.
    "Closing.absent", "Closing.suspects", "Closing.named", "CollectionKind.activity",
    "changes since a token", "records arrived", "not even their key", "retired since",
    "a newer epoch was applied already", "TokenChange.set(Optional(", "isRetired: true",
    // Claims, staging and sweeps.
    "Another loader has taken over", "has crashed and emptied", "Overload(", "Abandonment.silent",
    "Abandonment.finished", "Abandonment.superseded",
    // People.
    "done(", "noSuspects", "otherEpoch(", "written(", "unchanged", "superseded",
    "superseded of an older record",
    // Evaluations.
    "FindingState.resolved", "FindingState.reopened", "tombstonedAt: Optional(",
    "false\nTenantClock", "FindingState.suppressed", "about 1", "isHeld: true",
    "FindingRelease(scope:",
  ]

  @Test func memoryAndPostgresAnswerAlikeAndHoldTheSame() async throws {
    let first = UInt64(Self.number("SV0_STORE_SEED", 1))
    let count = UInt64(Self.number("SV0_STORE_SEQUENCES", Self.usualSequences))
    try await TestDatabase.with { pool in
      var missed = Set(Self.landmarks)
      let tables = try await StoreTables(pool)
      for seed in first..<first + count {
        var difference = try await difference(seed, pool, tables, everyCalls: 4, &missed)
        if difference != nil {
          let nearer = try await self.difference(seed, pool, tables, everyCalls: 1, &missed)
          difference = nearer ?? difference
        }
        try #require(difference == nil, "seed \(seed), \(difference ?? "")")
      }
      if count >= Self.usualSequences { #expect(missed.sorted() == []) }
    }
  }

  /// Makes the calls of a seed.
  ///
  /// - Parameter missed: loses the landmarks that it comes upon.
  /// - Returns: the first difference, and the calls that lead to it.
  private func difference(
    _ seed: UInt64, _ pool: PostgresPool, _ tables: StoreTables, everyCalls stride: Int,
    _ missed: inout Set<String>
  ) async throws -> String? {
    try await tables.truncate(tables.all)
    let database = SimulatedDatabase()
    var pair = StorePair(memory: .memory(database), postgres: .postgres(pool, tables))
    var story = StoreStory(seed: seed)
    for number in 1...Self.callsOfSequence {
      var difference = await pair.make(story.next(database.state))
      missed = missed.filter { !pair.answer.contains($0) }
      if difference == nil, number % stride == 0 || number == Self.callsOfSequence {
        difference = try await pair.differenceOfRows()
      }
      guard let difference else { continue }
      let calls = pair.calls.enumerated().map { "  \($0 + 1). \($1)" }
      return "call \(number): \(difference)\n\(calls.joined(separator: "\n"))"
    }
    return nil
  }
}
