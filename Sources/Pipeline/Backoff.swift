/// Pauses between tries of the same thing: doubling from `first` to `longest`.
///
/// Without jitter on purpose: a worker's loops repeat against its own broker and database, which a
/// handful of processes cannot stampede; platform APIs have a policy of their own in `Extraction`.
public struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var following: Duration

  public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(10)) {
    self.first = first
    self.longest = longest
    following = first
  }

  public mutating func next() -> Duration {
    defer { following = min(following * 2, longest) }
    return following
  }

  public mutating func reset() { following = first }
}
