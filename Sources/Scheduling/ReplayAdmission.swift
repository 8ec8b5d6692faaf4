package import Model

/// Decides whether a scope's records may be emitted again, and as which run. Pure, but for the ids.
///
/// Invariants:
/// 1. While a run of the scope may still be applied there is no replay: what it read is newer than
///    what would be emitted again, and would be overwritten by it.
/// 2. The run is leased to whoever replays from the beginning, and its first lost lease is its
///    last: no extractor is ever given it.
/// 3. A replay has an epoch of its own, newer than every other of the scope.
package struct ReplayAdmission: Sendable {
  package let scope: Scope
  private let requestedBy: String
  private let rawPartitions: Int32
  private let limits: SchedulingLimits
  private let makeID: @Sendable (Timestamp) throws -> ULID

  package enum Result: Sendable, Equatable {
    case admitted(Replay)
    case refused(String)
  }

  package enum Decision: Sendable, Equatable {
    /// The scan and the run to store; `last_epoch` of the scope becomes the replay's epoch.
    case admit(NewScan, NewRun, Replay)
    case refuse(String)
  }

  package init(
    scope: Scope, requestedBy: String, rawPartitions: Int32, limits: SchedulingLimits,
    makeID: @escaping @Sendable (Timestamp) throws -> ULID
  ) {
    self.scope = scope
    self.requestedBy = requestedBy
    self.rawPartitions = rawPartitions
    self.limits = limits
    self.makeID = makeID
  }

  /// - Parameters:
  ///   - lastEpoch: `nil` when there is no such scope.
  ///   - unapplied: its run that is queued, dispatched, leased or extracted.
  ///   - collections: what was applied of it, in the order of the names.
  package func decide(
    lastEpoch: Int64?, unapplied: StoredRun?, collections: [AppliedCollection], at now: Timestamp
  ) throws -> Decision {
    guard let lastEpoch else { return .refuse("scope \(scope) was never scanned") }
    if let run = unapplied {
      return .refuse(
        "run \(run.run) of scope \(scope) is \(run.machine.state.rawValue), and may bring newer "
          + "records: wait until it is applied, or cancel its scan \(run.scan)")
    }
    guard !collections.isEmpty else {
      return .refuse("no collection of scope \(scope) was ever applied: scan it instead")
    }
    let id = try makeID(now).description
    let request = ScanRequest(
      tenant: scope.tenant, connection: scope.connection, scopes: [scope.account],
      reason: "replay of the records that were last applied", requestedBy: requestedBy)
    let scan = NewScan(
      scan: id, source: "sv0://\(scope.tenant)/replay", requestID: id, request: request,
      refusal: nil, scopes: [scope.description], at: now)
    let machine = RunMachine(
      state: .leased, attempt: 1, failures: max(0, limits.attempts - 1), isHeard: true,
      leaseUntil: now + limits.lease, records: 0, calls: 0, reason: nil)
    let run = StoredRun(
      tenant: scope.tenant, run: try makeID(now).description, scan: id,
      scope: scope.description, epoch: lastEpoch + 1, machine: machine)
    let replay = Replay(
      scan: id, run: run.run, epoch: run.epoch, attempt: machine.attempt, scope: scope,
      rawPartition: partition(ofKey: scope.description, among: rawPartitions),
      collections: collections)
    return .admit(scan, NewRun(run: run, priority: request.priority, at: now), replay)
  }
}
