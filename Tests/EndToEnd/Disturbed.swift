import Testing

extension EndToEnd {
  /// Real processes, killed, stopped, cut off in the middle of their work. What they leave is
  /// compared with what undisturbed processes leave, row by row (`Picture`).
  ///
  /// Each test has a tenant of its own and scans three accounts twice, in two states. It leaves the
  /// workers running.
  @Suite(.estate) enum Disturbed {}
}

extension EndToEnd.Disturbed {
  /// One process of each worker. Every test leaves six of them running.
  @Suite(.separateWorkers("singles")) enum Singles {}

  /// Two processes of each worker of which one alone could do the work.
  @Suite(
    .separateWorkers(
      "pairs",
      [
        "scheduler", "scheduler-b", "extractor", "extractor-b", "transformer", "loader", "loader-b",
        "evaluator", "evaluator-b", "notifier",
      ]))
  enum Pairs {}
}

/// A stream of numbers that a seed determines.
/// Source: Sebastiano Vigna's public domain splitmix64.c.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
