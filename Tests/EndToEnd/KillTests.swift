import Foundation
import Model
import Testing

extension EndToEnd.Disturbed.Singles {
  /// Workers that end in the middle of their work, and are started again under the same name.
  @Suite struct KillTests {
    private let workers: Workers
    private let stack: Stack

    init() throws {
      workers = try .current
      stack = try .current
    }

    @Test func killingEachWorkerInTurnDuringScansOfSeveralAccountsChangesNothing() async throws {
      try await Scanning.check("killed") { scanning in
        try scanning.hold()
        try await scanning.isUnderWay()
        try await workers.killAndRestart("scheduler")
        try await workers.killAndRestart("extractor")
        try await scanning.runs(reach: "attempt >= 2 AND heard")
        try await scanning.isStaged()
        try await workers.killAndRestart("transformer")
        try await workers.killAndRestart("loader")
        try stack.aws.fail()
        try await scanning.runs(1, reach: "state IN ('applied', 'evaluated')")
        try await workers.killAndRestart("evaluator")
        try await wait(until: "a delivery") {
          try stack.deliveries().contains { $0.tenant == scanning.tenant }
        }
        try await workers.killAndRestart("notifier")
      } second: { scanning in
        try await endEachWithWorkInHand(scanning, workers.killAndRestart)
      }
    }

    @Test func drainingEachWorkerInTheMiddleOfItsWorkChangesNothing() async throws {
      try await Scanning.check("drained") { scanning in
        try await endEachWithWorkInHand(scanning) { name in
          let worker = try workers[name]
          try await worker.drain()
          #expect(try Workers.lines(of: worker.logged).last?["message"] == "drained", "\(name)")
          try workers.start(name)
        }
      }
    }

    /// Kills workers at random moments: `SV0_CHAOS_KILLS` of them (10), in an order that
    /// `SV0_CHAOS_SEED` determines (random, and printed). Hundreds, by hand:
    ///
    ///     SV0_CHAOS_KILLS=500 swift test --disable-xctest --filter killingWorkersAtRandom
    ///
    /// What the processes are doing at that moment is not determined, so a seed does not repeat a
    /// failure for sure; the logs stay in the folder that the failure names.
    @Test func killingWorkersAtRandomMomentsChangesNothing() async throws {
      let settings = ProcessInfo.processInfo.environment
      let seed = settings["SV0_CHAOS_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...999_999)
      let kills = settings["SV0_CHAOS_KILLS"].flatMap(Int.init) ?? 10
      print("SV0_CHAOS_SEED=\(seed) SV0_CHAOS_KILLS=\(kills)")
      var generator = SeededGenerator(seed: seed)
      // A tenant for every few of them, and half of those in each of its scans.
      let batch = 10
      for (number, first) in stride(from: 0, to: kills, by: batch).enumerated() {
        let plan = (first..<min(first + batch, kills)).map { _ in
          RandomKill(
            name: Workers.names.randomElement(using: &generator) ?? "",
            after: .milliseconds(Int.random(in: 0...600, using: &generator)))
        }
        try await Scanning.check("random-\(number + 1)-of-seed-\(seed)") { _ in
          try await perform(plan.prefix(plan.count / 2))
        } second: { _ in
          try await perform(plan.dropFirst(plan.count / 2))
        }
      }
    }

    private struct RandomKill {
      var name: String
      var after: Duration
    }

    private func perform(_ kills: ArraySlice<RandomKill>) async throws {
      for kill in kills {
        // The disturbance itself, nothing is waited for.
        try await Task.sleep(for: kill.after)
        try await workers.killAndRestart(kill.name)
      }
    }
  }
}

extension EndToEnd.Disturbed.Singles.KillTests {
  /// Ends each worker while there is work for it: it is stopped until there is, goes on, and is
  /// ended before it can be through.
  private func endEachWithWorkInHand(
    _ scanning: Scanning, _ end: (String) async throws -> Void
  ) async throws {
    let ahead = try await scanning.fragmentsAhead()
    try scanning.hold()
    try await scanning.runs(reach: "state = 'leased' AND heard")
    try await end("extractor")
    try await scanning.runs(reach: "attempt >= 2 AND heard")
    try workers["transformer"].signal(SIGSTOP)
    try stack.aws.fail()
    // Nothing is transformed, and reports are in hand.
    try workers["scheduler"].signal(SIGSTOP)
    try await goOn("scheduler", end)
    try await scanning.runs(reach: "state = 'extracted'")
    try workers["loader"].signal(SIGSTOP)
    try await goOn("transformer", end)
    try await wait(until: "all fragments", upTo: .seconds(120), every: .milliseconds(200)) {
      try await scanning.fragmentsAhead() >= ahead
    }
    try workers["evaluator"].signal(SIGSTOP)
    try await goOn("loader", end)
    try await scanning.runs(reach: "state = 'applied'")
    try workers["notifier"].signal(SIGSTOP)
    try await goOn("evaluator", end)
    try await scanning.runs(reach: "state = 'evaluated'")
    try await stack.findingsArePublished()
    try await goOn("notifier", end)
  }

  private func goOn(_ name: String, _ end: (String) async throws -> Void) async throws {
    try workers[name].signal(SIGCONT)
    do { try await end(name) } catch { throw Unmet("ending \(name): \(error)") }
  }
}
