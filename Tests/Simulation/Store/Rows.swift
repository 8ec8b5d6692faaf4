internal import Evaluation
internal import Loading
package import Model
package import Scheduling

// The rows of the tables, as far as their key does not say it. A scope's key names its tenant.

struct ConnectionKey: TableKey {
  var tenant: String
  var connection: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.connection.precedes(right.connection))
  }
}

struct ConnectionRow: Sendable {
  var platform: Platform
  var document: JSON
  var appliedAt: Timestamp
}

struct ScanKey: TableKey {
  var tenant: String
  var scan: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.scan.precedes(right.scan))
  }
}

extension NewScan {
  /// Of records that a tool emits again; nobody requested it by a message.
  var isReplay: Bool { source.hasSuffix("/replay") }
}

extension RunKey: TableKey {
  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.run.precedes(right.run))
  }
}

/// A run, and what its machine knows nothing of.
package struct RunRecord: Sendable, Equatable {
  package var stored: StoredRun
  package var priority: Priority
  /// The graph version that this run's apply or failure made.
  package var graphVersion: Int64?
  package var requestedAt: Timestamp
  package var allocatedAt: Timestamp
  package var changedAt: Timestamp
  package var version: Int64 = 1
  package var publishedVersion: Int64 = 0

  init(_ new: NewRun) {
    stored = new.run
    priority = new.priority
    requestedAt = new.at
    allocatedAt = new.at
    changedAt = new.at
  }

  var state: RunState { stored.machine.state }
  var isPending: Bool { [.queued, .dispatched, .leased].contains(state) }

  /// Stores the machine as a new version.
  mutating func store(_ machine: RunMachine, at now: Timestamp) {
    stored.machine = machine
    changedAt = now
    version += 1
  }

  /// Sets the columns that others than the scheduler change, as a new version.
  mutating func end(_ state: RunState, because reason: String?, at now: Timestamp) {
    let machine = stored.machine
    store(
      RunMachine(
        state: state, attempt: machine.attempt, failures: machine.failures,
        isHeard: machine.isHeard, leaseUntil: nil, records: machine.records,
        calls: machine.calls, reason: reason), at: now)
  }
}

struct RunCollectionKey: TableKey {
  var run: RunKey
  var collection: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.run == right.run
      ? left.collection.precedes(right.collection) : RunKey.precedes(left.run, right.run)
  }
}

extension CollectionKey: TableKey {
  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.scope.precedes(right.scope, else: left.collection.precedes(right.collection))
  }
}

/// How a collection of a scope stands.
package struct CollectionRow: Sendable, Equatable {
  package var outcome: Outcome
  package var outcomeEpoch: Int64
  package var outcomeAt: Timestamp
  package var missing: [String]
  package var message: String?
  package var token: String?
  package var applied: Listing?
  /// When it was last current.
  package var completedAt: Timestamp?
  /// The newest complete listing of everything.
  package var completedEpoch: Int64?
  package var listedAt: Timestamp?

  /// The attempt that the collection was last applied from.
  package struct Listing: Sendable, Equatable {
    package var run: String
    package var attempt: Int
    package var epoch: Int64
    package var kind: CollectionKind
    package var outcome: Outcome
    package var records: Int64
    package var raw: RawRange?
  }
}

struct ObjectKey: TableKey {
  var collection: CollectionKey
  var object: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.collection == right.collection
      ? left.object.precedes(right.object)
      : CollectionKey.precedes(left.collection, right.collection)
  }
}

struct ObservedKey: TableKey {
  var collection: CollectionKey
  var object: String
  var id: String
  var fact: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    guard left.collection == right.collection else {
      return CollectionKey.precedes(left.collection, right.collection)
    }
    return left.object.precedes(
      right.object, else: left.id.precedes(right.id, else: left.fact.precedes(right.fact)))
  }
}

struct ObservedRow: Sendable {
  var value: String
  var sha256: String
}

/// Where a row comes from.
package struct RowReceipt: Sendable, Hashable {
  package var record: Receipt
  package var run: String
  package var call: Int
}

struct ActivityKey: TableKey {
  var collection: CollectionKey
  var subject: String
  var action: String
  var target: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    guard left.collection == right.collection else {
      return CollectionKey.precedes(left.collection, right.collection)
    }
    return left.subject.precedes(
      right.subject,
      else: left.action.precedes(right.action, else: left.target.precedes(right.target)))
  }
}

struct ActivityRow: Sendable {
  var at: Timestamp
  var receipt: RowReceipt
}

struct DocumentKey: TableKey {
  var tenant: String
  var digest: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.digest.precedes(right.digest))
  }
}

struct CallsRow: Sendable {
  var attempt: Int
  var calls: JSON
}

struct RetirementRow: Sendable {
  var scope: Scope
  var collection: String
  var epoch: Int64
  var assertions: Int
  var retiredBy: String
  var retiredAt: Timestamp
}

struct DecisionRow: Sendable {
  var scope: Scope
  var collection: String
  var epoch: Int64
  var decision: SuspectRemovals.Decision
  var assertions: Int
  var decidedBy: String
  var decidedAt: Timestamp
}

extension TopicPartition: TableKey {
  static func precedes(_ left: Self, _ right: Self) -> Bool { left < right }
}

struct PositionRow: Sendable {
  var low: Int64?
  var mark: Mark?
  var generation: Int64
}

struct StagedPositionRow: Sendable {
  var next: Int64
  var mark: Mark?
}

struct AttemptKey: TableKey {
  var run: String
  var number: Int

  init(_ attempt: Attempt) {
    run = attempt.run
    number = attempt.number
  }

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.run == right.run ? left.number < right.number : left.run.precedes(right.run)
  }
}

struct OpenAttemptRow: Sendable {
  var attempt: Attempt
  var partition: TopicPartition
  var first: Mark
  var bytes: Int64
  var stagedAt: Timestamp
  var executions: [String]
}

/// All that is staged of one attempt, in the order of its messages.
struct StagedAttempt: Sendable {
  var records: [StagedRecord] = []
  var ends: [CollectionEnded] = []
}

struct OutboxRow: Sendable {
  var entry: OutboxEntry
  var createdAt: Timestamp
}

struct RelayLeaseRow: Sendable {
  var holder: String
  var until: Timestamp
}

struct FindingID: TableKey {
  var tenant: String
  var uid: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.uid.precedes(right.uid))
  }
}

struct FindingVersionRow: Sendable {
  var id: FindingID
  var change: FindingChange
  var graphVersion: Int64
  var at: Timestamp
}

struct JudgedRuleKey: TableKey {
  var tenant: String
  var judged: JudgedRule

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    let (one, two) = (left.judged, right.judged)
    return left.tenant.precedes(
      right.tenant,
      else: one.scope.precedes(
        two.scope, else: one.rule.precedes(two.rule, else: one.type.precedes(two.type))))
  }
}

struct BaselineKey: TableKey {
  var tenant: String
  var subject: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(right.tenant, else: left.subject.precedes(right.subject))
  }
}

struct BaselineRow: Sendable {
  var baseline: Baseline
  var changedAt: Timestamp
}

struct PathKey: TableKey {
  var tenant: String
  var subject: String
  var target: String
  var level: String

  static func precedes(_ left: Self, _ right: Self) -> Bool {
    left.tenant.precedes(
      right.tenant,
      else: left.subject.precedes(
        right.subject,
        else: left.target.precedes(right.target, else: left.level.precedes(right.level))))
  }
}

struct PathRow: Sendable {
  var key: PathKey
  var path: StoredPath
  var reachedSince: Timestamp
  var opened: PathEdition
  var closed: PathEdition?
}

/// By which evaluation a path was opened or closed.
struct PathEdition: Sendable {
  var version: Int64
  var at: Timestamp
}

struct FindingOrderRow: Sendable {
  var tenant: String
  var graphVersion: Int64
  var order: FindingOrder
  var orderedBy: String
  var orderedAt: Timestamp
}

struct EvaluationRow: Sendable {
  var tenant: String
  var graphVersion: Int64
  var at: Timestamp
  var inputs: JSON
}
