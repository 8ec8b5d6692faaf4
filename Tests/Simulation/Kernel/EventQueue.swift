/// Things to happen, ordered by time, and at the same time by when they were asked for.
struct EventQueue: Sendable {
  struct Event: Sendable {
    var at: VirtualTime
    var number: UInt64
    /// Whose event it is: it waits while that process is stopped.
    var owner: LifeID?
    var action: @Sendable () -> Void
  }

  /// An event's place in the order, apart from the event, which is expensive to move.
  private struct Place {
    var at: VirtualTime
    var number: UInt64
    var slot: Int

    func precedes(_ other: Place) -> Bool { (at, number) < (other.at, other.number) }
  }

  private var heap: [Place] = []
  private var slots: [Event?] = []
  private var free: [Int] = []

  mutating func insert(_ event: Event) {
    let slot = free.popLast() ?? slots.count
    if slot == slots.count { slots.append(event) } else { slots[slot] = event }
    heap.append(Place(at: event.at, number: event.number, slot: slot))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> Event? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return take(last) }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in (2 * parent + 1)...(2 * parent + 2)
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      guard least != parent else { return take(first) }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private mutating func take(_ place: Place) -> Event? {
    free.append(place.slot)
    defer { slots[place.slot] = nil }
    return slots[place.slot]
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
