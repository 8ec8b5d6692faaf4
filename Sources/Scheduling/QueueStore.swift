package import Model

/// The queue's database: one method is one transaction, which happens as a whole or not at all.
///
/// A store decides nothing: what a transaction reads it gives to a pure value (`Admission`,
/// `Dispatching`, `RunMachine` through `change`, `ReplayAdmission`), and writes what that answers.
/// `PostgresQueueStore` is the real one, the simulator has another.
///
/// What holds in every implementation:
/// 1. A run is read under its lock, and decided about and written before that is let go.
/// 2. A scope is locked before its runs, several scopes in the order of their keys.
/// 3. A method may be called again with the same arguments after any error: `SchedulingError` with
///    `isRetriable` says that calling again can help, also where the first call took effect.
/// 4. What the deciding value throws ends the transaction with nothing written, and is thrown on.
///
/// Writing a run means all that its machine says, `changedAt` and a `version` that is one greater,
/// unless an action says less.
package protocol QueueStore: Sendable {
  /// Makes the tenant if it is new, and stores the connection in the place of one of its name.
  func store(_ connection: ConnectionDocument, at now: Timestamp) async throws

  /// The connections with a `schedule`, of all tenants in the order of tenant and name, each with
  /// its document as stored.
  func scheduledConnections() async throws -> [(FairOrder.Connection, document: String)]

  /// Stores a scan, and for an accepted one the next epoch and a run of each scope.
  ///
  /// Reads the connection's document as stored, the scopes' last epochs (0 for a new scope), and the
  /// run of each that is queued, dispatched or leased. Scopes of the connection that are not `listed`
  /// are marked with the time of that, once; those of the scan are not marked. A request of the same tenant, source and id
  /// is `repeated` and changes nothing.
  func admit(
    _ request: IdentifiedRequest, by admission: Admission, at now: Timestamp
  ) async throws -> Admission.Result

  /// Dispatches queued runs of a platform, first by `FairOrder`, as many as there is room for.
  ///
  /// Each chosen run is decided about with what its scan asked for, its connection's document and
  /// the tokens of its scope's collections, all as of now. Stores the run and its message together.
  /// - Returns: the chosen runs in the order in which their messages are; none while another process
  ///   dispatches for the platform.
  func dispatch(_ dispatching: Dispatching, at now: Timestamp) async throws -> [RunKey]

  /// The runs whose lease ends by now, those that end first in front.
  func silentRuns(at now: Timestamp, limit: Int) async throws -> [RunKey]

  /// Changes a run as `decide` says, after what `RunChange` says.
  ///
  /// - Returns: `nil` when the tenant has no such run; `decide` was not called.
  func change(
    _ run: RunKey, at now: Timestamp,
    _ decide: @escaping @Sendable (inout StoredRun) throws -> RunChange
  ) async throws -> ChangedRun?

  /// A scan's runs in the order of their scopes; `nil` when the tenant has no such scan.
  func runs(ofScan scan: String, tenant: String) async throws -> [StoredRun]?

  /// The oldest messages of some topics: as many as hold no more than `limit` says, at least one.
  ///
  /// Takes the lease first, or renews it (`RelayLease.mayTake`).
  /// - Returns: `nil` when another process has the lease.
  func outbox(
    of topics: [String], upTo limit: OutboxLimit, under lease: RelayLease, at now: Timestamp
  ) async throws -> [OutboxEntry]?

  /// Deletes messages that were acknowledged; those that are gone already are no error.
  func deleteOutbox(_ ids: [Int64]) async throws

  /// Renews a lease that this holder still has.
  ///
  /// - Returns: `false` when another holder has taken it since, even if that one's has ended.
  func renew(_ lease: RelayLease, at now: Timestamp) async throws -> Bool

  /// Runs whose version is not published, those that changed first in front, with what the newest
  /// attempt's collections came to in the order of their names. Takes or renews the lease.
  ///
  /// - Returns: `nil` when another process has the lease.
  func unpublishedRuns(
    limit: Int, under lease: RelayLease, at now: Timestamp
  ) async throws -> [RunStatus]?

  /// Records what was published: the published version of a run only grows.
  ///
  /// If another holder has taken the lease since, a newer version may have been published before
  /// what was sent here. Then the runs' versions are raised instead, with nothing else changed: the
  /// present holder publishes them once more, after both.
  /// - Returns: whether the lease was kept.
  func markPublished(
    _ runs: [PublishedRun], under lease: RelayLease, at now: Timestamp
  ) async throws -> Bool

  /// Stores the scan and run of a replay, unless it is refused.
  ///
  /// Reads, under the scope's lock: its last epoch (`nil` when there is no such scope), its run
  /// that is not applied yet (queued, dispatched, leased or extracted; the oldest of several), and
  /// its collections that were ever applied, in the order of their names.
  func admit(_ replay: ReplayAdmission, at now: Timestamp) async throws -> ReplayAdmission.Result

  /// Where what a collection was last applied from came from; `nil` when the collection is known no
  /// longer.
  func origin(of collection: AppliedCollection, in scope: Scope) async throws -> AppliedOrigin?
}

/// What names a run.
package struct RunKey: Sendable, Hashable {
  package let tenant: String
  package let run: String

  package init(tenant: String, run: String) {
    self.tenant = tenant
    self.run = run
  }
}

/// What is to be written about a run that is there.
package struct RunChange: Sendable, Equatable {
  package var action: RunMachine.Action
  /// In order. Each takes the place of what is known of its collection; if any of them says
  /// something new, the action is at least `store`.
  package var collections: [CollectionReport]

  package init(_ action: RunMachine.Action, collections: [CollectionReport] = []) {
    self.action = action
    self.collections = collections
  }
}

/// A run after `QueueStore.change`.
package struct ChangedRun: Sendable, Equatable {
  package let run: StoredRun
  /// As decided, before collections may have raised it.
  package let action: RunMachine.Action

  package init(run: StoredRun, action: RunMachine.Action) {
    self.run = run
    self.action = action
  }
}

/// What an attempt said about one of its collections.
package struct CollectionReport: Sendable, Equatable {
  package var collection: String
  package var attempt: Int
  package var outcome: Outcome
  package var records: Int64
  package var missing: [String]
  package var message: String?

  package init(
    collection: String, attempt: Int, outcome: Outcome, records: Int64, missing: [String],
    message: String?
  ) {
    self.collection = collection
    self.attempt = attempt
    self.outcome = outcome
    self.records = records
    self.missing = missing
    self.message = message
  }
}

/// Of what was last applied of a collection: when the platform was known to be so, and the requests
/// that said it, as the message of the collection's end has them.
package struct AppliedOrigin: Sendable, Equatable {
  package var knownAt: Timestamp
  package var calls: JSON

  package init(knownAt: Timestamp, calls: JSON) {
    self.knownAt = knownAt
    self.calls = calls
  }
}

/// How much of an outbox one turn takes.
package struct OutboxLimit: Sendable, Equatable {
  package var messages: Int
  /// Of values, in all.
  package var bytes: Int

  package init(messages: Int, bytes: Int) {
    self.messages = messages
    self.bytes = bytes
  }
}

/// A message that a transaction promised.
package struct OutboxEntry: Sendable, Equatable {
  /// Grows in the order in which messages were promised.
  package var id: Int64
  package var tenant: String
  package var message: OutgoingMessage

  package init(id: Int64, tenant: String, message: OutgoingMessage) {
    self.id = id
    self.tenant = tenant
    self.message = message
  }
}

/// A run as `StatusRelay` publishes it.
package struct RunStatus: Sendable, Equatable {
  package var run: StoredRun
  package var priority: Priority
  package var version: Int64
  package var requestedAt: Timestamp
  package var changedAt: Timestamp
  package var collections: [CollectionReport]

  package init(
    run: StoredRun, priority: Priority, version: Int64, requestedAt: Timestamp,
    changedAt: Timestamp, collections: [CollectionReport]
  ) {
    self.run = run
    self.priority = priority
    self.version = version
    self.requestedAt = requestedAt
    self.changedAt = changedAt
    self.collections = collections
  }
}

/// A version of a run that the broker has acknowledged.
package struct PublishedRun: Sendable, Equatable {
  package var run: RunKey
  package var version: Int64

  package init(run: RunKey, version: Int64) {
    self.run = run
    self.version = version
  }
}
