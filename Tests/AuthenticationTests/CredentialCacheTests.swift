import Authentication
import Model
import PipelineTesting
import Synchronization
import Testing

@Suite struct CredentialCacheTests {
  /// Hands out 1, 2, 3, …, each for an hour; fails or waits when told to.
  private final class Strategy: CredentialStrategy {
    struct State {
      var obtained = 0
      var fails = false
    }
    let clock: ManualClock
    let state = Mutex(State())
    let gate: AsyncStream<Void>?

    init(_ clock: ManualClock, gate: AsyncStream<Void>? = nil) {
      self.clock = clock
      self.gate = gate
    }

    func obtain() async throws -> Expiring<Int> {
      let number = try state.withLock { state in
        if state.fails { throw AuthenticationError(.unusable, "no") }
        state.obtained += 1
        return state.obtained
      }
      if let gate {
        for await _ in gate { break }
        try Task.checkCancellation()
      }
      return Expiring(number, expires: clock.now + .seconds(3600))
    }
  }

  @Test func aCredentialIsKeptForFourFifthsOfItsLife() async throws {
    let clock = ManualClock()
    let cache = CredentialCache(Strategy(clock), now: { clock.now })
    #expect(try await cache.current().credential == 1)
    clock.advance(by: .seconds(2879))
    #expect(try await cache.current().credential == 1)
    clock.advance(by: .seconds(1))
    #expect(try await cache.current().credential == 2)
  }

  @Test func aFailedRenewalIsNoErrorWhileTheCredentialLasts() async throws {
    let clock = ManualClock()
    let strategy = Strategy(clock)
    let cache = CredentialCache(strategy, now: { clock.now })
    _ = try await cache.current()
    strategy.state.withLock { $0.fails = true }
    clock.advance(by: .seconds(3000))
    #expect(try await cache.current().credential == 1)
    clock.advance(by: .seconds(600))
    await #expect(throws: AuthenticationError.self) { try await cache.current() }
    strategy.state.withLock { $0.fails = false }
    #expect(try await cache.current().credential == 2)
  }

  @Test func allWhoWaitShareOneRenewal() async throws {
    let clock = ManualClock()
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let strategy = Strategy(clock, gate: gate)
    let cache = CredentialCache(strategy, now: { clock.now })
    let waiting = (0..<20).map { _ in Task { try await cache.current().credential } }
    #expect(await eventually { strategy.state.withLock { $0.obtained } == 1 })
    waiting[0].cancel()
    open.yield()
    for task in waiting.dropFirst() { #expect(try await task.value == 1) }
    #expect(strategy.state.withLock { $0.obtained } == 1)
  }

  @Test func whenNobodyWaitsAnyMoreTheRenewalIsCancelled() async throws {
    let clock = ManualClock()
    let (gate, _) = AsyncStream.makeStream(of: Void.self)
    let strategy = Strategy(clock, gate: gate)
    let cache = CredentialCache(strategy, now: { clock.now })
    let waiting = Task { try await cache.current().credential }
    #expect(await eventually { strategy.state.withLock { $0.obtained } == 1 })
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
  }

  @Test func aRefusedCredentialIsReplacedOnceForAll() async throws {
    let clock = ManualClock()
    let strategy = Strategy(clock)
    let cache = CredentialCache(strategy, now: { clock.now })
    let refused = try await cache.current()
    #expect(try await cache.renewed(after: refused).credential == 2)
    #expect(try await cache.renewed(after: refused).credential == 2)
  }
}
