internal import Model
internal import PostgresClient
internal import Schema

/// The right to empty an outbox, which one process has at a time.
///
/// Without it two relays would send everything twice, and one that is slow could send an old
/// version of a key after the other sent a newer one: on a compacted topic the old one would stay.
struct RelayLease: Sendable {
  /// How long a holder that died keeps others waiting.
  static let duration = Duration.seconds(15)

  let name: String
  let holder: String

  /// Takes or renews the lease.
  ///
  /// - Returns: whether this process has it.
  nonisolated(nonsending) func take(
    at now: Timestamp, in transaction: PostgresTransaction
  ) async throws -> Bool {
    try await transaction.execute(
      """
      INSERT INTO sv0.relay_leases AS l (relay, holder, lease_until) VALUES ($1, $2, $3)
      ON CONFLICT (relay) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
      WHERE l.holder = excluded.holder OR l.lease_until <= $4
      """,
      [.text(name), .text(holder), .timestamp(now + Self.duration), .timestamp(now)]) == 1
  }
}

/// Sends what was read under a lease, and keeps the lease for as long as that takes.
struct LeasedSending: Sendable {
  let store: Store
  let lease: RelayLease
  let now: @Sendable () -> Timestamp

  /// Returns once the broker acknowledged all of it; stops sending if the lease is lost.
  func send(_ send: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(operation: send)
      group.addTask { try await renew() }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func renew() async throws {
    while true {
      try await Task.sleep(for: RelayLease.duration / 3)
      let isHeld = try await store.transaction(.queue) { try await lease.take(at: now(), in: $0) }
      guard isHeld else {
        throw SchedulingError(
          .relayLost,
          "Another process empties the outbox \(lease.name) now; this one was silent "
            + "for longer than \(RelayLease.duration).", isRetriable: true)
      }
    }
  }
}
