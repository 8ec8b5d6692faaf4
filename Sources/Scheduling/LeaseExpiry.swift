public import Model
public import PostgresClient
internal import Schema

/// Takes runs back from attempts that fell silent, and fails what was never applied.
///
/// Each run is changed in a transaction of its own, after its lease was read again under the lock:
/// a heartbeat that came in between wins.
public struct LeaseExpiry: Sendable {
  private let store: Store
  private let limits: SchedulingLimits
  private let now: @Sendable () -> Timestamp
  private let notBefore: Timestamp
  private static let batch = 100

  /// Waits for one lease first: what extractors said while no scheduler ran must be read before
  /// anybody is called silent.
  public init(
    pool: PostgresPool, limits: SchedulingLimits = SchedulingLimits(),
    now: @escaping @Sendable () -> Timestamp
  ) {
    store = Store(pool: pool)
    self.limits = limits
    self.now = now
    notBefore = now() + limits.lease
  }

  /// One turn; returns whether there may be more to do right now.
  public func turn() async throws -> Bool {
    let at = now()
    guard at >= notBefore else { return false }
    let silent = try await store.transaction(.queue) { transaction in
      try await transaction.query(
        """
        SELECT tenant, run FROM sv0.runs WHERE lease_until <= $1
        ORDER BY lease_until, tenant, run LIMIT $2
        """, [.timestamp(at), .int8(Int64(Self.batch))]
      ).map { row in (tenant: try row.string("tenant"), run: try row.string("run")) }
    }
    for (tenant, run) in silent {
      let state = try await store.change(run: run, of: tenant, at: at) { stored, _ in
        stored.machine.handle(.timePassed, at: at, limits: limits)
      }
      tally("sv0_leases_expired_total", ("then", state?.rawValue ?? "gone"))
    }
    return silent.count == Self.batch
  }
}
