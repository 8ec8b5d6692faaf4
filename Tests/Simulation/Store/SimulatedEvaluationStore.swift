package import Evaluation
internal import Model

/// The evaluator's database, as one process reaches it.
package struct SimulatedEvaluationStore: EvaluationStore {
  private let database: SimulatedDatabase
  private let gate: any TransactionGate

  package init(database: SimulatedDatabase, gate: any TransactionGate) {
    self.database = database
    self.gate = gate
  }

  private func transaction<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (inout DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gate.transaction("evaluation.\(name)") { [database] in
      try database.transaction("evaluation.\(name)", body)
    }
  }

  private func reading<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable (DatabaseState) throws -> Value
  ) async throws -> Value {
    try await gate.transaction("evaluation.\(name)") { [database] in try database.reading(body) }
  }

  package func clocks() async throws -> [TenantClock] {
    try await reading("clocks") { $0.clocks }
  }

  package func read(_ tenant: String) async throws -> EvaluationReading? {
    try await reading("read") { $0.read(tenant) }
  }

  package func write(_ result: EvaluationResult) async throws -> Bool {
    try await transaction("write") { $0.write(result) }
  }
}
