/// How often, and how far apart, one call is repeated.
///
/// Source: botocore's standard mode: the pause is a random part of 1, 2, 4 … s up to 20 s. With
/// more attempts than botocore's three, because nobody waits at a terminal, and a time budget.
public struct RetryPolicy: Sendable, Equatable {
  public var maximumAttempts: Int
  /// The longest pause that the policy itself makes.
  public var longestPause: Duration
  /// The longest pause that a server may ask for; more is cut to it.
  public var longestRetryAfter: Duration
  /// For one call, all pauses together with the attempts.
  public var budget: Duration

  public init(
    maximumAttempts: Int = 8, longestPause: Duration = .seconds(20),
    longestRetryAfter: Duration = .seconds(60), budget: Duration = .seconds(300)
  ) {
    self.maximumAttempts = maximumAttempts
    self.longestPause = longestPause
    self.longestRetryAfter = longestRetryAfter
    self.budget = budget
  }

  /// How long to wait before the next attempt; `nil` to give up.
  ///
  /// - Parameters:
  ///   - attempt: how many have failed, from 1.
  ///   - spent: since the first attempt began.
  ///   - retryAfter: what the server asked for; never waited less, up to the limit.
  ///   - random: from 0 to 1.
  public func pause(
    after attempt: Int, spent: Duration, retryAfter: Duration? = nil, random: Double
  ) -> Duration? {
    guard attempt < maximumAttempts else { return nil }
    let doubled = Duration.seconds(1 << min(attempt - 1, 10))
    var pause = min(doubled, longestPause) * random
    if let retryAfter { pause = max(pause, min(retryAfter, longestRetryAfter)) }
    return spent + pause > budget ? nil : pause
  }
}
