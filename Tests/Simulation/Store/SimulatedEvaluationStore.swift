package import Evaluation
internal import Model

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
}
