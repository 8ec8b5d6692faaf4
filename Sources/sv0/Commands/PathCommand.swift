internal import ArgumentParser
internal import Evaluation
internal import Model

struct PathCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path", abstract: "How one thing comes to act as, or on, another.",
    discussion: """
      FROM and TO take any defined name, or a unique suffix of one: an ARN, `role/deploy`, \
      `anyone`, `aws:account:111122223333#*`, `data-domain:hr`. Without --all the best path is \
      shown, and a weaker one where it is shorter.
      """)

  @OptionGroup var options: AuthorityOptions

  @Argument(help: "Where the path begins.")
  var from: String

  @Argument(help: "Where it ends.")
  var to: String

  @Flag(help: "Every path that comes to nothing twice, the shortest first.")
  var all = false

  @Option(help: "With --all: the longest path that is looked for, in hops.")
  var maxHops = AuthorityGraph.maximumHops

  @Option(help: "With --all: how many paths are shown.")
  var limit = 100

  func validate() throws {
    guard (1...AuthorityGraph.maximumHops).contains(maxHops), (1...10_000).contains(limit) else {
      throw ValidationError(
        "--max-hops takes 1 to \(AuthorityGraph.maximumHops), --limit 1 to 10000")
    }
  }

  func run() async throws {
    let evaluation = try await options.evaluation()
    let names = evaluation.names
    let start = try Self.resolve(from, among: names)
    let end = try Self.resolve(to, among: names)
    let paths = paths(of: evaluation, start, end)
    guard !paths.isEmpty else {
      throw Failure(.outcome, "no path from \(start) to \(end)")
    }
    guard options.output.output == .text else {
      options.print(paths, of: evaluation, title: "From \(start) to \(end)")
      return
    }
    for (index, path) in paths.enumerated() {
      if index > 0 { Terminal.print("") }
      let access = path.end(evaluation.domains(atEndOf: path))
      Terminal.print(
        "\(path.decision.level)\(access) via \(path.via), \(path.hops.count) hops")
      for line in ChainText.lines(evaluation.chain(path)) { Terminal.print(line) }
    }
  }

  private func paths(
    of evaluation: Evaluation, _ start: String, _ end: String
  ) -> [AuthorityPath] {
    guard all else { return evaluation.paths(from: start, to: end) }
    let found = evaluation.allPaths(from: start, to: end, maximumHops: maxHops, limit: limit)
    if !found.isComplete {
      Terminal.complain("there are more paths than these \(found.paths.count): see --limit")
    }
    return found.paths
  }

  /// The node id that a name or a unique suffix of one means.
  static func resolve(_ text: String, among names: [String: String]) throws(Failure) -> String {
    if let id = names[text] { return id }
    let matches = Set(
      names.filter { name, _ in
        name.hasSuffix(text)
          && name.dropLast(text.count).last.map { ":/#".contains($0) } ?? false
      }.values)
    guard let id = matches.first else {
      throw Failure(.usage, "nothing is called \(text); `sv0 graph nodes` lists what is known")
    }
    guard matches.count == 1 else {
      let list = matches.sorted { $0.precedes($1) }.joined(separator: ", ")
      throw Failure(.usage, "\(text) may mean any of: \(list)")
    }
    return id
  }
}
