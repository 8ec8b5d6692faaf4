internal import Model
internal import Pipeline

/// Whose turn it is when several tenants are due, and who waits because it failed.
///
/// Invariants:
/// 1. Who was tried least recently is tried first, so that none waits for another's failures.
/// 2. A tenant whose failure may pass is left alone for a pause that doubles with every failure in a
///    row, whatever happens to others.
/// 3. A tenant that cannot be evaluated as it is is left alone until its graph has another version.
struct TenantTurns {
  private struct Standing {
    var triedAt: Timestamp?
    var backoff = Backoff(first: .seconds(1), longest: .seconds(60))
    var waitsUntil: Timestamp?
    var brokenVersion: Int64?
  }

  private var standings: [String: Standing] = [:]

  /// Those of the due tenants that may be tried, in their order. Whoever has no clock is forgotten.
  mutating func order(_ clocks: [TenantClock], at now: Timestamp, isDue: (TenantClock) -> Bool)
    -> [TenantClock]
  {
    let known = Set(clocks.map(\.tenant))
    standings = standings.filter { known.contains($0.key) }
    return clocks.filter { clock in
      let standing = standings[clock.tenant]
      return isDue(clock) && standing?.brokenVersion != clock.graphVersion
        && standing?.waitsUntil.map { $0 <= now } ?? true
    }.sorted { left, right in
      switch (standings[left.tenant]?.triedAt, standings[right.tenant]?.triedAt) {
      case (let one?, let other?) where one != other: one < other
      case (nil, _?): true
      case (_?, nil): false
      default: left.tenant.precedes(right.tenant)
      }
    }
  }

  mutating func succeeded(_ tenant: String, at now: Timestamp) {
    standings[tenant] = Standing(triedAt: now)
  }

  /// - Returns: for how long it is left alone.
  mutating func failed(_ tenant: String, at now: Timestamp) -> Duration {
    var standing = standings[tenant] ?? Standing()
    let pause = standing.backoff.next()
    standing.triedAt = now
    standing.waitsUntil = now + pause
    standings[tenant] = standing
    return pause
  }

  mutating func broke(_ clock: TenantClock, at now: Timestamp) {
    standings[clock.tenant] = Standing(triedAt: now, brokenVersion: clock.graphVersion)
  }
}
