extension Picture {
  /// A drawing without scripts, styles or anything from elsewhere. Source: W3C, "SVG 1.1".
  public var svg: String {
    var picture = self
    for place in nodes.indices {
      picture.nodes[place].name = Self.shortened(nodes[place].name, to: 44)
      picture.nodes[place].kind = Self.shortened(nodes[place].kind, to: 56)
    }
    let layout = Layout(picture)
    let width = max(layout.width, 640)
    let height = layout.height + 48
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" role=\"img\" font-family=\"sans-serif\">",
      "<title>\(Self.escaped(title))</title>",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      Self.text(24, 30, Self.shortened(title, to: width / 9), size: 15, "font-weight=\"bold\""),
    ]
    lines += edges.indices.map { picture.line($0, layout) }
    lines += nodes.indices.map { picture.box($0, layout.boxes[$0], of: nodes[$0]) }
    lines += edges.indices.compactMap { picture.label($0, layout) }
    lines += picture.legend(y: layout.height + 20)
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  private func box(_ place: Int, _ box: Layout.Box, of node: Node) -> String {
    let round =
      switch node.shape {
      case .identity, .set: 20
      case .system, .domain: 6
      case .automation, .statement, .other: 0
      }
    let isSet = node.shape == .set || node.shape == .other
    let dashes = isSet ? " stroke-dasharray=\"2 3\"" : ""
    return "<g><title>\(Self.escaped(node.id))</title>"
      + "<rect x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(box.width)\" height=\"\(box.height)\" "
      + "rx=\"\(round)\" fill=\"\(Self.fill(node.shape))\" stroke=\"#334155\"\(dashes)/>"
      + Self.text(
        box.x + box.width / 2, box.y + 19, nodes[place].name, size: 13, Self.centred)
      + Self.text(
        box.x + box.width / 2, box.y + 35, nodes[place].kind, size: 10,
        "\(Self.centred) fill=\"#475569\"") + "</g>"
  }

  private static let centred = "text-anchor=\"middle\""

  private static func fill(_ shape: Shape) -> String {
    switch shape {
    case .identity: "#e0f2fe"
    case .automation: "#fef3c7"
    case .system: "#dcfce7"
    case .domain: "#fee2e2"
    case .set: "#f3e8ff"
    case .statement, .other: "#f8fafc"
    }
  }

  private func line(_ number: Int, _ layout: Layout) -> String {
    let edge = edges[number]
    let (from, to) = (layout.boxes[edge.from], layout.boxes[edge.to])
    var way: String
    var end: (x: Int, y: Int)
    if to.x > from.x {
      let shift = offset(number)
      way = "M \(from.right) \(from.middle + shift)"
      var x = from.right
      var y = from.middle + shift
      for bend in layout.bends[number] {
        way += Self.curve(x, y, bend.x, bend.middle) + " L \(bend.right) \(bend.middle)"
        (x, y) = (bend.right, bend.middle)
      }
      end = (to.x, to.middle + shift)
      way += Self.curve(x, y, end.x - 8, end.y)
    } else if to.x == from.x {
      end = (to.right, to.middle)
      way =
        "M \(from.right) \(from.middle) C \(from.right + 60) \(from.middle) "
        + "\(to.right + 60) \(end.y) \(end.x + 8) \(end.y)"
    } else {
      // Back: below what lies between.
      end = (to.x + to.width / 2, to.y + to.height)
      let depth = max(from.y, to.y) + Layout.nodeHeight + 36
      way =
        "M \(from.x + from.width / 2) \(from.y + from.height) "
        + "C \(from.x + from.width / 2) \(depth) \(end.x) \(depth) \(end.x) \(end.y + 8)"
    }
    return "<path d=\"\(way)\" fill=\"none\" \(Self.stroke(edge))/>"
      + Self.arrow(end, edge.style.colour, to.x - from.x)
  }

  private static func curve(_ x: Int, _ y: Int, _ toX: Int, _ toY: Int) -> String {
    let middle = (x + toX) / 2
    return " C \(middle) \(y) \(middle) \(toY) \(toX) \(toY)"
  }

  private static func arrow(_ end: (x: Int, y: Int), _ colour: String, _ run: Int) -> String {
    let (x, y) = end
    let points =
      if run > 0 {
        "\(x),\(y) \(x - 9),\(y - 4) \(x - 9),\(y + 4)"
      } else if run == 0 {
        "\(x),\(y) \(x + 9),\(y - 4) \(x + 9),\(y + 4)"
      } else {
        "\(x),\(y) \(x - 4),\(y + 9) \(x + 4),\(y + 9)"
      }
    return "<polygon points=\"\(points)\" fill=\"\(colour)\"/>"
  }

  /// Edges between the same two nodes lie beside each other.
  private func offset(_ number: Int) -> Int {
    let edge = edges[number]
    let same = edges.indices.filter { edges[$0].from == edge.from && edges[$0].to == edge.to }
    let place = same.firstIndex(of: number) ?? 0
    return (2 * place - same.count + 1) * 7
  }

  private func label(_ number: Int, _ layout: Layout) -> String? {
    let edge = edges[number]
    guard !edge.label.isEmpty else { return nil }
    let (from, to) = (layout.boxes[edge.from], layout.boxes[edge.to])
    let next = layout.bends[number].first ?? to
    let x: Int
    var y = (from.middle + next.middle) / 2 + offset(number) - 5
    if to.x > from.x {
      x = (from.right + next.x) / 2
    } else if to.x == from.x {
      x = from.right + 50
    } else {
      x = (from.x + from.width / 2 + to.x + to.width / 2) / 2
      y = max(from.y, to.y) + Layout.nodeHeight + 26
    }
    // The outline keeps it legible where lines pass.
    return Self.text(
      x, y, edge.label, size: 11,
      "\(Self.centred) fill=\"\(edge.style.colour)\" stroke=\"#ffffff\" stroke-width=\"4\" "
        + "paint-order=\"stroke\"")
  }

  private static func stroke(_ edge: Edge) -> String {
    "stroke=\"\(edge.style.colour)\" stroke-width=\"\(edge.style.width)\""
      + (edge.isDerived ? " stroke-dasharray=\"6 4\"" : "")
  }

  private func legend(y: Int) -> [String] {
    func sample(_ strength: Decision.Level, derived: Bool = false, forbids: Bool = false) -> Edge {
      Edge(
        from: 0, to: 0, label: "", strength: strength, isDerived: derived, forbids: forbids)
    }
    var samples = [
      ("effective", sample(.allowed)), ("conditional", sample(.conditional)),
      ("unknown", sample(.unknown)), ("derived", sample(.allowed, derived: true)),
    ]
    if edges.contains(where: \.forbids) {
      samples.append(("forbids", sample(.allowed, forbids: true)))
    }
    return samples.enumerated().map { place, entry in
      let x = 24 + place * 122
      return "<line x1=\"\(x)\" y1=\"\(y)\" x2=\"\(x + 32)\" y2=\"\(y)\" \(Self.stroke(entry.1))/>"
        + Self.text(x + 40, y + 4, entry.0, size: 11, "fill=\"#475569\"")
    }
  }

  private static func text(
    _ x: Int, _ y: Int, _ text: String, size: Int, _ attributes: String
  ) -> String {
    "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(size)\" \(attributes)>\(escaped(text))</text>"
  }

  /// The middle of a long text is left out: its ends tell most.
  private static func shortened(_ text: String, to length: Int) -> String {
    guard text.count > length else { return text }
    return "\(text.prefix(length / 2))…\(text.suffix(length - length / 2 - 1))"
  }

  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      default: scalar.isControl ? " " : String(scalar)
      }
    }.joined()
  }
}
