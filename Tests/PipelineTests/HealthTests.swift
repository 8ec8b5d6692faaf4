import Model
import Pipeline
import Synchronization
import Testing

@Suite struct HealthTests {
  @Test func aLoopThatDoesNotTurnIsStuckAndOneThatWaitsIsNotReady() {
    let clock = Mutex(Timestamp(milliseconds: 0))
    let health = Health(now: { clock.withLock { $0 } })
    health.turned("loader", obstacle: "no partitions")
    health.turned("evaluator", obstacle: nil)
    #expect(health.obstacles == ["loader: no partitions"])
    #expect(health.stalled.isEmpty)
    clock.withLock { $0 = $0 + Health.stallLimit + .seconds(1) }
    health.turned("evaluator")
    #expect(health.stalled == ["loader"])
    health.waits("loader")
    #expect(health.stalled.isEmpty)
    health.ended("loader")
    #expect(health.stalled.isEmpty)
    #expect(health.obstacles.isEmpty)
  }

  @Test func pausesDoubleUpToALimit() {
    var backoff = Backoff(first: .milliseconds(100), longest: .milliseconds(350))
    #expect((0..<4).map { _ in backoff.next() } == [100, 200, 350, 350].map { .milliseconds($0) })
    backoff.reset()
    #expect(backoff.next() == .milliseconds(100))
  }
}
