internal import ArgumentParser
internal import Evaluation

/// How paths and decisions are shown.
enum PathFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json, mermaid, dot, svg
}

struct PathOutputOption: ParsableArguments {
  @Option(
    help: "text; json: one object a line; or a picture: mermaid, dot (Graphviz) or svg.")
  var output = PathFormat.text
}

extension Picture {
  /// The picture in a form that is one; `nil` for text and JSON.
  func drawn(as format: PathFormat) -> String? {
    switch format {
    case .text, .json: nil
    case .mermaid: mermaid
    case .dot: dot
    case .svg: svg
    }
  }
}
