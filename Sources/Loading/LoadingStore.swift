package import Model

/// The database, as the loader, its sweep, and the tools that remove see it.
///
/// Invariants of every implementation:
/// 1. A method is one transaction: all of it happens, or nothing. Only what an earlier execution of
///    an attempt left may be gone before `stage` does the rest. The order of locks is partition,
///    scope, run, tenant, collection, and they are taken after the last row is sent.
/// 2. What takes a `Claim` fails with `LoadingError.fenced` unless the partition's generation is
///    still that one, and with `.stagingLost` if the position that staging moves is gone: then
///    nothing was changed.
/// 3. When it is not known whether a transaction was committed, the loader's methods throw
///    `LoadingError.interrupted`. Each may be called again: what was done is not done twice.
/// 4. What it cannot store for its content, `stage`, `apply` and `upsert` refuse with `RefusedData`.
///    Any other error passes as it is.
/// 5. A crash of the server takes all that is staged, and the positions that staging moves,
///    together; nothing else. A claim that finds no such position makes one from the durable one.
/// 6. The choices are made by the values here: `Position`, `RunRow`, `CollectionPlan`, `OpenAttempt`,
///    `Retirement.covers`; an implementation reads, asks them, and writes.
package protocol LoadingStore: Sendable {
  /// Takes over the partition: every earlier owner is fenced from here on.
  func claim(_ partition: TopicPartition) async throws -> Position

  /// The run, as the tenant's run table has it.
  func run(_ run: String, of tenant: String) async throws -> RunRow?

  /// The executions of an open attempt that began, in order; of any other none.
  func executions(of attempt: Attempt) async throws -> [String]

  /// Stages what an earlier transaction has not, and moves the position to the turn's end.
  ///
  /// - Returns: what has to go, if more was staged and the limit is passed now.
  func stage(_ turn: StagingTurn, within limit: StagingLimit) async throws -> Overload?

  /// The attempt that holds most, if all together pass the limit.
  func overload(of limit: StagingLimit) async throws -> Overload?

  /// Applies the attempt to the graph, and forgets what is staged of it.
  ///
  /// - Returns: `nil` when it turned out to be finished or superseded.
  func apply(_ ending: Ending) async throws -> Applied?

  /// Ends the attempt and its run as failed, and forgets what is staged of it; the graph keeps what
  /// it has. Of a finished or superseded attempt only the second.
  func fail(_ ending: Ending, because reason: String) async throws

  /// Writes what a replayed record says, if its collection was last applied from its attempt.
  func upsert(_ replayed: ReplayedRecord, under claim: Claim) async throws -> Upserted

  /// The tenants of which something is staged, in order.
  func tenantsWithOpenAttempts() async throws -> [String]

  /// What is staged of a tenant, each attempt with its run, in order of run and attempt.
  func openAttempts(of tenant: String) async throws -> [OpenAttempt]

  /// Judges the attempt again under the lock of its partition, and drops what is staged of it if
  /// it is abandoned; a silent one fails its run.
  ///
  /// - Returns: `nil` if the partition is in use, or the attempt turned out to be alive.
  func drop(
    _ attempt: Attempt, of partition: TopicPartition, silentSince: Timestamp,
    because silence: String, at: Timestamp
  ) async throws -> Abandonment?

  /// All tenants, in order.
  func tenants() async throws -> [String]

  /// Deletes facts about use from before a time, so many at most.
  ///
  /// - Returns: how many it deleted.
  func ageActivity(of tenant: String, before: Timestamp, atMost: Int) async throws -> Int

  /// All suspects of a tenant, in order of scope and collection.
  func suspects(of tenant: String) async throws -> [SuspectRemovals.Suspects]

  /// Closes or unmarks the suspects of a collection, and records the decision.
  ///
  /// - Parameter epoch: the epoch that was listed; `nil` for the newest.
  func decide(
    _ decision: SuspectRemovals.Decision, _ scope: Scope, _ collection: String, epoch: Int64?,
    by person: String, at: Timestamp
  ) async throws -> SuspectRemovals.Answer

  /// The scopes of a connection that were ever asked for, in order.
  func scopes(of connection: String, tenant: String) async throws -> [Scope]

  /// Retires a scope, or one collection of it.
  ///
  /// - Returns: `nil` when the tenant has no such scope.
  func retire(
    _ scope: Scope, collection: String?, by person: String, at: Timestamp
  ) async throws -> Retirement.Retired?
}

/// A partition and the generation under which this loader owns it.
package struct Claim: Sendable, Hashable {
  package var partition: TopicPartition
  package var generation: Int64

  package init(_ partition: TopicPartition, _ generation: Int64) {
    self.partition = partition
    self.generation = generation
  }
}

/// The database refuses what it was given, and will refuse it again.
package struct RefusedData: Error, Equatable, CustomStringConvertible {
  /// Without values.
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// An attempt that is over.
package struct Ending: Sendable {
  package var attempt: Attempt
  package var claim: Claim
  /// The attempt's `scan.ended`, behind which the position is moved; `nil` when it is failed
  /// before that.
  package var end: Mark?
  package var at: Timestamp

  package init(_ attempt: Attempt, under claim: Claim, end: Mark?, at: Timestamp) {
    self.attempt = attempt
    self.claim = claim
    self.end = end
    self.at = at
  }
}
