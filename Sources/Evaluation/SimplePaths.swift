internal import Model

/// All paths between two nodes that come to nothing twice, the shortest first.
///
/// First what can be come to at all, and how far each of that is from the end; then, for each
/// length, depth first, never further away than what is left of the length.
struct SimplePaths {
  /// Steps after which the search gives up: in a dense estate there are more paths than anybody
  /// can count.
  private static let maximumSteps = 500_000

  private let start: String
  private let maximumHops: Int
  /// Hops between, and what completes a path: the last hop, or the last two.
  private var between: [String: [Hop]] = [:]
  private var tails: [String: [[Hop]]] = [:]
  /// The fewest hops from a node to the end.
  private var distances: [String: Int] = [:]

  private var paths: [AuthorityPath] = []
  private var limit = 0
  private var steps = 0
  private var hops: [Hop] = []
  private var visited: Set<String> = []

  init(_ situation: Situation, from start: String, to end: String, maximumHops: Int) {
    self.start = start
    self.maximumHops = maximumHops
    let semantics = situation.semantics
    let isDomain = DataDomain(id: end) != nil
    let holders = isDomain ? [:] : situation.holders(of: end)
    var frontier = [start]
    var seen: Set = [start, end]
    for _ in 0..<maximumHops where !frontier.isEmpty {
      var next: [String] = []
      for node in frontier {
        let own = situation.authority.hops(from: node)
        let leaving =
          own + (isDomain ? semantics.sensitiveAccess(of: node) : holders[node] ?? [])
        for hop in Self.strongest(leaving) where hop.to != start {
          if hop.to == end {
            tails[node, default: []].append([hop])
          } else if hop.transfer == .access {
            tails[node, default: []] +=
              isDomain
              ? semantics.holdings(of: hop.to).filter { $0.to == end }.map { [hop, $0] } : []
          } else {
            between[node, default: []].append(hop)
            if seen.insert(hop.to).inserted { next.append(hop.to) }
          }
        }
      }
      frontier = next
    }
    measure()
  }

  /// Paths in order of length, and of equals in order of hops; and whether these are all within
  /// the maximum of hops.
  mutating func run(limit: Int) -> (paths: [AuthorityPath], isComplete: Bool) {
    self.limit = limit
    visited = [start]
    for length in 1...max(1, maximumHops) where isGoingOn {
      walk(from: start, hopsLeft: length)
    }
    let isComplete = isGoingOn
    return (Array(paths.prefix(limit)), isComplete)
  }

  /// One more than is wanted tells that there are more.
  private var isGoingOn: Bool { paths.count <= limit && steps < Self.maximumSteps }

  private mutating func walk(from node: String, hopsLeft: Int) {
    steps += 1
    for tail in tails[node] ?? [] where tail.count == hopsLeft && isGoingOn {
      paths.append(AuthorityPath(hops + tail))
    }
    for hop in between[node] ?? []
    where isGoingOn && distances[hop.to] ?? .max < hopsLeft && visited.insert(hop.to).inserted {
      hops.append(hop)
      walk(from: hop.to, hopsLeft: hopsLeft - 1)
      hops.removeLast()
      visited.remove(hop.to)
    }
  }

  private mutating func measure() {
    distances = tails.compactMapValues { $0.map(\.count).min() }
    for _ in 0..<maximumHops {
      var isSettled = true
      for (node, hops) in between {
        guard let least = hops.compactMap({ distances[$0.to] }).min(),
          least + 1 < distances[node] ?? .max
        else { continue }
        distances[node] = least + 1
        isSettled = false
      }
      if isSettled { break }
    }
  }

  /// Of parallel hops of a kind the strongest, which stands first.
  private static func strongest(_ hops: [Hop]) -> [Hop] {
    var seen: Set<[String]> = []
    return hops.sorted { $0.precedes($1) }.filter { seen.insert([$0.to, $0.kind]).inserted }
  }
}
