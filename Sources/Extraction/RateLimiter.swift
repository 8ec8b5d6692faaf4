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

  /// Takes a token if it is there.
  public mutating func takeAtOnce(at time: Timestamp) -> Bool {
    fill(at: time)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
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

/// Token buckets by key: of one attempt, and so of one account, as a scope has one run at a time; or
/// of what all attempts of a worker share.
///
/// Collections share a bucket fairly, however many calls each wants to make: where calls have to
/// wait, of each collection one waits for the bucket at a time, the others behind it, and turns are
/// given in the order of asking. So none gets a second turn while another waits for its first.
public final class RateLimiter: Sendable {
  private struct Line: Hashable {
    var key: String
    var claimant: ObjectIdentifier?
  }

  private struct State {
    var buckets: [String: TokenBucket] = [:]
    var lines: [Line: Slots] = [:]

    /// The line to wait in; `nil` where the token is there.
    mutating func take(_ line: Line, _ rate: Rate, at now: Timestamp) -> Slots? {
      if buckets[line.key, default: TokenBucket(rate, at: now)].takeAtOnce(at: now) { return nil }
      let place = lines[line] ?? Slots(1)
      lines[line] = place
      return place
    }
  }

  private let surroundings: Surroundings
  private let state = Mutex(State())

  public init(_ surroundings: Surroundings) {
    self.surroundings = surroundings
  }

  /// Waits for the key's turn.
  ///
  /// - Parameter claimant: who shares the bucket with others.
  func wait(for key: String, rate: Rate, by claimant: ObjectIdentifier?) async throws {
    let line = Line(key: key, claimant: claimant)
    let asked = surroundings.now()
    guard let place = state.withLock({ $0.take(line, rate, at: asked) }) else { return }
    try await place.reserve(1)
    defer { place.release() }
    let now = surroundings.now()
    let pause = state.withLock { state in
      state.buckets[key, default: TokenBucket(rate, at: now)].take(at: now)
    }
    if pause > .zero { try await surroundings.sleep(pause) }
  }

  func throttled(_ key: String) {
    let now = surroundings.now()
    state.withLock { $0.buckets[key]?.throttled(at: now) }
  }

  func answered(_ key: String) { state.withLock { $0.buckets[key]?.answered() } }
}
