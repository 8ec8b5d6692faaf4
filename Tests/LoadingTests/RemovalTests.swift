import Model
import Testing

@testable import Loading

@Suite struct RemovalTests {
  private func plan(
    outcome: Outcome = .complete, claimed: Int64 = 30, arrived: Int64 = 30, unreadable: Int64 = 0,
    open: Int64 = 30, absent: Int64 = 0, appliedEpoch: Int64? = 4
  ) -> CollectionPlan {
    CollectionPlan(
      CollectionCount(
        ended: CollectionEnded(collection: "c", outcome: outcome, records: claimed),
        distinctSequences: arrived, taintedWithoutKey: unreadable, openObjects: open,
        absentObjects: absent, appliedEpoch: appliedEpoch),
      epoch: 5)
  }

  @Test func absenceClosesOnlyAfterACompleteCountedListing() {
    #expect(plan().absence == .closed)
    #expect(plan(arrived: 29).absence == .kept)
    #expect(plan(arrived: 29).outcome == .partial)
    #expect(plan(unreadable: 1).outcome == .partial)
    for outcome in Outcome.allCases where outcome != .complete {
      #expect(plan(outcome: outcome).absence == .kept)
    }
  }

  @Test func anEpochThatIsNotNewerWritesNothing() {
    #expect(plan(appliedEpoch: nil).writes)
    #expect(!plan(appliedEpoch: 5).writes)
    #expect(!plan(appliedEpoch: 6).writes)
    #expect(plan(appliedEpoch: 6).absence == .kept)
  }

  @Test(arguments: [
    // Open objects, absent objects, suspect.
    (20, 19, false), (21, 10, false), (21, 11, true), (100, 51, true), (100, 50, false),
    (1, 1, false), (2, 2, true), (2, 1, false), (0, 0, false),
  ])
  func massRemovalsAreSuspect(_ open: Int64, _ absent: Int64, _ suspect: Bool) {
    #expect(CollectionPlan.isSuspect(open: open, absent: absent) == suspect)
  }

  @Test func aDeniedCollectionKeepsTheAttemptItWasAppliedFrom() {
    #expect(!plan(outcome: .denied, claimed: 0, arrived: 0).applies)
    #expect(plan(outcome: .partial, claimed: 3, arrived: 2).applies)
    #expect(plan(claimed: 0, arrived: 0, open: 1, absent: 1).applies)
  }
}
