package import Model

/// A run's row, as the transaction read it that holds its lock.
package struct StoredRun: Sendable, Equatable {
  package let tenant: String
  package let run: String
  package let scan: String
  package let scope: String
  package let epoch: Int64
  package var machine: RunMachine

  package init(
    tenant: String, run: String, scan: String, scope: String, epoch: Int64, machine: RunMachine
  ) {
    self.tenant = tenant
    self.run = run
    self.scan = scan
    self.scope = scope
    self.epoch = epoch
    self.machine = machine
  }

  package var key: RunKey { RunKey(tenant: tenant, run: run) }

  /// The key of the message that gives this attempt out.
  package var dispatchKey: String { "\(run)/\(machine.attempt)" }
}

/// A run as it is admitted: version 1, nothing published.
package struct NewRun: Sendable, Equatable {
  package let run: StoredRun
  package let priority: Priority
  /// When it was requested, its epoch given out, and it last changed.
  package let at: Timestamp

  init(run: StoredRun, priority: Priority, at: Timestamp) {
    self.run = run
    self.priority = priority
    self.at = at
  }
}

extension Priority {
  /// Its place in the queue: the least first.
  package var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
