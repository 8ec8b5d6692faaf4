import Logging
import Model
import PipelineTesting
import Synchronization
import Testing

@testable import Evaluation

/// Several tenants, some of which fail.
@Suite struct TenantTurnsTests {
  private struct Passing: ClassifiedError {
    var isRetriable: Bool { true }
  }

  /// Tenants whose graph changes with every evaluation, so that all are always due.
  private final class Tenants: EvaluationStore {
    struct State {
      var names: [String]
      var failing: Set<String>
      var isOut = false
      var tried: [String] = []
      var written: [String] = []
    }
    let state: Mutex<State>

    init(_ names: [String], failing: Set<String>) {
      state = Mutex(State(names: names, failing: failing))
    }

    private func clock(_ tenant: String) -> TenantClock {
      TenantClock(
        tenant: tenant, graphVersion: 1, evaluatedVersion: 0, firstChangedAt: nil,
        lastChangedAt: nil, nextDueAt: nil)
    }

    func clocks() async throws -> [TenantClock] {
      let names = try state.withLock { state in
        if state.isOut { throw Passing() }
        return state.names
      }
      return names.map(clock)
    }

    func read(_ tenant: String) async throws -> EvaluationReading? {
      try state.withLock { state in
        state.tried.append(tenant)
        if state.isOut || state.failing.contains(tenant) { throw Passing() }
      }
      let graph = Graph(
        tenant: tenant, version: 1, nodes: [], edges: [], documents: [:], collections: [:],
        calls: [:])
      return EvaluationReading(
        clock: clock(tenant), graph: graph, findings: [], settled: Settled())
    }

    func write(_ result: EvaluationResult) async throws -> Bool {
      state.withLock { $0.written.append(result.clock.tenant) }
      return true
    }

    func record(
      _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
    ) async throws -> Int { 0 }

    /// What was tried since this was asked last.
    var tried: [String] {
      state.withLock { state in
        defer { state.tried = [] }
        return state.tried
      }
    }
  }

  private func service(_ tenants: Tenants, _ clock: ManualClock) -> EvaluationService {
    EvaluationService(
      store: tenants, now: { clock.now },
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  @Test func aTenantThatKeepsFailingMakesNoOtherWait() async throws {
    let tenants = Tenants(["acme", "bolt", "core"], failing: ["acme"])
    let clock = ManualClock()
    let service = service(tenants, clock)
    var tries = 0
    for _ in 0..<120 {
      #expect(try await service.turn())
      let tried = tenants.tried
      #expect(Set(tried).isSuperset(of: ["bolt", "core"]))
      tries += tried.count { $0 == "acme" }
      clock.advance(by: .seconds(1))
    }
    // After 0, 1, 3, 7, 15, 31, 63 seconds: it waits by itself, at most a minute at a time.
    #expect(tries == 7)
    tenants.state.withLock { $0.failing = [] }
    clock.advance(by: .seconds(60))
    #expect(try await service.turn())
    #expect(tenants.state.withLock { $0.written.count { $0 == "acme" } } == 1)
    // And from then on it is as any other.
    tenants.state.withLock { $0.failing = ["acme"] }
    _ = try await service.turn()
    clock.advance(by: .seconds(1))
    tenants.state.withLock { $0.failing = [] }
    _ = try await service.turn()
    #expect(tenants.state.withLock { $0.written.count { $0 == "acme" } } == 2)
  }

  @Test func whoWasTriedLeastRecentlyIsFirst() async throws {
    let tenants = Tenants(["acme", "bolt", "core"], failing: ["acme", "bolt"])
    let clock = ManualClock()
    let service = service(tenants, clock)
    _ = try await service.turn()
    #expect(tenants.tried == ["acme", "bolt", "core"])
    clock.advance(by: .milliseconds(500))
    _ = try await service.turn()
    #expect(tenants.tried == ["core"])
    tenants.state.withLock { $0.names.append("aaa") }
    clock.advance(by: .seconds(1))
    _ = try await service.turn()
    #expect(tenants.tried == ["aaa", "acme", "bolt", "core"])
  }

  /// The loop around it then waits, and says why on `/readyz`.
  @Test func aStoreThatAnswersNobodyIsNoTenantsFailure() async throws {
    let tenants = Tenants(["acme", "bolt"], failing: [])
    let clock = ManualClock()
    let service = service(tenants, clock)
    tenants.state.withLock { $0.isOut = true }
    await #expect(throws: Passing.self) { try await service.turn() }
    #expect(tenants.tried.isEmpty)
    tenants.state.withLock { $0.isOut = false }
    #expect(try await service.turn())
    #expect(tenants.tried == ["acme", "bolt"])
  }
}
