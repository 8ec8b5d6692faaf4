internal import Cryptography
internal import Evaluation
internal import Foundation
internal import LocalStack
internal import Model

/// What every identity and automation comes to, by others' means.
enum Reachability {
  struct Peer {
    var name: String
    var seconds: Double
  }

  private static let types: Set<String> = [
    "aws.iam.role", "aws.iam.user", "aws.lambda.function",
  ]

  /// Both are given all hops, derived ones too, and must find what `reach` finds.
  static func peers(_ evaluation: Evaluation, _ graph: Graph) async throws -> [Peer] {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "sv0-bench-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let sources = graph.nodes.filter { types.contains($0.type) }.map(\.id)
    let sample = stride(from: 0, to: sources.count, by: max(1, sources.count / 200)).map {
      sources[$0]
    }
    let hops = evaluation.hops.map { "\($0)\t\($1)" }
    for (name, lines) in [("hops", hops), ("sources", sources), ("sample", sample)] {
      try (lines + [""]).joined(separator: "\n").write(
        to: folder.appending(path: "\(name).tsv"), atomically: false, encoding: .utf8)
    }
    // Access to data is asked apart, and is no hop that the peers are given.
    let given = Set(hops)
    let pairs = Set(
      sample.flatMap { source in
        evaluation.reach(from: source).compactMap(\.hops.last)
          .filter { given.contains("\($0.from)\t\($0.to)") }.map { "\(source)\t\($0.to)" }
      })
    let digest = SHA256.hexDigest(pairs.sorted { $0.precedes($1) }.joined(separator: "\n"))
    let stack = folder.appending(path: "stack").path
    do {
      let server = try await LocalStack.up(directory: stack, services: [.postgres])
      var peers: [Peer] = []
      for peer in ["networkx", "sql"] {
        let program = try Program(
          "reachability.py", [peer, folder.path], environment: server.variables)
        defer { program.stop() }
        let words = try program.line().split(separator: " ")
        guard words.count == 3, let seconds = Double(words[0]) else {
          throw NotMeasured("reachability.py \(peer) failed")
        }
        guard words[2] == digest else {
          throw NotMeasured("\(peer) and sv0 reach different things")
        }
        peers.append(Peer(name: "\(peer), \(words[1]) pairs", seconds: seconds))
      }
      try await LocalStack.down(directory: stack)
      return peers
    } catch {
      try await LocalStack.down(directory: stack)
      throw error
    }
  }
}
