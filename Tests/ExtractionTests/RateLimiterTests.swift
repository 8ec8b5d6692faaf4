import HTTPTypes
import Logging
import Model
import Pipeline
import PipelineTesting
import Synchronization
import Testing

@testable import Extraction

/// Who waits for whom at a bucket.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterTests {
  /// A collection, as far as turns go.
  private final class Claimant: Sendable {}

  /// Pauses that last until the test is over.
  private final class Pauses: Sendable {
    private let pauses = Mutex<[Duration]>([])
    var all: [Duration] { pauses.withLock { $0 } }

    func sleep(_ duration: Duration) async throws {
      pauses.withLock { $0.append(duration) }
      try await Task.sleep(for: .seconds(86_400))
    }
  }

  @Test func whoeverWantsMuchLetsOthersHaveTheirTurns() async {
    let pauses = Pauses()
    let limiter = RateLimiter(
      Surroundings(
        now: { Timestamp(milliseconds: 0) }, sleep: pauses.sleep, random: { 0.5 }))
    let rate = Rate(perSecond: 1, burst: 1)
    let (greedy, modest) = (Claimant(), Claimant())
    let asking = Task {
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<50 {
          group.addTask {
            try? await limiter.wait(for: "key", rate: rate, by: ObjectIdentifier(greedy))
          }
        }
      }
    }
    #expect(await eventually { pauses.all.count == 1 })
    let other = Task {
      try await limiter.wait(for: "key", rate: rate, by: ObjectIdentifier(modest))
    }
    #expect(await eventually { pauses.all.count == 2 })
    #expect(pauses.all == [.seconds(1), .seconds(2)])
    asking.cancel()
    other.cancel()
    await asking.value
    _ = await other.result
  }

  /// Attempts of one worker have rates of their own, save for what they draw on together.
  @Test(arguments: [(true, 3), (false, 0)])
  func attemptsShareWhatIsTheWorkers(_ isOfWorker: Bool, _ seconds: Int) async throws {
    let clock = ManualClock()
    let start = clock.now
    let surroundings = Surroundings(now: { clock.now }, sleep: clock.sleep, random: { 0.5 })
    let rates = RateLimiter(surroundings)
    for _ in 0..<4 {
      let context = AttemptContext(
        transport: ScriptedTransport { _ in .init("") }, surroundings: surroundings,
        statistics: AttemptStatistics(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        workerRates: rates)
      let request = APIRequest(
        operation: "s:Get", rateKey: "s", rate: Rate(perSecond: 1, burst: 1),
        isRateOfWorker: isOfWorker,
        build: {
          (HTTPRequest(method: .get, scheme: "https", authority: "s.example", path: "/"), [])
        }, judge: { _, _ in .accepted })
      _ = try await APIClient(platform: .aws, context: context).send(request, logs: [])
    }
    #expect(clock.now == start + .seconds(seconds))
  }
}
