package import Model
internal import Pipeline

/// Decides what becomes of a queued run whose turn it is. Pure.
///
/// Invariants:
/// 1. At most `limits.inFlight` runs of the platform are dispatched or leased, and of a tenant at
///    most `limits.inFlightPerTenant`.
/// 2. A run whose connection no longer lists the account, or no longer exists, is cancelled.
/// 3. A message holds the tokens of those collections only that it asks for.
package struct Dispatching: Sendable {
  package let platform: Platform
  private let rawPartitions: Int32
  private let knownCollections: [OfferedCollection]
  private let limits: SchedulingLimits
  /// Runs that one transaction dispatches at most.
  package static let batch = 100
  /// What the topic takes: Kafka's own limit, less what a record has around its value.
  static let messageBytes = 1_000_000

  package init(
    platform: Platform, rawPartitions: Int32, knownCollections: [OfferedCollection],
    limits: SchedulingLimits
  ) {
    self.platform = platform
    self.rawPartitions = rawPartitions
    self.knownCollections = knownCollections
    self.limits = limits
  }

  /// How many runs of one tenant may be in flight.
  package var roomPerTenant: Int { limits.inFlightPerTenant }

  /// How many runs may be dispatched now.
  package func room(inFlight: Int) -> Int {
    min(max(0, limits.inFlight - inFlight), Self.batch)
  }

  package func decide(_ queued: QueuedRun, at now: Timestamp) -> DispatchDecision {
    var run = queued.run
    do throws(Refusal) {
      let action = run.machine.handle(.dispatched, at: now, limits: limits)
      guard action > .ignore else { return DispatchDecision(run: run, action: action) }
      let value = try order(for: run, queued, at: now).json.bytes
      guard value.count <= Self.messageBytes else {
        throw Refusal(
          "its dispatch would have \(value.count) bytes, and \(Self.messageBytes) are allowed; "
            + "shorten the connection's settings")
      }
      return DispatchDecision(
        run: run, action: action,
        message: OutgoingMessage(
          topic: Topic.scanDispatch(platform), key: Array(run.dispatchKey.utf8), value: value))
    } catch {
      run = queued.run
      let event = RunMachine.Event.cancelled(reason: error.reason)
      let action = run.machine.handle(event, at: now, limits: limits)
      return DispatchDecision(run: run, action: action)
    }
  }

  /// What the connection says now, which may be something else than when the run was admitted.
  private func order(
    for run: StoredRun, _ queued: QueuedRun, at now: Timestamp
  ) throws(Refusal) -> Dispatch {
    guard let scope = Scope(run.scope), let document = queued.document else {
      throw Refusal("the connection of \(run.scope) no longer exists")
    }
    let connection = try ConnectionDocument(stored: document, of: scope.connection)
    let (settings, credentials) = connection.dispatch(
      for: try connection.account(scope.account))
    let collections = try connection.collections.patterns(
      asked: request(queued).collections, known: knownCollections)
    return Dispatch(
      scan: run.scan, run: run.run, epoch: run.epoch, attempt: run.machine.attempt, scope: scope,
      settings: settings, credentials: credentials, collections: collections,
      tokens: queued.tokens.filter { CollectionChoice.includes($0.key, in: collections) },
      rawPartition: partition(ofKey: run.scope, among: rawPartitions),
      expires: now + limits.lease)
  }

  private func request(_ queued: QueuedRun) throws(Refusal) -> ScanRequest {
    do throws(BadMessage) {
      return try ScanRequest(reading: queued.request)
    } catch {
      throw Refusal("the stored request cannot be used by this version; request the scan again")
    }
  }
}

/// A queued run, and what deciding about it needs.
package struct QueuedRun: Sendable {
  package var run: StoredRun
  /// The scan's request as JSON.
  package var request: [UInt8]
  /// The connection as stored; `nil` when it is gone.
  package var document: String?
  /// Every token stored for the scope, by collection. May let its holder read: never logged.
  package var tokens: [String: String]

  package init(
    run: StoredRun, request: [UInt8], document: String?, tokens: [String: String]
  ) {
    self.run = run
    self.request = request
    self.document = document
    self.tokens = tokens
  }
}

/// What is stored of a run whose turn it was.
package struct DispatchDecision: Sendable {
  package var run: StoredRun
  package var action: RunMachine.Action
  /// Put into the outbox; `nil` when the run is cancelled.
  package var message: OutgoingMessage?
}
