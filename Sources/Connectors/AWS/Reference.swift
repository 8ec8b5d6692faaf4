internal import Extraction
internal import Model

/// `docs/connectors/aws.md`: what is read, by which calls, and what was considered and is not.
struct AWSReference {
  private let catalog: Extraction.Catalog

  init(_ catalog: Extraction.Catalog) {
    self.catalog = catalog
  }

  var text: String {
    ([head] + services + [roadmap, notCalled]).joined(separator: "\n\n") + "\n"
  }

  private var head: String {
    """
    # What is read from AWS

    Generated from the connector's catalog; `make catalog` renews it, and a test compares. The same for programs:
    `sv0 catalog aws --output json`, and with `--coverage` what is not called. What a customer deploys, and what is never
    read: [deploy/aws](../../deploy/aws/README.md).

    \(catalog.collections.count) collections, by \(catalog.permissions().count) permissions. A collection of *each region*
    is one per region, named `NAME@REGION`, and is complete or not for itself; the others are read once. The calls are named
    by their IAM actions and linked to AWS's pages. What is *left out* never leaves the extractor. Collections of the
    roadmap are read only where a connection names them.
    """
  }

  /// A table for each service, in the catalog's order.
  private var services: [String] {
    var order: [String] = []
    let groups = Dictionary(grouping: catalog.collections, by: service)
    for collection in catalog.collections where !order.contains(service(collection)) {
      order.append(service(collection))
    }
    return order.map { service in
      "## \(service)\n\n| collection | | calls | left out |\n|---|---|---|---|\n"
        + (groups[service] ?? []).map(row).joined(separator: "\n")
    }
  }

  private func service(_ collection: CollectionDescription) -> String {
    String(collection.name.split(separator: ".")[1])
  }

  private func row(_ collection: CollectionDescription) -> String {
    let calls = collection.operations.map { "[`\($0.permission)`](\($0.source))" }
    let region =
      collection.isRegional
      ? "each region"
      : collection.operations.contains(where: \.isRegional) ? "once, where each object is" : "once"
    let kind = collection.kind == .full ? "" : "; \(collection.kind.rawValue)"
    let roadmap = collection.isRoadmap ? "; roadmap" : ""
    return "| `\(collection.name)` | \(region)\(kind)\(roadmap) | \(calls.joined(separator: ", ")) "
      + "| \(collection.redaction ?? "") |"
  }

  private var roadmap: String {
    let options = AWSRoleOption.all.map { option in
      let names = catalog.collections.map(\.name).filter(option.includes)
      return "| `\(option.name)` | \(option.subject) | \(code(names)) |"
    }
    return """
      ## Parameters of the role

      What the role allows only where its template's parameter says `yes`, or names a bucket.

      | parameter | | collections |
      |---|---|---|
      \(options.joined(separator: "\n"))
      """
  }

  private var notCalled: String {
    var covered: [String] = []
    var exempt: [(reason: String, operations: [String])] = []
    for entry in catalog.coverage {
      switch entry.state {
      case .called, .authentication: continue
      case .coveredBy(let operation, let field):
        covered.append("| `\(entry.operation)` | `\(operation)` | `\(field)` |")
      case .exempt(let reason):
        if let index = exempt.firstIndex(where: { $0.reason == reason }) {
          exempt[index].operations.append(entry.operation)
        } else {
          exempt.append((reason, [entry.operation]))
        }
      }
    }
    let reasons = exempt.map { "- \($0.reason) \(code($0.operations))" }
    return """
      ## Not called, because another answer has it

      | operation | is in the answer of | at |
      |---|---|---|
      \(covered.joined(separator: "\n"))

      ## Not called, for a reason

      \(reasons.joined(separator: "\n"))

      ## Credentials

      \(code(catalog.authentication.map(\.permission))): obtain and check them, and tell which regions are on.
      """
  }

  private func code(_ names: [String]) -> String {
    names.map { "`\($0)`" }.joined(separator: ", ")
  }
}
