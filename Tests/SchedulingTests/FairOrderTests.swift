import Model
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("Fair order")
struct FairOrderTests {
  /// A run of a random queue.
  private struct Entry {
    var run: FairOrder.Run
    var state: RunState

    var scope: String { "\(run.key.tenant)/\(run.connection)/aws/\(run.key.run)" }
  }

  private func randomQueue(_ random: inout SeededGenerator) -> [Entry] {
    (0..<Int.random(in: 0...40, using: &random)).map { index in
      let tenant = ["acme", "Umbrella", "zeta-1", "zeta_1"].randomElement(using: &random) ?? ""
      let states: [RunState] = [.queued, .queued, .queued, .dispatched, .leased, .extracted]
      // Few times, so that there are ties.
      let at = Timestamp(milliseconds: Int64.random(in: 1...4, using: &random) * 1000)
      let key = RunKey(
        tenant: tenant,
        run: ["R", "r", "_"][index % 3] + "\(Int.random(in: 0...9999, using: &random))-\(index)")
      return Entry(
        run: FairOrder.Run(
          key: key, connection: ["a", "B", "c"].randomElement(using: &random) ?? "",
          priority: Priority.allCases.randomElement(using: &random) ?? .normal, allocatedAt: at),
        state: states.randomElement(using: &random) ?? .queued)
    }
  }

  private func insert(_ queue: [Entry], _ fixture: Fixture) async throws {
    try await fixture.execute("DELETE FROM sv0.outbox")
    try await fixture.execute("DELETE FROM sv0.runs")
    try await fixture.pool.withTransaction { transaction in
      for entry in queue {
        try await transaction.execute(
          """
          INSERT INTO sv0.runs (tenant, run, scan, scope, epoch, priority, state, requested_at,
            allocated_at, changed_at)
          VALUES ($1, $2, 'scan', $3, 1, $4, $5, $6, $6, $6)
          """,
          [
            .text(entry.run.key.tenant), .text(entry.run.key.run), .text(entry.scope),
            .int8(Int64(entry.run.priority.rank)), .text(entry.state.rawValue),
            .timestamp(entry.run.allocatedAt),
          ])
      }
    }
  }

  @Test("The query dispatches in the order of its pure twin, on random queues")
  func agrees() async throws {
    try await Fixture.with { fixture in
      let store = PostgresQueueStore(pool: fixture.pool)
      for tenant in ["acme", "Umbrella", "zeta-1", "zeta_1"] {
        try await fixture.execute(
          """
          INSERT INTO sv0.scans (tenant, scan, source, request_id, status, request, requested_at)
          VALUES ('\(tenant)', 'scan', 'test', 'scan', 'accepted', '{}', now())
          """)
      }
      for seed in 0..<60 as Range<UInt64> {
        var random = SeededGenerator(seed: seed)
        let queue = randomQueue(&random)
        try await insert(queue, fixture)
        var inFlight: [FairOrder.Connection: Int] = [:]
        for entry in queue where [.dispatched, .leased].contains(entry.state) {
          let run = entry.run
          inFlight[.init(tenant: run.key.tenant, connection: run.connection), default: 0] += 1
        }
        let dispatching = Dispatching(
          platform: .aws, rawPartitions: 12, knownCollections: [],
          limits: SchedulingLimits(
            inFlight: Int.random(in: 1...40, using: &random),
            inFlightPerTenant: Int.random(in: 1...12, using: &random)))
        let expected = FairOrder.sorted(
          queue.filter { $0.state == .queued }.map(\.run), inFlight: inFlight,
          roomPerTenant: dispatching.roomPerTenant
        ).prefix(dispatching.room(inFlight: inFlight.values.reduce(0, +)))
        let dispatched = try await store.dispatch(dispatching, at: fixture.clock.now)
        #expect(dispatched == Array(expected), "seed \(seed)")
      }
    }
  }
}
