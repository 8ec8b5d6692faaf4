package import Model
package import Scheduling

extension DatabaseState {
  package mutating func outbox(
    of topics: [String], upTo limit: OutboxLimit, under lease: RelayLease, at now: Timestamp
  ) -> [OutboxEntry]? {
    guard take(lease, at: now) else { return nil }
    let oldest = outbox.map(\.entry).filter { topics.contains($0.message.topic) }
      .prefix(limit.messages)
    var bytes = 0
    return oldest.enumerated().prefix { index, entry in
      bytes += entry.message.value?.count ?? 0
      return index == 0 || bytes <= limit.bytes
    }.map(\.element)
  }

  package var outboxIDs: [Int64] { outbox.map(\.entry.id) }

  package mutating func deleteOutbox(_ ids: [Int64]) {
    let ids = Set(ids)
    outbox.removeAll { ids.contains($0.entry.id) }
  }

  package mutating func renew(_ lease: RelayLease, at now: Timestamp) -> Bool {
    guard lease.mayRenew(from: relayLeases[lease.name]?.holder) else { return false }
    relayLeases[lease.name]?.until = RelayLease.end(from: now)
    return true
  }

  package mutating func unpublishedRuns(
    limit: Int, under lease: RelayLease, at now: Timestamp
  ) -> [RunStatus]? {
    guard take(lease, at: now) else { return nil }
    let unpublished = runs.rows { $1.publishedVersion < $1.version }
    return unpublished.sorted { left, right in
      let (first, second) = (left.row.changedAt, right.row.changedAt)
      return first == second ? RunKey.precedes(left.key, right.key) : first < second
    }.prefix(limit).map { status(of: $0.row) }
  }

  private func status(of run: RunRecord) -> RunStatus {
    let attempt = run.stored.machine.attempt
    let collections = runCollections.rows { $0.run == run.stored.key && $1.attempt == attempt }
    return RunStatus(
      run: run.stored, priority: run.priority, version: run.version,
      requestedAt: run.requestedAt, changedAt: run.changedAt,
      collections: collections.map(\.row))
  }

  package mutating func markPublished(
    _ published: [PublishedRun], under lease: RelayLease, at now: Timestamp
  ) -> Bool {
    let isKept = lease.mayRenew(from: relayLeases[lease.name]?.holder)
    for run in published {
      if isKept {
        runs[run.run]?.publishedVersion.raise(to: run.version)
      } else {
        runs[run.run]?.version += 1
      }
    }
    return isKept
  }

  private mutating func take(_ lease: RelayLease, at now: Timestamp) -> Bool {
    let current = relayLeases[lease.name].map { (holder: $0.holder, until: $0.until) }
    guard lease.mayTake(from: current, at: now) else { return false }
    relayLeases[lease.name] = RelayLeaseRow(
      holder: lease.holder, until: RelayLease.end(from: now))
    return true
  }
}

extension Int64 {
  fileprivate mutating func raise(to other: Int64) { self = Swift.max(self, other) }
}
