public import Model
public import PostgresClient

/// Lets a tool emit the records of a scope again, as an attempt of a run of its own (`sv0 replay`).
///
/// The tool does what an extractor does with a dispatch, out of the raw topic: it publishes
/// `scan.started`, the records of each collection from where they were last applied, the ends, and
/// `scan.ended`, all with the run, epoch and attempt that `begin` gave. While it works it renews the
/// lease; then it says that all was extracted, or why it gives up. A tool that dies loses the lease,
/// and the run fails.
///
/// ```swift
/// let replay = try await scopeReplay.begin(scope, by: "ann")
/// for collection in replay.collections {
///   guard try await scopeReplay.renew(replay) else { return }  // cancelled, or too late
///   …
/// }
/// try await scopeReplay.extracted(replay, records: sent)
/// ```
public struct ScopeReplay: Sendable {
  private let store: any QueueStore
  private let rawPartitions: Int32
  private let limits: SchedulingLimits
  private let makeID: @Sendable (Timestamp) throws -> ULID
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - rawPartitions: how many the platform's raw topic has.
  ///   - limits: those of the schedulers.
  public init(
    pool: PostgresPool, rawPartitions: Int32, limits: SchedulingLimits = SchedulingLimits(),
    makeID: @escaping @Sendable (Timestamp) throws -> ULID,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresQueueStore(pool: pool), rawPartitions: rawPartitions, limits: limits,
      makeID: makeID, now: now)
  }

  package init(
    store: any QueueStore, rawPartitions: Int32, limits: SchedulingLimits,
    makeID: @escaping @Sendable (Timestamp) throws -> ULID,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.rawPartitions = rawPartitions
    self.limits = limits
    self.makeID = makeID
    self.now = now
  }

  /// Allocates a run and an epoch for the replay, leased for `SchedulingLimits.lease`.
  ///
  /// - Throws: `SchedulingError`, of kind `refused` when a run of the scope is not applied yet (it
  ///   says which), or there is nothing to replay.
  public func begin(_ scope: Scope, by person: String) async throws -> Replay {
    let admission = ReplayAdmission(
      scope: scope, requestedBy: person, rawPartitions: rawPartitions, limits: limits,
      makeID: makeID)
    switch try await store.admit(admission, at: now()) {
    case .admitted(let replay): return replay
    case .refused(let why): throw SchedulingError(.refused, why, isRetriable: false)
    }
  }

  /// Keeps the lease for another `SchedulingLimits.lease`.
  ///
  /// - Returns: `false` when the run was cancelled or failed: nothing that is sent from now on counts.
  public func renew(_ replay: Replay, records: Int64 = 0) async throws -> Bool {
    try await tell(replay, .heartbeat, records: records) == .leased
  }

  /// Says that everything was acknowledged, `scan.ended` included: the loader's turn.
  ///
  /// - Returns: `false` when the run was cancelled or failed.
  @discardableResult
  public func extracted(_ replay: Replay, records: Int64) async throws -> Bool {
    let ended = Progress.Phase.ended(outcome: .complete, message: nil)
    switch try await tell(replay, ended, records: records) {
    // The loader may have been faster.
    case .extracted, .applied, .evaluated: return true
    case .queued, .dispatched, .leased, .failed, .skipped, .cancelled, nil: return false
    }
  }

  /// Gives up: the run is cancelled, and what is known of the scope stays as it is.
  ///
  /// - Returns: `false` when the run had ended already.
  @discardableResult
  public func abandon(_ replay: Replay, because reason: String) async throws -> Bool {
    let at = now()
    let changed = try await store.change(replay.key, at: at) { [limits] stored in
      RunChange(
        stored.machine.handle(
          .cancelled(reason: "the replay was given up: \(reason)"), at: at, limits: limits))
    }
    return changed?.action ?? .ignore > .ignore
  }

  private func tell(
    _ replay: Replay, _ phase: Progress.Phase, records: Int64
  ) async throws -> RunState? {
    let at = now()
    let progress = Progress(
      run: replay.run, attempt: replay.attempt, phase: phase, records: records, calls: 0, at: at)
    return try await store.change(replay.key, at: at) { [limits] stored in
      RunChange(stored.machine.handle(.progress(progress), at: at, limits: limits))
    }?.run.machine.state
  }
}

/// A run whose records a tool emits again.
public struct Replay: Sendable, Equatable {
  public let scan: String
  public let run: String
  public let epoch: Int64
  public let attempt: Int
  public let scope: Scope
  /// The partition of the raw topic that the replay writes to.
  public let rawPartition: Int32
  /// What was applied of the scope, in the order of the names.
  public let collections: [AppliedCollection]

  var key: RunKey { RunKey(tenant: scope.tenant, run: run) }
}

/// A collection, and where the raw records are that it was last applied from.
public struct AppliedCollection: Sendable, Equatable {
  public let collection: String
  /// The attempt that it was last applied from.
  public let run: String
  public let attempt: Int
  public let epoch: Int64
  /// How that attempt's listing was applied.
  public let outcome: Outcome
  public let kind: CollectionKind
  public let records: Int64
  /// Where the next listing may continue. Never logged.
  public let token: String?
  /// `nil` when there were no records, or nobody recorded where they are.
  public let raw: RawRange?

  package init(
    collection: String, run: String, attempt: Int, epoch: Int64, outcome: Outcome,
    kind: CollectionKind, records: Int64, token: String?, raw: RawRange?
  ) {
    self.collection = collection
    self.run = run
    self.attempt = attempt
    self.epoch = epoch
    self.outcome = outcome
    self.kind = kind
    self.records = records
    self.token = token
    self.raw = raw
  }
}

/// Offsets of a partition of a raw topic; others' records may lie between.
public struct RawRange: Sendable, Equatable {
  public let partition: Int32
  public let offsets: ClosedRange<Int64>

  package init(partition: Int32, offsets: ClosedRange<Int64>) {
    self.partition = partition
    self.offsets = offsets
  }
}
