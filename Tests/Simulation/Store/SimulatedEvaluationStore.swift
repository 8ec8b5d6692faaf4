package import Evaluation
package import Model

/// The evaluator's database, as one process reaches it.
package struct SimulatedEvaluationStore: EvaluationStore {
  private let access: DatabaseAccess

  package init(database: SimulatedDatabase, gate: any TransactionGate) {
    access = DatabaseAccess(database: database, gate: gate, store: "evaluation")
  }

  package func clocks() async throws -> [TenantClock] {
    try await access.reading("clocks") { $0.clocks }
  }

  package func read(_ tenant: String) async throws -> EvaluationReading? {
    try await access.reading("read") { $0.read(tenant) }
  }

  package func write(_ result: EvaluationResult) async throws -> Bool {
    try await access.transaction("write") { $0.write(result) }
  }

  package func record(
    _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
  ) async throws -> Int {
    try await access.transaction("record") {
      try $0.record(order, of: tenant, by: person, at: now)
    }
  }
}
