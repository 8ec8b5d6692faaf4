import Foundation
import Model
import Testing

extension EndToEnd {
  /// The workers as a deployment runs them. Every test leaves six of them running.
  @Suite(.separateWorkers("workers")) struct WorkerTests {
    private let workers: Workers
    private let stack: Stack

    init() throws {
      workers = try .current
      stack = try .current
    }

    @Test(arguments: Workers.names)
    func aWorkerAnswersHealthReadinessAndMetrics(_ name: String) async throws {
      try await workers.areReady()
      #expect(try await workers.ask(name, "/healthz").status == 200)
      #expect(try await workers.ask(name, "/readyz").body == "ok\n")
      let metrics = try await workers.ask(name, "/metrics")
      #expect(metrics.status == 200 && !metrics.body.isEmpty)
      // Source: https://prometheus.io/docs/instrumenting/exposition_formats/
      let sample = /[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eE]+/
      for line in metrics.body.split(separator: "\n") where !line.hasPrefix("#") {
        #expect(line.wholeMatch(of: sample) != nil, "\(line)")
      }
    }

    @Test(arguments: Workers.names)
    func aWorkerDrainsWhenAsked(_ name: String) async throws {
      try await workers.areReady()
      let worker = try workers[name]
      try await worker.drain()
      let lines = try Workers.lines(of: worker.logged)
      #expect(lines.last?["message"] == "drained")
      for line in lines { #expect(line["level"] != "error") }
      try workers.start(name)
      try await workers.areReady()
    }

    @Test func killingEveryWorkerDuringAScanChangesNothingInItsResult() async throws {
      try await workers.areReady()
      let expected = try await undisturbed()
      let disturbed = try await result(of: "killed") {
        try stack.aws.fail([FaultProxy.getFunctionPolicy: .hold])
        try await run(of: "killed", reaches: "state = 'leased' AND heard")
        try await workers.killAndRestart("scheduler")
        try await workers.killAndRestart("extractor")
        try await run(of: "killed", reaches: "attempt = 2 AND heard")
        try await isStaged("killed")
        try await workers.killAndRestart("transformer")
        try await workers.killAndRestart("loader")
        try stack.aws.fail()
        try await run(of: "killed", reaches: "state IN ('applied', 'evaluated')")
        try await workers.killAndRestart("evaluator")
        try await wait(until: "a delivery") {
          try stack.deliveries().contains { $0.tenant == "killed" }
        }
        try await workers.killAndRestart("notifier")
      }
      #expect(disturbed == expected)
      try await everyFindingIsDelivered(to: "killed")
    }

    @Test func serversThatCannotBeReachedAreWaitedForAndNothingIsLost() async throws {
      try await workers.areReady()
      let expected = try await undisturbed()
      let disturbed = try await result(of: "cut-off") {
        try stack.aws.fail([FaultProxy.getFunctionPolicy: .hold])
        try await run(of: "cut-off", reaches: "state = 'leased' AND heard")
        try await isStaged("cut-off")
        try await workers.database.cut()
        try await areNotReady(["scheduler", "loader", "evaluator", "notifier"])
        try await workers.database.restore()
        try await workers.areReady()
        try await workers.broker.cut()
        try await areNotReady(Workers.names)
        try await workers.broker.restore()
        try await workers.areReady()
        try stack.aws.fail()
      }
      #expect(disturbed == expected)
      try await everyFindingIsDelivered(to: "cut-off")
    }
  }
}

extension EndToEnd.WorkerTests {
  /// What both disturbed scans are compared with; the account stays as it is meanwhile.
  private func undisturbed() async throws -> [String] {
    let known = try await contents(of: "undisturbed")
    return known.isEmpty ? try await result(of: "undisturbed") : known
  }

  /// What a tenant's first scan comes to, without the tenant's name: equal graphs, equal lines.
  private func result(
    of tenant: String, _ disturb: () async throws -> Void = {}
  ) async throws -> [String] {
    try await stack.applyConnection(tenant: tenant)
    try await stack.applySink(tenant: tenant)
    let scan = try stack.start("scan-of-\(tenant)", Stack.scanning(tenant: tenant))
    try await finally({ try stack.aws.fail() }) { try await disturb() }
    #expect(try await scan.ended(within: .seconds(120)) == 0, "\(scan.written)\(scan.logged)")
    let contents = try await contents(of: tenant)
    #expect(contents.count > 300)
    return contents
  }

  private func contents(of tenant: String) async throws -> [String] {
    try await stack.openRows(tenant: tenant)
      + stack.query(
        """
        SELECT rule, subject, severity, event ->> 'message' FROM sv0.findings
        WHERE tenant = '\(tenant)' ORDER BY 1, 2
        """)
  }

  private func run(of tenant: String, reaches condition: String) async throws {
    try await wait(until: "the run of \(tenant) to reach \(condition)") {
      try await stack.query(
        "SELECT count(*) FROM sv0.runs WHERE tenant = '\(tenant)' AND \(condition)") != ["0"]
    }
  }

  /// Waits until the loader holds a part of the current attempt.
  private func isStaged(_ tenant: String) async throws {
    try await wait(until: "records of \(tenant) in staging") {
      try await stack.query(
        """
        SELECT count(*) FROM sv0.staged_objects JOIN sv0.runs USING (run, attempt)
        WHERE tenant = '\(tenant)'
        """) != ["0"]
    }
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

  private func everyFindingIsDelivered(to tenant: String) async throws {
    let versions = try await stack.query(
      "SELECT uid || '.' || version FROM sv0.finding_versions WHERE tenant = '\(tenant)'")
    try await wait(until: "every finding of \(tenant) at the webhook") {
      let accepted = try stack.deliveries().filter { $0.status == 204 && $0.tenant == tenant }
      return Set(accepted.map(\.id)) == Set(versions)
    }
  }
}
