internal import Evaluation
internal import Foundation
internal import Model

/// P6: everything of one tenant - semantics, paths, rules - from the graph in memory; beside it
/// what recursive SQL and networkx take for reachability alone.
enum EvaluationRow {
  static func measure() async throws -> Measured {
    var details: [String] = []
    var (seconds, memory, ratios) = (0.0, 0.0, [Double]())
    for count in [10_000, 100_000, 1_000_000] {
      try Memory.forgetPeak()
      let begin = ContinuousClock.now
      let (graph, nodes, edges) = Self.graph(nodes: count)
      let built = begin.duration(to: .now)
      let loaded = try Memory.peak()
      try Memory.forgetPeak()
      let start = ContinuousClock.now
      let evaluation = Evaluation(of: graph, at: GeneratedTenant.now)
      let paths = start.duration(to: .now)
      let findings = evaluation.findings.count
      seconds = start.duration(to: .now).seconds
      memory = try Memory.peak()
      details.append(
        "\(nodes) nodes, \(edges) edges: \(seconds.digits(2)) s (semantics and hops "
          + "\(paths.seconds.digits(2)) s), \(findings) findings, peak \(memory.digits(2)) GiB; "
          + "the graph itself was made in \(built.seconds.digits(1)) s, peak "
          + "\(loaded.digits(2)) GiB")
      guard count == 100_000 else { continue }
      for peer in try await Reachability.peers(evaluation, graph) {
        ratios.append(peer.seconds / seconds)
        details.append(
          "\(peer.name), reachability only: \(peer.seconds.digits(1)) s, "
            + "\((peer.seconds / seconds).digits(0))×")
      }
    }
    let ratio = ratios.min() ?? 0
    return Measured(
      value: "\(seconds.digits(2)) s and \(memory.digits(2)) GiB for 1 M nodes and 5 M edges; "
        + "\(ratio.digits(0))× the faster peer at a tenth of it",
      target: "≤ 5 s, ≤ 1.5 GiB, ≥ 100×", isMet: seconds <= 5 && memory <= 1.5 && ratio >= 100,
      details: details)
  }

  private static func graph(nodes: Int) -> (Graph, Int, Int) {
    let tenant = GeneratedTenant(nodes: nodes, seed: 1)
    return (tenant.graph.graph(), tenant.nodeCount, tenant.edgeCount)
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}

/// This process's memory.
///
/// Source: proc_pid_status(5), proc_pid_clear_refs(5).
enum Memory {
  /// The most that was resident since `forgetPeak`, in GiB.
  static func peak() throws -> Double {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    guard let words = line?.split(separator: " ", omittingEmptySubsequences: true),
      words.count >= 2, let kilobytes = Double(words[words.count - 2].drop { $0 == "\t" })
    else { throw NotMeasured("/proc/self/status names no VmHWM") }
    return kilobytes / 1_048_576
  }

  static func forgetPeak() throws {
    try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
  }
}
