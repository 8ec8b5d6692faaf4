internal import ArgumentParser
internal import Extraction
internal import Model

struct CatalogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "catalog", abstract: "What a connector reads, and with which permissions.")

  @Argument(help: "The platform.")
  var platform: Platform

  @OptionGroup var output: OutputOption

  func run() async throws {
    let catalog = try Connectors.of(platform).catalog
    switch output.output {
    case .json: for collection in catalog.collections { Terminal.print(collection.json.text) }
    case .text:
      let rows = catalog.collections.map { collection in
        [
          collection.name + (collection.isRegional ? "@REGION" : ""), collection.kind.rawValue,
          collection.operations.map(\.permission).joined(separator: ", "),
        ]
      }
      for line in Terminal.table(rows) { Terminal.print(line) }
    }
  }
}
