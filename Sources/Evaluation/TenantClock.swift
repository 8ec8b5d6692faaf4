// When a tenant is evaluated. The loader and the scheduler say `changed`, evaluators say `record`;
// both under a lock of the tenant's row, so transitions of one tenant follow one another.
//
// Invariants:
// 1. A tenant is due only if `graphVersion > evaluatedVersion` or a threshold of time has passed.
// 2. A change is evaluated once nothing followed it for `quiet`, but no later than `maximumDelay`
//    after the first change that no evaluation covers. A threshold waits for nothing.
// 3. A result counts only if the clock it was made from still stands; of evaluations that began
//    from the same clock, one counts.
// 4. Both versions only grow, and `evaluatedVersion` is at most `graphVersion`.
// 5. A change that arrives during an evaluation is not covered by it: the tenant stays changed, and
//    waits from the evaluation's beginning, which is before that change.
// 6. A threshold that was recorded is after the time of its evaluation, so time alone never makes a
//    tenant due twice.
//
//             ┌────────changed────────┐
//             ▼                       │
//   covered ──changed──► changed ──record, no change since it was read──► covered
//      │                    ▲
//      │                    └──record, changed since it was read── changed
//      └──threshold passed, record──► covered
public import Model

/// When a tenant was changed and when it was evaluated, as its row says.
public struct TenantClock: Sendable, Hashable {
  public var tenant: String
  public var graphVersion: Int64
  public var evaluatedVersion: Int64
  /// The first and the last change that no evaluation has covered.
  public var firstChangedAt: Timestamp?
  public var lastChangedAt: Timestamp?
  /// When time alone makes it due.
  public var nextDueAt: Timestamp?

  public init(
    tenant: String, graphVersion: Int64, evaluatedVersion: Int64, firstChangedAt: Timestamp?,
    lastChangedAt: Timestamp?, nextDueAt: Timestamp?
  ) {
    self.tenant = tenant
    self.graphVersion = graphVersion
    self.evaluatedVersion = evaluatedVersion
    self.firstChangedAt = firstChangedAt
    self.lastChangedAt = lastChangedAt
    self.nextDueAt = nextDueAt
  }

  /// Whether to evaluate now: a change has been quiet for `quiet`, or is `maximumDelay` old; or a
  /// threshold of the clock has passed.
  public func isDue(at now: Timestamp, quiet: Duration, maximumDelay: Duration) -> Bool {
    if let nextDueAt, nextDueAt <= now { return true }
    guard graphVersion > evaluatedVersion else { return false }
    guard let firstChangedAt, let lastChangedAt else { return true }
    return now - lastChangedAt >= quiet || now - firstChangedAt >= maximumDelay
  }

  /// A new version of the graph; returns its number.
  package mutating func changed(at now: Timestamp) -> Int64 {
    graphVersion += 1
    firstChangedAt = firstChangedAt ?? now
    lastChangedAt = now
    return graphVersion
  }

  /// Takes an evaluation's result; false, and nothing changes, if it was not made from this clock
  /// and changes of the graph alone.
  package mutating func record(_ result: EvaluationResult) -> Bool {
    // The version alone does not tell two evaluations apart that time has caused.
    guard evaluatedVersion == result.clock.evaluatedVersion, nextDueAt == result.clock.nextDueAt
    else { return false }
    evaluatedVersion = result.clock.graphVersion
    nextDueAt = result.nextDueAt
    if graphVersion > evaluatedVersion {
      firstChangedAt = lastChangedAt.map { min($0, result.at) }
    } else {
      firstChangedAt = nil
      lastChangedAt = nil
    }
    return true
  }
}
