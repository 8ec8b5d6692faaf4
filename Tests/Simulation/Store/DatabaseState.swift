internal import Evaluation
internal import Loading
internal import Model
internal import Scheduling

/// All that the database holds, as a value: a copy of it is a snapshot, and putting the copy back
/// is a rollback.
///
/// Invariants:
/// 1. What is here is what the migrations declare, less what only makes Postgres fast.
/// 2. A method that is `mutating` is the body of one transaction. It may stop in the middle by
///    throwing: then its copy of the state is thrown away.
/// 3. Every choice that the product makes in a pure value is made by that value here, too
///    (`RunMachine`, `CollectionPlan`, `TenantClock`, `OpenAttempt`, …): only what Postgres does
///    in sets is written a second time, slowly and plainly.
package struct DatabaseState: Sendable {
  var tenants = Table<String, TenantClock>()
  var connections = Table<ConnectionKey, ConnectionRow>()
  var scans = Table<ScanKey, NewScan>()
  /// The last epoch of each scope.
  var scopes = Table<String, Int64>()
  /// Since when a scope is not among its connection's accounts.
  var unlisted = Table<String, Timestamp>()
  var runs = Table<RunKey, RunRecord>()
  var runCollections = Table<RunCollectionKey, CollectionReport>()

  var collections = Table<CollectionKey, CollectionRow>()
  /// Sequences, of objects whose records could not all be read.
  var newestRecords = Table<ObjectKey, Int64>()
  /// By scope.
  var assertions = Table<String, ScopeAssertions>()
  var observed = Table<ObservedKey, ObservedRow>()
  var activity = Table<ActivityKey, ActivityRow>()
  var documents = Table<DocumentKey, JSON>()
  var calls = Table<RunCollectionKey, CallsRow>()
  var retirements: [RetirementRow] = []
  var decisions: [DecisionRow] = []

  var positions = Table<TopicPartition, PositionRow>()
  var openAttempts = Table<AttemptKey, OpenAttemptRow>()
  /// Unlogged.
  var stagedPositions = Table<TopicPartition, StagedPositionRow>()
  /// Unlogged.
  var staged = Table<AttemptKey, StagedAttempt>()

  /// In order of their ids.
  var outbox: [OutboxRow] = []
  private var lastOutboxID: Int64 = 0
  var relayLeases = Table<String, RelayLeaseRow>()

  var findings = Table<FindingID, FindingChange>()
  var findingVersions: [FindingVersionRow] = []
  var evaluations: [EvaluationRow] = []
  var judgedRules = Table<JudgedRuleKey, Bool>()
  var baselines = Table<BaselineKey, BaselineRow>()
  var findingOrders: [FindingOrderRow] = []
  var openPaths = Table<PathKey, PathRow>()
  var closedPaths: [PathRow] = []

  package init() {}

  /// A crash of the server empties the tables that are not logged, and no others.
  package mutating func loseUnlogged() {
    stagedPositions.removeAll()
    staged.removeAll()
  }

  /// A change of the tenant's graph.
  ///
  /// - Returns: the new version.
  mutating func raiseVersion(of tenant: String, at now: Timestamp) throws -> Int64 {
    guard var clock = tenants[tenant] else { throw MissingTenant(tenant: tenant) }
    let version = clock.changed(at: now)
    tenants[tenant] = clock
    return version
  }

  /// Puts a message into the outbox.
  mutating func promise(_ message: OutgoingMessage, of tenant: String, at now: Timestamp) {
    lastOutboxID += 1
    outbox.append(
      OutboxRow(
        entry: OutboxEntry(id: lastOutboxID, tenant: tenant, message: message), createdAt: now))
  }

  /// A failed run leaves the collections that its scan asked for unknown.
  mutating func failCollections(of run: StoredRun, because reason: String, at now: Timestamp) {
    let asked = scans[ScanKey(tenant: run.tenant, scan: run.scan)]?.request.collections ?? []
    collections.update(where: { key, row in
      key.scope == run.scope && row.outcomeEpoch < run.epoch
        && (asked.isEmpty
          || asked.contains { pattern in
            Retirement.isName(pattern, of: key.collection)
              || (pattern.hasSuffix("*") && key.collection.hasPrefix(pattern.dropLast()))
          })
    }) { row in
      row.outcome = .failed
      row.outcomeEpoch = run.epoch
      row.outcomeAt = now
      row.missing = []
      row.message = "run \(run.run) failed: \(reason)"
    }
  }

  /// Takes dispatches back that were not sent yet.
  mutating func withdraw(_ keys: [String], on topic: String, of tenant: String) {
    outbox.removeAll { row in
      row.entry.tenant == tenant && row.entry.message.topic == topic
        && keys.contains { Array($0.utf8) == row.entry.message.key }
    }
  }
}

/// A scope is admitted only for a tenant that has a row, so this is a bug.
struct MissingTenant: Error {
  var tenant: String
}

extension Retirement {
  /// The collection of that name, in any region.
  fileprivate static func isName(_ name: String, of collection: String) -> Bool {
    collection == name || collection.hasPrefix(name + "@")
  }
}
