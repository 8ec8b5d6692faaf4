import Foundation
import Model
import Testing

extension EndToEnd.Disturbed.Singles {
  /// Servers that go away and come back. Workers wait for them, say so, and are not restarted.
  @Suite struct ServerTests {
    private let workers: Workers
    private let stack: Stack

    init() throws {
      workers = try .current
      stack = try .current
    }

    @Test func terminatedSessionsACrashAndARestartOfPostgresChangeNothing() async throws {
      try await Scanning.check("postgres") { scanning in
        try scanning.hold()
        try await scanning.isUnderWay()
        try await terminateSessions()
        try await scanning.isStaged()
        try await crash()
        try stack.aws.fail()
        try await scanning.runs(1, reach: "state IN ('applied', 'evaluated')")
        try await terminateSessions()
      } second: { scanning in
        try scanning.hold()
        try await scanning.runs(reach: "epoch = 2 AND heard")
        try await scanning.isStaged()
        try await stack.restartPostgres()
        try stack.aws.fail()
        for reached in ["extracted", "applied", "evaluated"] {
          try await scanning.runs(
            1, reach: "epoch = 2 AND state IN ('\(reached)', 'applied', 'evaluated')")
          try await terminateSessions()
        }
      }
    }

    @Test func connectionsThatAreCutOrFrozenAreWaitedForAndNothingIsLost() async throws {
      try await Scanning.check("cut-off") { scanning in
        try scanning.hold()
        try await scanning.isUnderWay()
        try await workers.database.cut()
        try await areNotReady(["scheduler", "loader", "evaluator", "notifier"])
        try await workers.database.restore()
        try await workers.areReady()
        try await workers.broker.cut()
        try await areNotReady(Workers.names)
        try await workers.broker.restore()
        try await workers.areReady()
      } second: { scanning in
        try scanning.hold()
        try await scanning.runs(reach: "epoch = 2 AND state = 'leased' AND heard")
        workers.database.freeze()
        // Nobody hears of the heartbeats any more.
        try await scanning.runs(reach: "epoch = 2 AND lease_until < now()")
        workers.database.thaw()
        workers.broker.freeze()
        // Taken back, and not to be given out to anybody.
        try await scanning.runs(1, reach: "epoch = 2 AND (attempt > 1 OR state = 'queued')")
        workers.broker.thaw()
        try await workers.areReady()
      }
    }
  }
}

extension EndToEnd.Disturbed.Singles.ServerTests {
  private func terminateSessions() async throws {
    let ended = try await stack.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sv0'")
    #expect(!ended.isEmpty)
  }

  /// Kills a server process of a session: Postgres then ends all others, and begins anew with
  /// empty staging.
  private func crash() async throws {
    let pid = try await wait(for: "a session") {
      try await stack.query(
        "SELECT pid FROM pg_stat_activity WHERE usename = 'sv0' LIMIT 1"
      ).first.flatMap { pid_t($0) }
    }
    kill(pid, SIGKILL)
    try await wait(until: "Postgres to be back") { (try? await stack.query("SELECT 1")) == ["1"] }
  }

  /// A worker without its server says so, and is not restarted for it.
  private func areNotReady(_ names: [String]) async throws {
    for name in names {
      let worker = try workers[name]
      let reasons = try await wait(for: "\(name) not to be ready") {
        let answer = try await workers.ask(name, "/readyz")
        return answer.status == 503 ? answer.body : nil
      }
      #expect(!reasons.isEmpty)
      #expect(try await workers.ask(name, "/healthz").status == 200)
      let warnings = try Workers.lines(of: worker.logged).filter { $0["level"] == "warning" }
      #expect(warnings.contains { $0["message"] == "failed; trying again" }, "\(name)")
    }
  }
}
