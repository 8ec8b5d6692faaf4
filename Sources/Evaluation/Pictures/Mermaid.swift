extension Picture {
  /// A Mermaid flowchart. Source: Mermaid documentation, "Flowcharts - Basic Syntax".
  public var mermaid: String {
    var lines = ["flowchart LR"]
    for (place, node) in nodes.enumerated() {
      let (open, close) = Self.brackets(node.shape)
      let text = "\(Self.escaped(node.name))<br/><small>\(Self.escaped(node.kind))</small>"
      lines.append("  n\(place)\(open)\"\(text)\"\(close)")
    }
    for edge in edges {
      let label = edge.label.isEmpty ? "" : "|\"\(Self.escaped(edge.label))\"|"
      lines.append("  n\(edge.from) -->\(label) n\(edge.to)")
    }
    for (number, edge) in edges.enumerated() {
      let style = edge.style
      let dashes = edge.isDerived ? ",stroke-dasharray:6 4" : ""
      lines.append(
        "  linkStyle \(number) stroke:\(style.colour),stroke-width:\(style.width)px\(dashes)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func brackets(_ shape: Shape) -> (String, String) {
    switch shape {
    case .identity: ("([", "])")
    case .automation: ("[[", "]]")
    case .system: ("[(", ")]")
    case .domain: ("{{", "}}")
    case .set, .statement, .other: ("[", "]")
    }
  }

  /// Letters, digits and what has no meaning stay; everything else becomes `#NUMBER;`.
  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      if scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value)
        || " -.,:/@+=()".unicodeScalars.contains(scalar)
      {
        return String(scalar)
      }
      return scalar.isControl ? " " : "#\(scalar.value);"
    }.joined()
  }
}

extension Unicode.Scalar {
  /// What no drawing can show: control characters, and code points that are no characters.
  var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || value & 0xFFFE == 0xFFFE
      || (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
  }
}

extension Picture.Edge {
  /// How firm it is, as it is drawn in every form.
  var style: (colour: String, width: Double) {
    if forbids { return ("#b91c1c", strength == .allowed ? 2.5 : 1.5) }
    switch strength {
    case .allowed: return ("#1f2937", 2.5)
    case .conditional: return ("#b45309", 1.5)
    case .unknown, .denied: return ("#6b7280", 0.8)
    }
  }
}
