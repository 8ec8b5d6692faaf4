package import Loading
package import Model

/// The loader's database, as one process reaches it.
package struct SimulatedLoadingStore: LoadingStore {
  private let database: SimulatedDatabase
  private let gate: any TransactionGate

  package init(database: SimulatedDatabase, gate: any TransactionGate) {
    self.database = database
    self.gate = gate
  }

  private func transaction<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (inout DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gated(name) { [database] in try database.transaction("loading.\(name)", body) }
  }

  private func reading<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gated(name) { [database] in try database.reading(body) }
  }

  /// A transaction whose answer is lost leaves open whether it was committed.
  private func gated<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    do {
      return try await gate.transaction("loading.\(name)", body)
    } catch SimulatedFailure.unanswered(let call) {
      throw LoadingError.interrupted("\(SimulatedFailure.unanswered(call)).")
    }
  }

  package func claim(_ partition: TopicPartition) async throws -> Position {
    try await transaction("claim") { $0.claim(partition) }
  }

  package func run(_ run: String, of tenant: String) async throws -> RunRow? {
    try await reading("run") { $0.run(run, of: tenant) }
  }

  package func executions(of attempt: Attempt) async throws -> [String] {
    try await reading("executions") { $0.executions(of: attempt) }
  }

  package func stage(
    _ turn: StagingTurn, within limit: StagingLimit
  ) async throws -> Overload? {
    try await transaction("stage") { try $0.stage(turn, within: limit) }
  }

  package func overload(of limit: StagingLimit) async throws -> Overload? {
    try await reading("overload") { $0.overload(of: limit) }
  }

  package func apply(_ ending: Ending) async throws -> Applied? {
    try await transaction("apply") { try $0.apply(ending) }
  }

  package func fail(_ ending: Ending, because reason: String) async throws {
    try await transaction("fail") { try $0.fail(ending, because: reason) }
  }

  package func upsert(_ replayed: ReplayedRecord, under claim: Claim) async throws -> Upserted {
    try await transaction("upsert") { try $0.upsert(replayed, under: claim) }
  }

  package func tenantsWithOpenAttempts() async throws -> [String] {
    try await reading("tenantsWithOpenAttempts") { $0.tenantsWithOpenAttempts }
  }

  package func openAttempts(of tenant: String) async throws -> [OpenAttempt] {
    try await reading("openAttempts") { $0.openAttempts(of: tenant) }
  }

  package func drop(
    _ attempt: Attempt, of partition: TopicPartition, silentSince: Timestamp,
    because silence: String, at: Timestamp
  ) async throws -> Abandonment? {
    try await transaction("drop") {
      try $0.drop(
        attempt, of: partition, silentSince: silentSince, because: silence, at: at)
    }
  }

  package func tenants() async throws -> [String] {
    try await reading("tenants") { $0.tenantNames }
  }

  package func ageActivity(
    of tenant: String, before: Timestamp, atMost: Int
  ) async throws -> Int {
    try await transaction("ageActivity") {
      $0.ageActivity(of: tenant, before: before, atMost: atMost)
    }
  }

  package func suspects(of tenant: String) async throws -> [SuspectRemovals.Suspects] {
    try await reading("suspects") { $0.suspects(of: tenant) }
  }

  package func decide(
    _ decision: SuspectRemovals.Decision, _ scope: Scope, _ collection: String, epoch: Int64?,
    by person: String, at: Timestamp
  ) async throws -> SuspectRemovals.Answer {
    try await transaction("decide") {
      try $0.decide(decision, scope, collection, epoch: epoch, by: person, at: at)
    }
  }

  package func scopes(of connection: String, tenant: String) async throws -> [Scope] {
    try await reading("scopes") { $0.scopes(of: connection, tenant: tenant) }
  }

  package func retire(
    _ scope: Scope, collection: String?, by person: String, at: Timestamp
  ) async throws -> Retirement.Retired? {
    try await transaction("retire") {
      try $0.retire(scope, collection: collection, by: person, at: at)
    }
  }
}
