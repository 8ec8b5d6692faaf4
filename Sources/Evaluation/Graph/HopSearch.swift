internal import Model
internal import Synchronization

/// Breadth-first searches along hops.
///
/// Marks of what a search has met are kept for the next one: to clear them costs nothing, because
/// each search has a number of its own.
final class HopSearch: Sendable {
  /// How a search came to a place.
  struct Step {
    var place: UInt32
    /// A position in the table's entries.
    var entry: UInt32
    /// The step before; -1 at the start.
    var before: Int32
  }

  /// Places in the order in which they were met.
  struct Result {
    let start: UInt32
    private(set) var steps: [Step] = []
    /// The weakest hop that was looked at.
    private(set) var weakest = Decision.Level.allowed

    fileprivate init(
      _ table: HopTable, from start: UInt32, atLeast level: Decision.Level, _ marks: inout Marks
    ) {
      self.start = start
      marks.begin()
      marks.mark(start)
      extend(table, from: start, -1, level, &marks)
      var next = 0
      for _ in 1..<AuthorityGraph.maximumHops {
        let end = steps.count
        while next < end {
          extend(table, from: steps[next].place, Int32(next), level, &marks)
          next += 1
        }
      }
    }

    private mutating func extend(
      _ table: HopTable, from place: UInt32, _ before: Int32, _ level: Decision.Level,
      _ marks: inout Marks
    ) {
      table.note(place)
      for position in table.leaving(place) where table.entries[position].level >= level {
        let entry = table.entries[position]
        weakest = min(weakest, entry.level)
        guard marks.mark(entry.to) else { continue }
        steps.append(Step(place: entry.to, entry: UInt32(position), before: before))
      }
    }

    func path(to step: Int, _ table: HopTable) -> AuthorityPath {
      var hops: [Hop] = []
      var index = step
      while index >= 0 {
        let step = steps[index]
        let from = step.before < 0 ? start : steps[Int(step.before)].place
        hops.append(table.hop(at: step.entry, from: from))
        index = Int(step.before)
      }
      return AuthorityPath(hops.reversed())
    }
  }

  /// Which places the search of that number has met.
  fileprivate struct Marks {
    private var numbers: [UInt32]
    private var current: UInt32 = 0

    init(count: Int) { numbers = [UInt32](repeating: 0, count: count) }

    mutating func begin() {
      if current == .max { self = Marks(count: numbers.count) }
      current += 1
    }

    /// Whether it was not met before.
    @discardableResult
    mutating func mark(_ place: UInt32) -> Bool {
      guard numbers[Int(place)] != current else { return false }
      numbers[Int(place)] = current
      return true
    }
  }

  private let placeCount: Int
  /// Those that no search uses: as many as there were searches at once.
  private let idle = Mutex<[Marks]>([])

  init(placeCount: Int) { self.placeCount = placeCount }

  /// Breadth first, over hops of at least this level; of equally short ways the first in order of
  /// hops.
  func search(
    _ table: HopTable, from start: UInt32, atLeast level: Decision.Level
  ) -> Result {
    var marks = idle.withLock { $0.popLast() } ?? Marks(count: placeCount)
    let result = Result(table, from: start, atLeast: level, &marks)
    idle.withLock { $0.append(marks) }
    return result
  }
}
