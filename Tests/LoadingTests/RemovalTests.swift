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
        distinctSequences: arrived, tainted: unreadable, taintedWithoutKey: unreadable,
        openObjects: open, absentObjects: absent, token: nil, appliedEpoch: appliedEpoch,
        retiredEpoch: nil),
      epoch: 5)
  }

  @Test func absenceClosesOnlyAfterACompleteCountedListing() {
    #expect(plan().closes == .absent)
    #expect(plan(arrived: 29).closes == .nothing)
    #expect(plan(arrived: 29).outcome == .partial)
    #expect(plan(unreadable: 1).outcome == .partial)
    for outcome in Outcome.allCases where outcome != .complete {
      #expect(plan(outcome: outcome).closes == .nothing)
    }
  }

  @Test func anEpochThatIsNotNewerWritesNothing() {
    #expect(plan(appliedEpoch: nil).writes)
    #expect(!plan(appliedEpoch: 5).writes)
    #expect(!plan(appliedEpoch: 6).writes)
    #expect(plan(appliedEpoch: 6).closes == .nothing)
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

  private func delta(
    from: String?, stored: String?, outcome: Outcome = .complete, arrived: Int64 = 3,
    tainted: Int64 = 0, appliedEpoch: Int64? = 4
  ) -> CollectionPlan {
    CollectionPlan(
      CollectionCount(
        ended: CollectionEnded(
          collection: "c", outcome: outcome, kind: .delta, records: 3, from: from, token: "t2"),
        distinctSequences: arrived, tainted: tainted, taintedWithoutKey: 0, token: stored,
        appliedEpoch: appliedEpoch, retiredEpoch: nil),
      epoch: 5)
  }

  @Test func changesCloseWhatTheyNameOntoTheirTokenOnly() {
    let whole = delta(from: "t1", stored: "t1")
    #expect(whole.closes == .named && whole.token == .set("t2") && whole.applies)
    #expect(whole.isCurrent && !whole.provesAbsence)
    for doubtful in [
      delta(from: "t1", stored: "t1", arrived: 2), delta(from: "t1", stored: "t1", tainted: 1),
      delta(from: "t1", stored: "t1", outcome: .partial),
    ] {
      #expect(doubtful.outcome == .partial && doubtful.writes)
      #expect(doubtful.closes == .nothing && doubtful.token == .kept && !doubtful.isCurrent)
    }
  }

  @Test func changesFromElsewhereWriteNothing() {
    for (from, stored) in [("t1", "t0"), ("t1", nil), (nil, "t1"), (nil, nil)]
      as [(String?, String?)]
    {
      let plan = delta(from: from, stored: stored)
      #expect(!plan.writes && plan.outcome == .partial && plan.token == .kept && !plan.applies)
      #expect(delta(from: from, stored: stored, outcome: .denied).outcome == .denied)
    }
    #expect(!delta(from: "t1", stored: "t1", appliedEpoch: 5).writes)
  }

  @Test func whatWasRetiredSinceIsNotWrittenWhateverItIs() {
    for kind in CollectionKind.allCases {
      let count = CollectionCount(
        ended: CollectionEnded(
          collection: "c", outcome: .complete, kind: kind, records: 1, from: "t1", token: "t2"),
        distinctSequences: 1, tainted: 0, taintedWithoutKey: 0, token: "t1", appliedEpoch: nil,
        retiredEpoch: 5)
      let plan = CollectionPlan(count, epoch: 5)
      #expect(plan.isRetired && !plan.writes && plan.token == .kept && plan.closes == .nothing)
      #expect(CollectionPlan(count, epoch: 6).writes)
    }
  }
}
