internal import Evaluation
internal import Foundation
internal import JSONReader
internal import Model

/// P5: who can become whom in one account, from its policies in memory; beside Principal Mapper on
/// the same account, of which both must find the same.
///
/// The peer compares every principal with every role, so its cost grows with their product.
enum EscalationRow {
  static func measure(_ sizes: [Int] = [20, 200, 2000]) throws -> Measured {
    let python = try Program.packages(of: "pmapper") + "/bin/python"
    var details: [String] = []
    var ratio = 0.0
    for roles in sizes {
      let account = EscalationAccount(roles: roles)
      let (seconds, pairs) = try evaluate(account)
      let peer = try peerEdges(of: account, python)
      guard pairs == peer.pairs else {
        throw NotMeasured(
          "\(roles) roles: only sv0 has \(pairs.subtracting(peer.pairs).sorted().prefix(3)), "
            + "only the peer \(peer.pairs.subtracting(pairs).sorted().prefix(3))")
      }
      ratio = peer.seconds / seconds
      details.append(
        "\(roles) roles: the same \(pairs.count) pairs in \((seconds * 1000).digits(1)) ms; "
          + "PMapper 1.1.5: \(peer.seconds.digits(1)) s, \(peer.edges) edges")
    }
    return Measured(
      value: "\(ratio.digits(0))× faster than PMapper on 2,000 roles", target: "≥ 300×",
      isMet: ratio >= 300, details: details)
  }

  /// The best of five runs, and who comes to be which role or user of the account for certain.
  /// Administrators are left out, as the peer leaves them out: they are everybody.
  private static func evaluate(
    _ account: EscalationAccount
  ) throws -> (seconds: Double, pairs: Set<String>) {
    let graph = account.graph
    var best = Double.infinity
    var pairs: Set<String> = []
    for _ in 0..<5 {
      let start = ContinuousClock.now
      let evaluation = Evaluation(of: graph, at: EscalationAccount.now)
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
      pairs = found(in: evaluation, account)
    }
    return (best, pairs)
  }

  private static func found(
    in evaluation: Evaluation, _ account: EscalationAccount
  ) -> Set<String> {
    let principals = Set(account.principals)
    var pairs: Set<String> = []
    for source in account.principals {
      let hops = evaluation.hops(from: source)
      if hops.contains(where: \.isAdministration) { continue }
      for hop in hops
      where ["canAssume", "canEscalateTo"].contains(hop.kind) && hop.decision == .allowed {
        // Whoever controls an automation is the role that it runs as.
        let ends =
          principals.contains(hop.to)
          ? [hop.to] : evaluation.hops(from: hop.to).filter { $0.kind == "runsAs" }.map(\.to)
        for end in ends where end != source { pairs.insert("\(source) \(end)") }
      }
    }
    return pairs
  }

  private static func peerEdges(
    of account: EscalationAccount, _ python: String
  ) throws -> (seconds: Double, edges: Int, pairs: Set<String>) {
    let folder = FileManager.default.temporaryDirectory
    let input = folder.appending(path: "sv0-bench-\(ProcessInfo.processInfo.processIdentifier)")
    try Data(account.json.bytes).write(to: input)
    defer { try? FileManager.default.removeItem(at: input) }
    let program = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "pmapper.py")
    let text = try run(python, [program.path, input.path])
    let root = try JSONDocument(parsing: text).root
    let pairs = root["pairs"]?.elements.map { $0.compactMap(\.string) } ?? []
    guard let seconds = root["seconds"]?.numberText.flatMap(Double.init),
      let edges = root["edges"]?.numberText.flatMap({ Int($0) })
    else { throw NotMeasured("the peer's answer is not understood") }
    return (seconds, edges, Set(pairs))
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> [UInt8] {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw NotMeasured("\(program) \(arguments.joined(separator: " ")) ended with an error")
    }
    return Array(bytes)
  }
}
