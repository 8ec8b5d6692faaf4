package import Loading
package import Model
internal import Scheduling

extension DatabaseState {
  package var tenantNames: [String] { tenants.all.map(\.key) }

  package var tenantsWithOpenAttempts: [String] {
    Set(openAttempts.all.map(\.row.attempt.scope.tenant)).sorted { $0.precedes($1) }
  }

  package func openAttempts(of tenant: String) -> [OpenAttempt] {
    openAttempts.rows { $1.attempt.scope.tenant == tenant }.map { openAttempt($0.row) }
  }

  private func openAttempt(_ row: OpenAttemptRow) -> OpenAttempt {
    OpenAttempt(
      row.attempt, of: row.partition, stagedAt: row.stagedAt,
      run: run(row.attempt.run, of: row.attempt.scope.tenant))
  }

  package mutating func drop(
    _ attempt: Attempt, of partition: TopicPartition, silentSince: Timestamp,
    because silence: String, at now: Timestamp
  ) throws -> Abandonment? {
    guard positions[partition] != nil, let row = openAttempts[AttemptKey(attempt)],
      let why = openAttempt(row).abandonment(silentSince: silentSince)
    else { return nil }
    if why == .silent, let run = current(attempt) { try fail(run, because: silence, at: now) }
    drop(attempt)
    lower(partition)
    return why
  }

  package mutating func ageActivity(
    of tenant: String, before: Timestamp, atMost: Int
  ) -> Int {
    let old = activity.rows { key, row in
      row.at < before && Scope(key.collection.scope)?.tenant == tenant
    }.prefix(atMost)
    for (key, _) in old { activity[key] = nil }
    return old.count
  }
}
