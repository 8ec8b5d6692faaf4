package import Model
package import Pipeline

/// A run, as the run table has it.
package struct RunRow: Sendable, Equatable {
  package var scope: String
  /// `nil`: a state that a newer version has written.
  package var state: RunState?
  package var attempt: Int
  package var changedAt: Timestamp
  package var leaseUntil: Timestamp?

  package init(
    scope: String, state: RunState?, attempt: Int, changedAt: Timestamp, leaseUntil: Timestamp?
  ) {
    self.scope = scope
    self.state = state
    self.attempt = attempt
    self.changedAt = changedAt
    self.leaseUntil = leaseUntil
  }
}

/// Whether an attempt may still be staged and applied.
package enum Standing: String, Sendable, Equatable {
  case open, finished, superseded
}

extension Attempt {
  /// What the run table says of the attempt.
  ///
  /// - Parameter run: the row of its run in the table of the tenant of its scope.
  /// - Throws: `BadMessage` when there is no such run of the scope.
  package func standing(_ run: RunRow?) throws(BadMessage) -> Standing {
    // A run of another tenant is as unknown as one that never was: that is what row security is for.
    guard let run else {
      throw BadMessage(
        "unknown-run", "run \(self.run) is not in the run table of tenant \(scope.tenant)")
    }
    guard run.scope == scope.description else {
      throw BadMessage("tenant", "run \(self.run) belongs to another scope than the key's")
    }
    if run.attempt != number { return .superseded }
    return run.state?.takesRecords ?? false ? .open : .finished
  }
}

extension RunState {
  /// Whether an attempt of the run may still be staged and applied. `queued` too: the lease was
  /// lost, but while nobody else was dispatched the late worker may go on.
  package var takesRecords: Bool {
    switch self {
    case .queued, .dispatched, .leased, .extracted: true
    case .applied, .evaluated, .failed, .skipped, .cancelled: false
    }
  }
}
