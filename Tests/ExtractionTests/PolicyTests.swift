import Model
import Testing

@testable import Extraction

@Suite struct PolicyTests {
  @Test func pausesDoubleUpToTheLongest() {
    let policy = RetryPolicy(budget: .seconds(3600))
    let pauses = (1...8).map { policy.pause(after: $0, spent: .zero, random: 1) }
    let seconds: [Duration?] = [1, 2, 4, 8, 16, 20, 20].map { .seconds($0) }
    #expect(pauses == seconds + [nil])
    #expect(policy.pause(after: 3, spent: .zero, random: 0.25) == .seconds(1))
  }

  @Test func theServersPauseIsHonouredAndBounded() {
    let policy = RetryPolicy()
    func pause(_ seconds: Int) -> Duration? {
      policy.pause(after: 1, spent: .zero, retryAfter: .seconds(seconds), random: 0)
    }
    #expect(pause(7) == .seconds(7))
    #expect(pause(86_400) == .seconds(60))
  }

  @Test func theBudgetEndsIt() {
    #expect(RetryPolicy().pause(after: 1, spent: .seconds(300), random: 1) == nil)
  }

  @Test func aBucketGivesABurstAndThenItsRate() {
    let start = Timestamp(milliseconds: 0)
    var bucket = TokenBucket(Rate(perSecond: 10, burst: 2), at: start)
    let waits = (0..<4).map { _ in bucket.take(at: start) }
    #expect(waits == [.zero, .zero, .milliseconds(100), .milliseconds(200)])
    #expect(bucket.take(at: start + .seconds(10)) == .zero)
  }

  @Test func throttlingHalvesTheRateAndAnswersBringItBack() {
    let start = Timestamp(milliseconds: 0)
    var bucket = TokenBucket(Rate(perSecond: 10), at: start)
    bucket.throttled(at: start)
    #expect(bucket.take(at: start) == .milliseconds(200))
    for _ in 0..<100 { bucket.answered() }
    #expect(bucket.take(at: start) == .milliseconds(200))
    for second in 1..<100 { bucket.throttled(at: start + .seconds(second * 10)) }
    #expect(bucket.take(at: start + .seconds(990)) <= .seconds(6))
  }

  @Test func callsThatAreThrottledTogetherSlowABucketDownOnce() {
    let start = Timestamp(milliseconds: 0)
    var bucket = TokenBucket(Rate(perSecond: 10), at: start)
    for millisecond in 0..<32 { bucket.throttled(at: start + .milliseconds(millisecond)) }
    #expect(bucket.take(at: start + .milliseconds(32)) == .milliseconds(168))
    bucket.throttled(at: start + .seconds(1))
    #expect(bucket.take(at: start + .seconds(1)) == .milliseconds(400))
  }

  /// Each has one call under way; one starts when the others have long been waiting.
  @Test func collectionsShareABucketInTurns() {
    let start = Timestamp(milliseconds: 0)
    var bucket = TokenBucket(Rate(perSecond: 1, burst: 1), at: start)
    var asking = [(start, "a"), (start, "b"), (start, "c"), (start + .milliseconds(3500), "late")]
    var turns: [String] = []
    while turns.count < 24 {
      asking.sort { $0.0 < $1.0 }
      let (time, name) = asking.removeFirst()
      turns.append(name)
      asking.append((time + bucket.take(at: time), name))
    }
    for name in ["a", "b", "c", "late"] {
      let places = turns.indices.filter { turns[$0] == name }
      #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 <= 4 }, "\(turns)")
    }
  }

  @Test func cursorsAreFollowedOnce() throws {
    var pager = Pager("s:List", maximumPages: 4)
    #expect(try pager.advance(to: nil) == false)
    #expect(try pager.advance(to: "") == false)
    #expect(try pager.advance(to: "1") == true)
    #expect(pager.cursor == "1")
    #expect(throws: CollectionFailure.self) { try pager.advance(to: "1") }
    #expect(try pager.advance(to: "2") == true)
    #expect(try pager.advance(to: "3") == true)
    #expect(throws: CollectionFailure.self) { try pager.advance(to: "4") }
  }

  @Test func timesInHeadersAreRead() {
    let now = Timestamp("2026-11-21T10:00:00Z") ?? Timestamp(milliseconds: 0)
    #expect(HTTPDate.timestamp("Sat, 21 Nov 2026 10:00:00 GMT") == now)
    #expect(HTTPDate.timestamp("21.11.2026") == nil)
    #expect(HTTPDate.duration(ofRetryAfter: "5", at: now) == .seconds(5))
    #expect(
      HTTPDate.duration(ofRetryAfter: "Sat, 21 Nov 2026 10:00:09 GMT", at: now) == .seconds(9))
    #expect(HTTPDate.duration(ofRetryAfter: "soon", at: now) == nil)
  }

  @Test(arguments: [
    ([], "aws.iam.role", true), (["aws.iam.*"], "aws.iam.role", true),
    (["aws.lambda.function"], "aws.lambda.function@eu-west-1", true),
    (["aws.lambda.function@us-east-1"], "aws.lambda.function@eu-west-1", false),
    (["aws.lambda.fun"], "aws.lambda.function@eu-west-1", false),
  ])
  func collectionsAreSelected(_ patterns: [String], _ name: String, _ isIncluded: Bool) {
    #expect(CollectionSelection(patterns).includes(name) == isIncluded)
  }
}
