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
}
