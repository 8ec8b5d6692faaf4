import Model
import Testing

@testable import Evaluation

@Suite struct LifecycleTests {
  private static let later = Estate.now + .seconds(60)

  @Test func aLifeInSteps() throws {
    let new = try #require(FindingLife.after(nil, .found(digest: "a"), at: Estate.now))
    #expect(new.state == .new && new.version == 1)
    #expect(FindingLife.after(new, .found(digest: "a"), at: Self.later) == nil)
    let updated = try #require(FindingLife.after(new, .found(digest: "b"), at: Self.later))
    #expect(updated.state == .updated && updated.version == 2)
    #expect(updated.firstSeenAt == Estate.now && updated.changedAt == Self.later)
    let resolved = try #require(FindingLife.after(updated, .gone(digest: "b"), at: Self.later))
    #expect(resolved.state == .resolved && resolved.version == 3)
    #expect(FindingLife.after(resolved, .gone(digest: "b"), at: Self.later) == nil)
    #expect(FindingLife.after(resolved, .notEvaluated(digest: "c"), at: Self.later) == nil)
    let again = try #require(FindingLife.after(resolved, .found(digest: "b"), at: Self.later))
    #expect(again.state == .reopened && again.version == 4)
  }

  @Test func whatWasNotEvaluatedNeitherOpensNorResolves() throws {
    #expect(FindingLife.after(nil, .notEvaluated(digest: "a"), at: Estate.now) == nil)
    #expect(FindingLife.after(nil, .gone(digest: "a"), at: Estate.now) == nil)
    let new = try #require(FindingLife.after(nil, .found(digest: "a"), at: Estate.now))
    let kept = try #require(FindingLife.after(new, .notEvaluated(digest: "m"), at: Self.later))
    #expect(kept.state == .updated && kept.version == 2)
    #expect(FindingLife.after(kept, .notEvaluated(digest: "m"), at: Self.later) == nil)
  }

  @Test func aResolvedFindingLeavesTheTopicOnce() throws {
    let limit = Estate.now + FindingLife.tombstoneAfter
    var life = FindingLife(
      state: .resolved, version: 2, digest: "a", firstSeenAt: Estate.now, changedAt: Estate.now)
    #expect(Self.tombstones([life], at: Estate.now) == .init(due: [], nextDueAt: limit))
    #expect(Self.tombstones([life], at: limit) == .init(due: ["0"], nextDueAt: nil))
    life.tombstonedAt = limit
    #expect(Self.tombstones([life], at: limit) == .init(due: [], nextDueAt: nil))
    // Found again it has the next version, and resolved again it may leave again.
    let reopened = try #require(FindingLife.after(life, .found(digest: "a"), at: limit))
    #expect(reopened.version == 3 && reopened.tombstonedAt == nil)
    let resolved = try #require(FindingLife.after(reopened, .gone(digest: "a"), at: limit))
    #expect(resolved.tombstoneDueAt == limit + FindingLife.tombstoneAfter)
  }

  @Test func anOpenFindingNeverLeavesTheTopic() {
    for state in [FindingState.new, .updated, .reopened, .suppressed] {
      let life = FindingLife(
        state: state, version: 2, digest: "a", firstSeenAt: Estate.now, changedAt: Estate.now)
      let year = Estate.now + .seconds(365 * 86400)
      #expect(Self.tombstones([life], at: year) == .init(due: [], nextDueAt: nil))
    }
  }

  @Test func whatComesBackAtThatVeryMomentStays() throws {
    let limit = Estate.now + FindingLife.tombstoneAfter
    let life = FindingLife(
      state: .resolved, version: 2, digest: "a", firstSeenAt: Estate.now, changedAt: Estate.now)
    let reopened = try #require(FindingLife.after(life, .found(digest: "a"), at: limit))
    let change = FindingChange(key: Self.key("0"), life: reopened, event: [:])
    #expect(Tombstones([Self.published("0", life)], [change], at: limit).due == [])
  }

  private static func tombstones(_ lives: [FindingLife], at now: Timestamp) -> Tombstones {
    Tombstones(lives.enumerated().map { published("\($0)", $1) }, [], at: now)
  }

  private static func published(_ uid: String, _ life: FindingLife) -> PublishedFinding {
    PublishedFinding(key: key(uid), life: life, event: [:])
  }

  private static func key(_ uid: String) -> FindingKey {
    FindingKey(uid: uid, rule: "r", subject: "s", scope: "c", severity: .high, inputs: [])
  }

  @Test func aSuppressedFindingStaysSuppressedUntilItIsGone() throws {
    let life = FindingLife(
      state: .suppressed, version: 5, digest: "a", firstSeenAt: Estate.now,
      changedAt: Estate.now)
    func next(_ observation: Observation, isSuppressed: Bool = true) -> FindingLife? {
      FindingLife.after(life, observation, isSuppressed: isSuppressed, at: Self.later)
    }
    #expect(next(.found(digest: "a")) == nil)
    #expect(next(.found(digest: "b"))?.state == .suppressed)
    #expect(next(.gone(digest: "a"))?.state == .resolved)
    #expect(next(.found(digest: "a"), isSuppressed: false)?.state == .updated)
    let resolved = try #require(next(.gone(digest: "a")))
    let back = FindingLife.after(
      resolved, .found(digest: "a"), isSuppressed: true, at: Self.later)
    #expect(back?.state == .suppressed && back?.version == 7)
  }

  @Test func whatIsHeldHasNoVersionUntilItIsReleased() throws {
    let held = try #require(FindingLife.after(nil, .found(digest: "a"), .hold, at: Estate.now))
    #expect(held.state == .new && held.version == 0 && held.isHeld && !held.isPublished)
    #expect(FindingLife.after(held, .found(digest: "a"), .publish, at: Self.later) == nil)
    let changed = try #require(
      FindingLife.after(held, .found(digest: "b"), .publish, at: Self.later))
    #expect(changed.version == 0 && changed.isHeld && changed.digest == "b")
    let missing = FindingLife.after(changed, .notEvaluated(digest: "c"), .publish, at: Self.later)
    #expect(missing?.version == 0 && missing?.isHeld == true)
    let sent = try #require(
      FindingLife.after(changed, .found(digest: "b"), .release, at: Self.later))
    #expect(sent.state == .new && sent.version == 1 && sent.isPublished)
    #expect(FindingLife.after(sent, .found(digest: "b"), .release, at: Self.later) == nil)
    let gone = try #require(FindingLife.after(changed, .gone(digest: "b"), at: Self.later))
    #expect(gone.state == .resolved && gone.version == 0 && !gone.isPublished)
    #expect(FindingLife.after(gone, .gone(digest: "b"), at: Self.later) == nil)
    let again = try #require(FindingLife.after(gone, .found(digest: "a"), at: Self.later))
    #expect(again.state == .new && again.version == 1 && again.firstSeenAt == Estate.now)
  }

  /// The topic keeps what it has until there is more to say than a rule's new version.
  @Test func aPublishedFindingIsHeldBackUntilItChangesAgain() throws {
    let life = FindingLife(
      state: .new, version: 1, digest: "a", firstSeenAt: Estate.now, changedAt: Estate.now)
    let held = try #require(FindingLife.after(life, .found(digest: "b"), .hold, at: Self.later))
    #expect(held.version == 1 && held.isHeld)
    #expect(FindingLife.after(held, .found(digest: "b"), at: Self.later) == nil)
    let ends: [(Observation, Disclosure, FindingState)] = [
      (.found(digest: "c"), .publish, .updated), (.found(digest: "b"), .release, .updated),
      (.notEvaluated(digest: "m"), .publish, .updated), (.gone(digest: "b"), .publish, .resolved),
    ]
    for (observation, disclosure, state) in ends {
      let next = try #require(
        FindingLife.after(held, observation, disclosure, at: Self.later))
      #expect(next.state == state && next.version == 2 && next.isPublished)
    }
  }
}

/// From one evaluation to the next.
@Suite struct ChangeTests {
  static let rule = "unbounded-scope"

  private func published(_ changes: [FindingChange]) -> [PublishedFinding] {
    changes.map {
      var key = $0.key
      key.inputs = OCSF.inputs(of: $0.event)
      return PublishedFinding(key: key, life: $0.life, event: $0.event)
    }
  }

  private func first(_ changes: [FindingChange]) -> FindingChange? {
    changes.first { $0.key.rule == Self.rule }
  }

  @Test func theSameGraphPublishesNothingTwice() {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = estate.evaluation.changes(since: [])
    #expect(first(before)?.life.state == .new)
    let later = estate.evaluation(at: Estate.now + .seconds(86400))
    #expect(later.changes(since: published(before)).isEmpty)
  }

  /// An absence is cited by the latest complete listing, which is another one after every scan.
  @Test func aScanThatFindsTheSamePublishesNothing() {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = estate.evaluation.changes(since: [])
    for key in estate.collections.keys {
      estate.collections[key]?.appliedRun = "ANOTHER"
      estate.collections[key]?.epoch = 2
    }
    #expect(estate.evaluation.changes(since: published(before)).isEmpty)
  }

  @Test func whatIsGoneIsResolvedOnlyIfItWasRead() throws {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = published(estate.evaluation.changes(since: []))

    let resolved = try #require(first(Estate().evaluation.changes(since: before)))
    #expect(resolved.life.state == .resolved && resolved.life.version == 2)
    #expect(resolved.event["activity_name"] == "Close")

    var unread = Estate()
    unread.end("aws.iam.policy", .denied, missing: ["iam:GetAccountAuthorizationDetails"])
    let kept = try #require(first(unread.evaluation.changes(since: before)))
    #expect(kept.life.state == .updated)
    #expect(kept.event["severity"] == "High")
    #expect(kept.event["unmapped"]?["missing"]?.text.contains("aws.iam.policy") == true)
    #expect(kept.event["status_detail"]?.string?.contains("not evaluated") == true)
    // Once said, it is not said again.
    #expect(first(unread.evaluation.changes(since: published([kept]))) == nil)
  }

  /// What a person retired counts as read and empty, until it is read again.
  @Test func whatWasRetiredIsGone() throws {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = published(estate.evaluation.changes(since: []))
    var empty = Estate(accounts: [])
    func change(_ retired: (scope: String, collection: String)?) -> FindingLife? {
      let settled = Settled(
        retired: Set(
          retired.map { RetiredCollections(scope: $0.scope, collection: $0.collection) }
            .map { [$0] } ?? []))
      return first(
        empty.evaluation(at: Estate.now, settled: settled).changes(since: before))?.life
    }
    #expect(change(nil)?.state == .updated)
    #expect(change((Estate.scope("444455556666"), ""))?.state == .updated)
    #expect(change((Estate.scope, "aws.lambda"))?.state == .updated)
    #expect(change((Estate.scope, ""))?.state == .resolved)
    empty.end("aws.iam.role", .denied)
    #expect(change((Estate.scope, ""))?.state == .updated)
  }

  @Test(arguments: [Outcome.partial, .denied, .throttled, .failed])
  func anIncompleteInputKeepsTheFindingAndMakesCoverage(outcome: Outcome) throws {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = published(estate.evaluation.changes(since: []))
    estate.end("aws.iam.role", outcome)
    let changes = estate.evaluation.changes(since: before)
    #expect(first(changes)?.life.state == .updated)
    let coverage = try #require(changes.first { $0.key.rule == "coverage" })
    #expect(coverage.life.state == .new && coverage.key.severity == .informational)
    estate.end("aws.iam.role", .complete)
    let after = estate.evaluation.changes(since: published(changes))
    #expect(first(after)?.life.state == .updated)
    #expect(after.first { $0.key.rule == "coverage" }?.life.state == .resolved)
  }

  /// A policy that cannot be read may be the deny, or the allow: nothing is concluded from it.
  @Test func anUnreadablePolicyResolvesNothingAndFindsNothing() throws {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = published(estate.evaluation.changes(since: []))
    var broken = Estate()
    broken.role("r", policies: ["{}"])
    #expect(broken.findings(Self.rule).isEmpty)
    let changes = broken.evaluation.changes(since: before)
    #expect(first(changes)?.life.state == .updated)
    let coverage = try #require(changes.first { $0.key.rule == "coverage" })
    #expect(coverage.event["finding_info"]?["desc"]?.string?.contains("#inline/p0") == true)
  }

  @Test func whatIsTooOldIsNotReliedOn() {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    let before = published(estate.evaluation.changes(since: []))
    let evaluation = estate.evaluation
    #expect(evaluation.nextDueAt == Estate.now + .seconds(7 * 86400) + .milliseconds(1))
    let stale = estate.evaluation(at: Estate.now + .seconds(8 * 86400))
    #expect(first(stale.changes(since: before))?.life.state == .updated)
  }

  @Test func unsupportedCountsAsReadWhereNothingIsOpen() {
    var estate = Estate()
    estate.role("r", policies: [Policy.everything])
    estate.end("aws.iam.group", .unsupported)
    #expect(estate.findings(Self.rule).count == 1)
  }
}
