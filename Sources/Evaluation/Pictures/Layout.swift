/// Where a picture's nodes and edges are drawn, in pixels: layers from left to right.
///
/// An edge over several layers passes each of them at a place of its own, so that it crosses no
/// node. Nodes of a layer stand in the order of what they are connected with.
struct Layout {
  struct Box {
    var x = 0
    var y = 0
    var width = 0
    var height = 0

    var middle: Int { y + height / 2 }
    var right: Int { x + width }
  }

  static let nodeHeight = 44
  private static let bendHeight = 14
  private static let gap = 20
  private static let margin = 24
  private static let top = 56

  /// By place of the node.
  private(set) var boxes: [Box]
  /// By edge: where it passes layers between its ends.
  private(set) var bends: [[Box]]
  private(set) var width = 0
  private(set) var height = 0

  /// What stands in a layer: a node, or an edge that passes.
  private enum Slot: Hashable {
    case node(Int)
    case bend(edge: Int, step: Int)
  }

  init(_ picture: Picture) {
    let layers = picture.layers
    boxes = picture.nodes.map { node in
      let text = max(Self.width(node.name) * 15, Self.width(node.kind) * 11)
      return Box(width: text / 2 + 28, height: Self.nodeHeight)
    }
    bends = picture.edges.map { edge in
      let between = layers[edge.to] - layers[edge.from] - 1
      return Array(repeating: Box(height: Self.bendHeight), count: max(0, between))
    }
    var columns = [[Slot]](repeating: [], count: (layers.max() ?? 0) + 1)
    for place in picture.nodes.indices { columns[layers[place]].append(.node(place)) }
    for (number, edge) in picture.edges.enumerated() {
      for step in bends[number].indices {
        columns[layers[edge.from] + step + 1].append(.bend(edge: number, step: step))
      }
    }
    arrange(&columns, picture, layers)
    let gaps = columns.indices.map { column in
      let leaving = picture.edges.indices.filter { layers[picture.edges[$0].from] == column }
      return 70 + (leaving.map { Self.width(picture.edges[$0].label) * 6 }.max() ?? 0)
    }
    put(columns, gaps)
  }

  /// About how many characters of the usual width a text takes.
  static func width(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + ($1.value > 0x2E80 ? 2 : 1) }
  }

  /// Sorts each layer by the average place of its neighbours, to and fro, until it settles.
  private func arrange(_ columns: inout [[Slot]], _ picture: Picture, _ layers: [Int]) {
    var before: [Slot: [Slot]] = [:]
    var after: [Slot: [Slot]] = [:]
    for (number, edge) in picture.edges.enumerated() where layers[edge.to] > layers[edge.from] {
      let way =
        [Slot.node(edge.from)] + bends[number].indices.map { .bend(edge: number, step: $0) }
        + [.node(edge.to)]
      for (left, right) in zip(way, way.dropFirst()) {
        after[left, default: []].append(right)
        before[right, default: []].append(left)
      }
    }
    for round in 0..<6 {
      let isForward = round % 2 == 0
      let order = isForward ? Array(columns.indices) : columns.indices.reversed()
      for column in order {
        let neighbour = isForward ? column - 1 : column + 1
        guard columns.indices.contains(neighbour) else { continue }
        let places = Dictionary(
          uniqueKeysWithValues: columns[neighbour].enumerated().map { ($1, $0) })
        let ranked = columns[column].enumerated().map { place, slot in
          let near = ((isForward ? before : after)[slot] ?? []).compactMap { places[$0] }
          let average =
            near.isEmpty ? Double(place) : Double(near.reduce(0, +)) / Double(near.count)
          return (average: average, place: place, slot: slot)
        }
        columns[column] = ranked.sorted { ($0.average, $0.place) < ($1.average, $1.place) }
          .map(\.slot)
      }
    }
  }

  private mutating func put(_ columns: [[Slot]], _ gaps: [Int]) {
    func slotHeight(_ slot: Slot) -> Int {
      if case .node = slot { Self.nodeHeight } else { Self.bendHeight }
    }
    let heights = columns.map { column in
      column.reduce(-Self.gap) { $0 + slotHeight($1) + Self.gap }
    }
    let tallest = heights.max() ?? 0
    var x = Self.margin
    for (number, column) in columns.enumerated() {
      let widest =
        column.map { if case .node(let place) = $0 { boxes[place].width } else { 0 } }
        .max() ?? 0
      var y = Self.top + (tallest - heights[number]) / 2
      for slot in column {
        switch slot {
        case .node(let place):
          boxes[place].x = x
          boxes[place].y = y
          boxes[place].width = widest
        case .bend(let edge, let step):
          bends[edge][step] = Box(x: x, y: y, width: widest, height: Self.bendHeight)
        }
        y += slotHeight(slot) + Self.gap
      }
      x += widest + gaps[number]
    }
    width = x - (gaps.last ?? 0) + Self.margin
    height = Self.top + tallest + Self.margin
  }
}
