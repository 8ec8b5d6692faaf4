internal import ArgumentParser
internal import Extraction
internal import Foundation
internal import Model

struct CatalogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "catalog", abstract: "What a connector reads, and with which permissions.")

  @Argument(help: "The platform.")
  var platform: Platform

  @Flag(help: "What became of each operation that was considered, and why it is not called.")
  var coverage = false

  @Option(
    name: .customLong("write"),
    help: ArgumentHelp(
      "Write what follows from the catalog below this folder: what a customer deploys, and the reference.",
      valueName: "folder"))
  var folder: String?

  @OptionGroup var output: OutputOption

  func run() async throws {
    let connector = try Connectors.of(platform)
    if let folder { return try write(connector.documents, below: folder) }
    let catalog = connector.catalog
    switch output.output {
    case .json:
      for json in coverage ? catalog.coverage.map(\.json) : catalog.collections.map(\.json) {
        Terminal.print(json.text)
      }
    case .text:
      let rows = coverage ? catalog.coverage.map(\.row) : catalog.collections.flatMap(\.rows)
      for line in Terminal.table(rows) { Terminal.print(line) }
    }
  }

  private func write(_ documents: [String: String], below folder: String) throws {
    for (path, text) in documents.sorted(by: { $0.key.precedes($1.key) }) {
      let file = URL(filePath: folder).appending(path: path)
      do {
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file, options: .atomic)
      } catch {
        throw Failure(
          .configuration, "\(file.path) could not be written: \(error.localizedDescription)")
      }
      Terminal.print(path)
    }
  }
}

extension CollectionDescription {
  /// One for each call, so that they stand below each other.
  fileprivate var rows: [[String]] {
    let how = [
      isRegional ? "each region" : "once", kind == .full ? nil : kind.rawValue,
      isRoadmap ? "roadmap" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
    return operations.enumerated().map { index, operation in
      (index == 0 ? [name, how] : ["", ""]) + [operation.permission]
    }
  }
}

extension OperationCoverage {
  fileprivate var row: [String] {
    switch state {
    case .called: [operation, "called", ""]
    case .authentication: [operation, "authentication", ""]
    case .coveredBy(let other, let field): [operation, "covered by", "\(other) at \(field)"]
    case .exempt(let reason): [operation, "exempt", reason]
    }
  }
}
