package import Model
internal import Pipeline

/// The right to empty an outbox, which one process has at a time. Pure.
///
/// Without it two relays would send everything twice, and one that is slow could send an old
/// version of a key after the other sent a newer one: on a compacted topic the old one would stay.
///
/// Invariants:
/// 1. A holder keeps the lease until it ends, and after that until somebody else takes it.
/// 2. It is taken before anything is read to be sent, and renewed while that is sent. Renewing
///    fails once another holder has had it: that one may have sent newer versions.
/// 3. A holder that was stopped begins no sending when a part of the lease has passed.
package struct RelayLease: Sendable, Equatable {
  /// How long a holder that died keeps others waiting.
  package static let duration = Duration.seconds(15)

  package let name: String
  package let holder: String

  package init(name: String, holder: String) {
    self.name = name
    self.holder = holder
  }

  /// Until when it is held if it is taken or renewed now.
  package static func end(from now: Timestamp) -> Timestamp { now + duration }

  /// - Parameter current: who has it, and until when; `nil` when nobody ever had.
  package func mayTake(
    from current: (holder: String, until: Timestamp)?, at now: Timestamp
  ) -> Bool {
    guard let current else { return true }
    return current.holder == holder || current.until <= now
  }

  /// - Parameter current: who has it.
  package func mayRenew(from current: String?) -> Bool { current == holder }
}

/// Sends what was read under a lease, and keeps the lease for as long as that takes.
struct LeasedSending: Sendable {
  let store: any QueueStore
  let lease: RelayLease
  let now: @Sendable () -> Timestamp
  let sleep: Sleep

  /// Returns once the broker acknowledged all of it; stops sending if the lease is lost.
  ///
  /// - Parameter taken: when the lease was taken.
  func send(
    takenAt taken: Timestamp, _ send: @escaping @Sendable () async throws -> Void
  ) async throws {
    // Stopped since: somebody else may be sending already.
    guard now() < taken + RelayLease.duration / 2 else { throw lost }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(operation: send)
      group.addTask { try await renew() }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func renew() async throws {
    while true {
      try await sleep(RelayLease.duration / 3)
      guard try await store.renew(lease, at: now()) else { throw lost }
    }
  }

  private var lost: SchedulingError {
    SchedulingError(
      .relayLost,
      "Another process may empty the outbox \(lease.name) now; this one was silent for a large "
        + "part of \(RelayLease.duration). What it was about to send is read again.",
      isRetriable: true)
  }
}
