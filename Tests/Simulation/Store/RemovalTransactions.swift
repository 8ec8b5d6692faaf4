package import Loading
package import Model
internal import Scheduling

extension DatabaseState {
  package func suspects(of tenant: String) -> [SuspectRemovals.Suspects] {
    let collections = collections.rows { key, _ in Scope(key.scope)?.tenant == tenant }
    return collections.compactMap { key, row in
      let suspects = suspects(in: key)
      guard let epoch = row.completedEpoch,
        let since = suspects.compactMap(\.suspectSince).min()
      else { return nil }
      return SuspectRemovals.Suspects(
        scope: key.scope, collection: key.collection, epoch: epoch,
        objects: Int64(Set(suspects.map(\.key.object)).count),
        assertions: Int64(suspects.count), since: since)
    }
  }

  private func suspects(in collection: CollectionKey) -> [Assertion] {
    assertions[collection.scope]?.open.rows { key, assertion in
      key.collection == collection.collection && assertion.suspectSince != nil
    }.map(\.row) ?? []
  }

  package mutating func decide(
    _ decision: SuspectRemovals.Decision, _ scope: Scope, _ collection: String, epoch: Int64?,
    by person: String, at now: Timestamp
  ) throws -> SuspectRemovals.Answer {
    let all = suspects(of: scope.tenant)
    switch SuspectRemovals.subject(of: all, scope, collection, epoch: epoch) {
    case .none(let answer): return answer
    case .these(let found):
      let key = CollectionKey(scope: found.scope, collection: found.collection)
      let changed =
        switch decision {
        case .confirmed: try close(found, in: key, of: scope, at: now)
        case .rejected:
          assertions[key.scope]?.mark(suspectSince: nil) { open in
            open.key.collection == key.collection && open.suspectSince != nil
          } ?? 0
        }
      decisions.append(
        DecisionRow(
          scope: scope, collection: found.collection, epoch: found.epoch, decision: decision,
          assertions: changed, decidedBy: person, decidedAt: now))
      if collections[key]?.outcomeEpoch == found.epoch {
        collections[key]?.message = "\(person) \(decision.rawValue) the suspect removals"
      }
      return .done(epoch: found.epoch, assertions: changed)
    }
  }

  /// Closes them as the apply of that epoch would have.
  private mutating func close(
    _ found: SuspectRemovals.Suspects, in key: CollectionKey, of scope: Scope, at now: Timestamp
  ) throws -> Int {
    let version = try raiseVersion(of: scope.tenant, at: now)
    guard let listedAt = collections[key]?.listedAt else { return 0 }
    let edition = Assertion.Edition(epoch: found.epoch, at: listedAt, version: version)
    return assertions[key.scope]?.close(as: edition) { open in
      open.key.collection == key.collection && open.suspectSince != nil
    } ?? 0
  }

  package func scopes(of connection: String, tenant: String) -> [Scope] {
    scopes.all.compactMap { Scope($0.key) }
      .filter { $0.tenant == tenant && $0.connection == connection }
  }

  package mutating func retire(
    _ scope: Scope, collection: String?, by person: String, at now: Timestamp
  ) throws -> Retirement.Retired? {
    let key = scope.description
    guard let epoch = scopes[key].map({ $0 + 1 }) else { return nil }
    scopes[key] = epoch
    var cancelled: [String] = []
    if collection == nil {
      let pending = runs.rows { $1.stored.scope == key && $1.isPending }.map(\.row.stored)
      for run in pending {
        runs[run.key]?.end(.cancelled, because: "the scope was retired by \(person)", at: now)
      }
      withdraw(
        pending.map(\.dispatchKey), on: Topic.scanDispatch(scope.platform), of: scope.tenant)
      cancelled = pending.map(\.run)
    }
    let edition = Assertion.Edition(
      epoch: epoch, at: now, version: try raiseVersion(of: scope.tenant, at: now))
    let retired = collection ?? ""
    let closed =
      assertions[key]?.close(as: edition) { Retirement.covers(retired, $0.key.collection) } ?? 0
    collections.remove { row, _ in
      row.scope == key && Retirement.covers(retired, row.collection)
    }
    activity.remove { row, _ in
      row.collection.scope == key && Retirement.covers(retired, row.collection.collection)
    }
    retirements.append(
      RetirementRow(
        scope: scope, collection: retired, epoch: epoch, assertions: closed, retiredBy: person,
        retiredAt: now))
    return Retirement.Retired(scope: scope, epoch: epoch, assertions: closed, runs: cancelled)
  }
}
