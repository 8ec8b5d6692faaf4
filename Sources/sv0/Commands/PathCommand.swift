internal import ArgumentParser
internal import Evaluation
internal import Model

struct PathCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path", abstract: "How one thing comes to act as, or on, another.",
    discussion: """
      FROM and TO take any defined name, or a unique suffix of one: an ARN, `role/deploy`, \
      `anyone`, `aws:account:111122223333#*`.
      """)

  @OptionGroup var options: AuthorityOptions

  @Argument(help: "Where the path begins.")
  var from: String

  @Argument(help: "Where it ends.")
  var to: String

  func run() async throws {
    let evaluation = try await options.evaluation()
    let names = evaluation.names
    let start = try Self.resolve(from, among: names)
    let end = try Self.resolve(to, among: names)
    let paths = evaluation.paths(from: start, to: end)
    guard !paths.isEmpty else {
      throw Failure(.outcome, "no path from \(start) to \(end)")
    }
    for (index, path) in paths.enumerated() {
      switch options.output.output {
      case .text:
        if index > 0 { Terminal.print("") }
        Terminal.print("\(path.decision.level) via \(path.via), \(path.hops.count) hops")
        for line in ChainText.lines(evaluation.chain(path)) { Terminal.print(line) }
      case .json: Terminal.print(evaluation.json(of: path).text)
      }
    }
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
