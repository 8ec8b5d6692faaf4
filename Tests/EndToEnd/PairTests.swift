import Foundation
import Model
import Testing

extension EndToEnd.Disturbed.Pairs {
  /// Two processes of a worker: what becomes of one is no matter of the other's.
  @Suite struct PairTests {
    private let workers: Workers
    private let stack: Stack

    init() throws {
      workers = try .current
      stack = try .current
    }

    @Test func killingOneOfTwoRepeatsAtMostTheAccountsInItsWork() async throws {
      try await Scanning.check("one-of-two") { scanning in
        try scanning.hold()
        try await scanning.isUnderWay()
        let killed = try workers["extractor"]
        try await workers.killAndRestart("extractor")
        try stack.aws.fail()
        try await scanning.runs(reach: "state = 'evaluated'")
        let repeated = try await stack.query(
          "SELECT run FROM sv0.runs WHERE tenant = '\(scanning.tenant)' AND attempt > 1")
        for run in repeated { #expect(killed.logged.contains(run)) }
      } second: { scanning in
        try scanning.hold()
        try await scanning.runs(reach: "epoch = 2 AND heard")
        try await scanning.isStaged()
        try await workers.killAndRestart("loader")
        try stack.aws.fail()
        try await scanning.runs(reach: "epoch = 2 AND state = 'evaluated' AND attempt = 1")
      }
    }

    @Test func aStandbyTakesOverFromWhatIsKilledAndFromWhatIsStopped() async throws {
      try await Scanning.check("standby") { scanning in
        // So that leases run out and attempts have to be given out again.
        let extractors = try ["extractor", "extractor-b"].map { try workers[$0] }
        for extractor in extractors { extractor.signal(SIGSTOP) }
        try await scanning.runs(reach: "attempt >= 1")
        let active = try await relaying()
        for name in active { try await workers.kill(name) }
        try await others(relayInsteadOf: active)
        try await scanning.runs(reach: "attempt >= 2")
        for name in active { try workers.start(name) }
        for extractor in extractors { extractor.signal(SIGCONT) }
      } second: { scanning in
        let active = try await relaying()
        let stopped = try active.map { try workers[$0] }
        for worker in stopped { worker.signal(SIGSTOP) }
        try await others(relayInsteadOf: active)
        for worker in stopped { worker.signal(SIGCONT) }
      }
    }

    /// A scheduler and an evaluator: those that empty the outboxes.
    private func relaying() async throws -> [String] {
      let holders = try await stack.query("SELECT DISTINCT holder FROM sv0.relay_leases")
      return try Set(["scheduler", "evaluator"]).map { kind in
        try #require(holders.sorted().first { Workers.kind(of: $0) == kind })
      }
    }

    private func others(relayInsteadOf names: [String]) async throws {
      let list = names.map { "'\($0)'" }.joined(separator: ", ")
      try await wait(until: "others than \(list) to relay", every: .milliseconds(200)) {
        try await stack.query(
          "SELECT count(*) FROM sv0.relay_leases WHERE holder IN (\(list))") == ["0"]
      }
    }
  }
}
