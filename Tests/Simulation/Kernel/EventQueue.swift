/// Things to happen, ordered by time, and at the same time by when they were asked for.
struct EventQueue: Sendable {
  struct Event: Sendable {
    var at: VirtualTime
    var number: UInt64
    /// Whose event it is: it waits while that process is stopped.
    var owner: LifeID?
    var action: @Sendable () -> Void

    func precedes(_ other: Event) -> Bool { (at, number) < (other.at, other.number) }
  }

  private var heap: [Event] = []

  var isEmpty: Bool { heap.isEmpty }
  var first: Event? { heap.first }

  mutating func insert(_ event: Event) {
    heap.append(event)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> Event? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      guard least != parent else { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}

/// Microseconds of virtual time since 1970.
public struct VirtualTime: Sendable, Hashable, Comparable {
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  public static func < (left: Self, right: Self) -> Bool {
    left.microseconds < right.microseconds
  }

  public static func + (time: Self, duration: Duration) -> Self {
    Self(microseconds: time.microseconds + duration.microseconds)
  }
}

extension Duration {
  var microseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
  }
}
