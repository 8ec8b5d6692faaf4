internal import Evaluation
package import Loading
internal import Model
internal import Scheduling

extension DatabaseState {
  package mutating func upsert(_ replayed: ReplayedRecord, under claim: Claim) throws -> Upserted {
    _ = try hold(claim)
    let (attempt, record) = (replayed.attempt, replayed.record)
    let key = CollectionKey(scope: attempt.scope.description, collection: record.collection)
    guard let run = runs[RunKey(tenant: attempt.scope.tenant, run: attempt.run)],
      run.stored.scope == key.scope, let applied = collections[key]?.applied,
      applied.run == attempt.run, applied.attempt == attempt.number,
      let clock = tenants[attempt.scope.tenant]
    else { return .superseded }
    guard !record.isTainted, !record.isRemoval else { return .unchanged }
    let edition = Assertion.Edition(
      epoch: run.stored.epoch, at: run.allocatedAt, version: clock.graphVersion + 1)
    let hasReplaced = replace(by: record, of: attempt, as: edition)
    let hasFacts = writeFacts(of: record, attempt, observes: true)
    guard hasReplaced || hasFacts else { return .unchanged }
    let version = try raiseVersion(of: attempt.scope.tenant, at: replayed.at)
    return .written(epoch: run.stored.epoch, graphVersion: version)
  }

  /// - Returns: whether anything changed.
  private mutating func replace(
    by record: StagedRecord, of attempt: Attempt, as edition: Assertion.Edition
  ) -> Bool {
    let assertions = record.assertions(run: attempt.run, edition)
    var scope = self.assertions[attempt.scope.description] ?? ScopeAssertions()
    var changes = scope.close(as: edition) { open in
      assertions.contains { $0.key == open.key && $0.hash != open.hash }
    }
    for assertion in assertions where scope.insert(assertion) { changes += 1 }
    changes += scope.mark(suspectSince: nil) { open in
      open.suspectSince != nil && open.key.collection == record.collection
        && open.key.object == record.fragment.object
    }
    self.assertions[attempt.scope.description] = scope
    return changes > 0
  }
}
