extension Picture {
  /// A graph in Graphviz's language. Source: Graphviz documentation, "DOT Language", "escString".
  public var dot: String {
    var lines = [
      "digraph {", "  rankdir=LR",
      "  graph [label=\(Self.quoted(title)), labelloc=t, fontname=\"sans-serif\"]",
      "  node [fontname=\"sans-serif\", fontsize=11, shape=box]",
      "  edge [fontname=\"sans-serif\", fontsize=9]",
    ]
    for (place, node) in nodes.enumerated() {
      let label = Self.quoted(node.name, node.kind)
      lines.append(
        "  n\(place) [label=\(label), tooltip=\(Self.quoted(node.id)), \(Self.look(node.shape))]")
    }
    for edge in edges {
      let style = edge.style
      let dashes = edge.isDerived ? ", style=dashed" : ""
      lines.append(
        "  n\(edge.from) -> n\(edge.to) [label=\(Self.quoted(edge.label)), "
          + "color=\"\(style.colour)\", penwidth=\(style.width)\(dashes)]")
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private static func look(_ shape: Shape) -> String {
    switch shape {
    case .identity: "style=rounded"
    case .automation: "shape=component"
    case .system: "shape=cylinder"
    case .domain: "shape=hexagon"
    case .set: "peripheries=2"
    case .statement: "shape=note"
    case .other: "style=dotted"
    }
  }

  /// Lines of a label. Backslashes and entities have a meaning in it.
  private static func quoted(_ lines: String...) -> String {
    let texts = lines.map { line in
      line.unicodeScalars.map { scalar in
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "&": "&amp;"
        default: scalar.isControl ? " " : String(scalar)
        }
      }.joined()
    }
    return "\"\(texts.joined(separator: "\\n"))\""
  }
}
