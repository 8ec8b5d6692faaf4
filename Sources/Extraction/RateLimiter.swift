public import Model
internal import Synchronization

/// How many calls a second a platform takes.
public struct Rate: Sendable, Hashable {
  public var perSecond: Double
  /// How many may come at once after a rest.
  public var burst: Double

  public init(perSecond: Double, burst: Double? = nil) {
    self.perSecond = perSecond
    self.burst = burst ?? max(1, perSecond)
  }
}

/// A token bucket that slows down when the platform throttles and recovers slowly. Pure.
///
/// Invariants:
/// 1. Whoever takes a token that is not there yet is told how long to wait, in order of asking.
/// 2. The rate never exceeds the one given, and never falls below a twentieth of it.
/// 3. Throttled calls that were under way together slow it down once: they tell of the same second.
public struct TokenBucket: Sendable {
  private let given: Rate
  private var perSecond: Double
  private var tokens: Double
  private var filled: Timestamp
  private var slowed: Timestamp?

  public init(_ rate: Rate, at time: Timestamp) {
    given = rate
    perSecond = rate.perSecond
    tokens = rate.burst
    filled = time
  }

  /// Takes a token; the result is how long to wait before using it.
  public mutating func take(at time: Timestamp) -> Duration {
    fill(at: time)
    tokens -= 1
    return tokens >= 0 ? .zero : .milliseconds(Int64((-tokens / perSecond * 1000).rounded(.up)))
  }

  /// The platform throttled: half the rate, and nothing at once.
  public mutating func throttled(at time: Timestamp) {
    fill(at: time)
    if let slowed, time - slowed < .seconds(1) { return }
    slowed = time
    perSecond = max(perSecond / 2, given.perSecond / 20)
    tokens = min(tokens, 0)
  }

  /// The platform answered: a fiftieth of the rate comes back.
  public mutating func answered() {
    perSecond = min(given.perSecond, perSecond + given.perSecond / 50)
  }

  private mutating func fill(at time: Timestamp) {
    let elapsed = Double(max(0, time.milliseconds - filled.milliseconds)) / 1000
    tokens = min(given.burst, tokens + elapsed * perSecond)
    filled = max(filled, time)
  }
}

/// Token buckets by key, for one attempt, and so for one account: a scope has one run at a time.
///
/// Collections share a bucket fairly: each has one call under way, and turns are given in the order
/// of asking, so none gets a second turn while another waits for its first.
final class RateLimiter: Sendable {
  private let surroundings: Surroundings
  private let buckets = Mutex<[String: TokenBucket]>([:])

  init(_ surroundings: Surroundings) {
    self.surroundings = surroundings
  }

  /// Waits for the key's turn.
  func wait(for key: String, rate: Rate) async throws {
    let now = surroundings.now()
    let pause = buckets.withLock { buckets in
      buckets[key, default: TokenBucket(rate, at: now)].take(at: now)
    }
    if pause > .zero { try await surroundings.sleep(pause) }
  }

  func throttled(_ key: String) {
    let now = surroundings.now()
    buckets.withLock { $0[key]?.throttled(at: now) }
  }

  func answered(_ key: String) { buckets.withLock { $0[key]?.answered() } }
}
