import Model
import Testing

@testable import Evaluation

@Suite struct TenantClockTests {
  private static let quiet = Duration.seconds(10)
  private static let maximumDelay = Duration.seconds(60)

  private static func at(_ second: Int) -> Timestamp { Estate.now + .seconds(second) }

  private func clock(
    graph: Int64 = 2, evaluated: Int64 = 1, first: Int? = 0, last: Int? = 0, next: Int? = nil
  ) -> TenantClock {
    TenantClock(
      tenant: "acme", graphVersion: graph, evaluatedVersion: evaluated,
      firstChangedAt: first.map(Self.at), lastChangedAt: last.map(Self.at),
      nextDueAt: next.map(Self.at))
  }

  private func isDue(_ clock: TenantClock, at time: Timestamp) -> Bool {
    clock.isDue(at: time, quiet: Self.quiet, maximumDelay: Self.maximumDelay)
  }

  private func isDue(_ clock: TenantClock, at second: Int) -> Bool {
    isDue(clock, at: Self.at(second))
  }

  /// `#expect` takes no mutating call.
  private func record(_ result: EvaluationResult, in clock: inout TenantClock) -> Bool {
    clock.record(result)
  }

  private func result(_ read: TenantClock, at second: Int, next: Int? = nil) -> EvaluationResult {
    EvaluationResult(
      clock: read, changes: [], inputs: [:], nextDueAt: next.map(Self.at), at: Self.at(second))
  }

  @Test func aChangeIsEvaluatedOnceItIsQuiet() {
    #expect(!isDue(clock(), at: 9))
    #expect(isDue(clock(), at: 10))
    #expect(!isDue(clock(graph: 1), at: 100))
  }

  @Test func butNotLaterThanTheLimit() {
    #expect(!isDue(clock(last: 55), at: 59))
    #expect(isDue(clock(last: 55), at: 60))
  }

  @Test func timeAloneMakesDue() {
    let covered = clock(graph: 1, first: nil, last: nil, next: 100)
    #expect(!isDue(covered, at: 99))
    #expect(isDue(covered, at: 100))
  }

  @Test func aThresholdDoesNotWaitForAChangeToBeQuiet() {
    #expect(isDue(clock(last: 100, next: 100), at: 100))
  }

  @Test func ofEvaluationsFromOneClockOneCounts() {
    var clock = clock()
    let read = clock
    #expect(record(result(read, at: 10), in: &clock))
    #expect(clock == self.clock(evaluated: 2, first: nil, last: nil))
    let recorded = clock
    #expect(!record(result(read, at: 11), in: &clock))
    #expect(clock == recorded)
  }

  @Test func ofEvaluationsThatTimeHasCausedOneCounts() {
    var clock = clock(graph: 1, first: nil, last: nil, next: 100)
    let read = clock
    #expect(record(result(read, at: 100, next: 200), in: &clock))
    #expect(!record(result(read, at: 101, next: 201), in: &clock))
    #expect(!isDue(clock, at: 199))
  }

  @Test func aSlowEvaluationDoesNotUndoAFasterOneOfANewerGraph() {
    var clock = clock()
    let slow = clock
    _ = clock.changed(at: Self.at(20))
    let fast = clock
    #expect(record(result(fast, at: 30), in: &clock))
    #expect(!record(result(slow, at: 10), in: &clock))
    #expect(clock.evaluatedVersion == 3)
  }

  @Test func aChangeDuringAnEvaluationStaysDueAndWaitsFromTheEvaluationsBeginning() {
    var clock = clock()
    let read = clock
    for second in [12, 21, 29] { _ = clock.changed(at: Self.at(second)) }
    #expect(record(result(read, at: 11), in: &clock))
    #expect(clock.graphVersion == 5 && clock.evaluatedVersion == 2)
    #expect(clock.firstChangedAt == Self.at(11) && clock.lastChangedAt == Self.at(29))
    #expect(isDue(clock, at: 39))
    for second in stride(from: 30, through: 70, by: 5) { _ = clock.changed(at: Self.at(second)) }
    #expect(!isDue(clock, at: 70))
    #expect(isDue(clock, at: 71))
  }

  /// Several evaluators at random speed and a loader at random times, a second a step.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func noChangeIsLostOrWaitsTooLong(seed: UInt64) {
    struct Numbers: RandomNumberGenerator {
      var state: UInt64
      mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
      }
    }
    var numbers = Numbers(state: seed)
    var clock = clock(graph: 0, evaluated: 0, first: nil, last: nil)
    var changes: [Int64: Int] = [:]
    var underWay: [(read: TenantClock, from: Int, until: Int)] = []
    let slowest = 15
    for second in 0..<2000 {
      if second < 1900, Int.random(in: 0..<(second / 200 % 2 == 0 ? 4 : 40), using: &numbers) == 0 {
        changes[clock.changed(at: Self.at(second))] = second
      }
      let before = clock
      for ended in underWay where ended.until == second {
        if clock.record(result(ended.read, at: ended.from)) {
          for version in before.evaluatedVersion..<ended.read.graphVersion {
            let waited = second - (changes[version + 1] ?? 0)
            #expect(waited <= 60 + 2 * slowest, "a change waited \(waited) s")
          }
        }
      }
      underWay.removeAll { $0.until <= second }
      #expect(clock.evaluatedVersion >= before.evaluatedVersion)
      #expect(clock.evaluatedVersion <= clock.graphVersion)
      if underWay.count < 2, isDue(clock, at: second) {
        let length = Int.random(in: 1...slowest, using: &numbers)
        underWay.append((clock, second, second + length))
      }
    }
    #expect(clock.evaluatedVersion == clock.graphVersion && clock.graphVersion > 0)
    #expect(clock.firstChangedAt == nil && clock.lastChangedAt == nil)
  }
}
