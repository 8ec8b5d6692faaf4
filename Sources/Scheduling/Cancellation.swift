public import Model
public import PostgresClient
internal import Schema

/// Ends the runs of a scan that nobody has finished reading.
public struct Cancellation: Sendable {
  private let store: Store
  private let now: @Sendable () -> Timestamp

  public init(pool: PostgresPool, now: @escaping @Sendable () -> Timestamp) {
    store = Store(pool: pool)
    self.now = now
  }

  /// Cancels the queued, dispatched and leased runs of a scan; what is extracted is applied.
  ///
  /// An extractor at work is not told: it reads to its end, and the loader ignores what it sends.
  /// - Returns: the scopes whose runs were cancelled, in order; `nil` when there is no such scan.
  /// - Throws: `SchedulingError`.
  public func cancel(scan: String, tenant: String, by who: String) async throws -> [String]? {
    let at = now()
    let values: [PostgresValue] = [.text(tenant), .text(scan)]
    let found = try await store.transaction(.tenant(tenant, readOnly: true)) { transaction in
      let scans = try await transaction.query(
        "SELECT FROM sv0.scans WHERE tenant = $1 AND scan = $2", values)
      let runs = try await transaction.query(
        "SELECT run, scope FROM sv0.runs WHERE tenant = $1 AND scan = $2 ORDER BY scope", values)
      return (
        isKnown: !scans.isEmpty,
        runs: try runs.map { (run: try $0.string("run"), scope: try $0.string("scope")) }
      )
    }
    guard found.isKnown else { return nil }
    var cancelled: [String] = []
    for (run, scope) in found.runs {
      var action = RunMachine.Action.ignore
      try await store.change(run: run, of: tenant, at: at) { stored, _ in
        action = stored.machine.handle(
          .cancelled(reason: "cancelled by \(who)"), at: at, limits: SchedulingLimits())
        return action
      }
      if action != .ignore { cancelled.append(scope) }
    }
    return cancelled
  }
}
