import Foundation
import Model
import PipelineTesting
import PostgresClient
import Simulation
import Testing

/// The simulator's stores do what those in Postgres do: random calls are made on both, and after
/// each the answers and all rows of all tables are the same.
///
/// `SV0_STORE_SEQUENCES` and `SV0_STORE_SEED` say how many sequences are tried, and from which seed.
@Suite struct StoreDifferentialTests {
  private static func number(_ name: String, _ usual: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
  }

  private static let callsOfSequence = 60
  private static let usualSequences = 36

  /// What the usual sequences must have come upon, as words of an answer.
  private static let landmarks = [
    // Admission, runs and relays.
    "accepted", "rejected", "repeated", "RunState.failed", "RunState.cancelled", "admitted(Scheduling",
    "refused(",
    // Listings.
    "Closing.absent", "Closing.suspects", "Closing.named", "CollectionKind.activity",
    "changes since a token", "records arrived", "not even their key", "retired since",
    "a newer epoch was applied already", "TokenChange.set(Optional(", "isRetired: true",
    // Claims, staging and sweeps.
    "Another loader has taken over", "has crashed and emptied", "Overload(", "Abandonment.silent",
    "Abandonment.finished", "Abandonment.superseded",
    // People.
    "done(", "noSuspects", "otherEpoch(", "written(", "unchanged", "superseded",
    // Evaluations.
    "FindingState.resolved", "FindingState.reopened", "tombstonedAt: Optional(", "false\nTenantClock",
  ]

  @Test func memoryAndPostgresAnswerAlikeAndHoldTheSame() async throws {
    let first = UInt64(Self.number("SV0_STORE_SEED", 1))
    let count = UInt64(Self.number("SV0_STORE_SEQUENCES", Self.usualSequences))
    try await TestDatabase.with { pool in
      var missed = Set(Self.landmarks)
      let tables = try await StoreTables(pool)
      let postgres = Stores.postgres(pool, tables)
      for seed in first..<first + count {
        try await tables.truncate(tables.all)
        let database = SimulatedDatabase()
        var pair = StorePair(memory: .memory(database), postgres: postgres)
        var story = StoreStory(seed: seed)
        for _ in 0..<Self.callsOfSequence {
          let call = story.next(database.state)
          let difference = try await pair.make(call)
          missed = missed.filter { !pair.answer.contains($0) }
          guard let difference else { continue }
          let calls = pair.calls.enumerated().map { "  \($0 + 1). \($1)" }
          Issue.record(
            "seed \(seed), call \(calls.count): \(difference)\n\(calls.joined(separator: "\n"))")
          return
        }
      }
      if count >= Self.usualSequences { #expect(missed.sorted() == []) }
    }
  }
}
