import Foundation
import Model
import Testing

extension EndToEnd.Disturbed.Singles {
  /// What a supervisor asks of each worker.
  @Suite struct WorkerTests {
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
  }
}
