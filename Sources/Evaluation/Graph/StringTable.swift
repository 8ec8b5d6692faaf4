internal import Glibc
internal import Model

/// Texts, each once, by number. Numbers count up in the order in which texts came.
struct StringTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where each text ends; it begins where the one before it ends.
  private var ends: [Int] = []
  /// Of each text, so that a table that grows need not read them again.
  private var hashes: [UInt32] = []
  /// Open addressing, linear probing: a number plus one, or 0 where nothing is. Half of it is free.
  private var slots = [UInt32](repeating: 0, count: 1 << 10)

  var count: Int { ends.count }

  /// The number of a text, which it gets here if it has none.
  mutating func number(of text: Span<UInt8>) -> UInt32 {
    let hash = Self.hash(text)
    let slot = slot(of: text, hash)
    if slots[slot] != 0 { return slots[slot] - 1 }
    unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    ends.append(bytes.count)
    hashes.append(hash)
    slots[slot] = UInt32(ends.count)
    if ends.count * 2 > slots.count { grow() }
    return UInt32(ends.count - 1)
  }

  mutating func number(of text: String) -> UInt32 { number(of: text.utf8.span) }

  /// The number of a text that is in the table.
  func find(_ text: String) -> UInt32? {
    let bytes = text.utf8.span
    let found = slots[slot(of: bytes, Self.hash(bytes))]
    return found == 0 ? nil : found - 1
  }

  subscript(number: UInt32) -> String { String(decoding: slice(number), as: UTF8.self) }

  func slice(_ number: UInt32) -> ArraySlice<UInt8> { bytes[range(number)] }

  func precedes(_ number: UInt32, _ text: String) -> Bool {
    slice(number).lexicographicallyPrecedes(text.utf8)
  }

  /// Of a text, the same in every table of the process.
  func hash(of number: UInt32) -> UInt32 { hashes[Int(number)] }

  /// Whether all texts of an earlier table are in this one, by the same numbers.
  func continues(_ earlier: StringTable) -> Bool {
    guard count >= earlier.count, ends.starts(with: earlier.ends) else { return false }
    return unsafe bytes.withUnsafeBytes { own in
      unsafe earlier.bytes.withUnsafeBytes { its in
        guard let own = own.baseAddress, let its = its.baseAddress else { return true }
        return unsafe memcmp(own, its, earlier.bytes.count) == 0
      }
    }
  }

  /// The given numbers in order of their texts' UTF-8 bytes.
  ///
  /// Sorts by eight bytes at a time: texts of a platform share long beginnings.
  func sorted(_ numbers: [UInt32]) -> [UInt32] {
    var items = numbers.map { SortItem(word: 0, length: 0, number: $0) }
    var pending = [(range: 0..<items.count, depth: 0)]
    while let (range, depth) = pending.popLast() {
      for index in range { load(&items[index], depth) }
      items[range].sort(by: SortItem.precedes)
      var start = range.lowerBound
      while start < range.upperBound {
        var end = start + 1
        while end < range.upperBound, items[end].isEqual(to: items[start]) { end += 1 }
        if end - start > 1, items[start].length > 8 { pending.append((start..<end, depth + 8)) }
        start = end
      }
    }
    return items.map(\.number)
  }

  /// Eight bytes of a text, and how many there were to take, up to nine: more follow.
  private struct SortItem {
    var word: UInt64
    var length: UInt8
    var number: UInt32

    static func precedes(_ left: SortItem, _ right: SortItem) -> Bool {
      left.word == right.word ? left.length < right.length : left.word < right.word
    }

    func isEqual(to other: SortItem) -> Bool { word == other.word && length == other.length }
  }

  private func load(_ item: inout SortItem, _ depth: Int) {
    let range = range(item.number)
    let text = bytes.span.extracting(range).extracting(droppingFirst: depth)
    item.word = Self.word(text, at: 0)
    item.length = UInt8(min(text.count, 9))
  }

  private func range(_ number: UInt32) -> Range<Int> {
    (number == 0 ? 0 : ends[Int(number) - 1])..<ends[Int(number)]
  }

  /// Where a text is, or would be.
  private func slot(of text: Span<UInt8>, _ hash: UInt32) -> Int {
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] != 0, !isEqual(slots[slot] - 1, hash, text) {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private func isEqual(_ number: UInt32, _ hash: UInt32, _ text: Span<UInt8>) -> Bool {
    let range = range(number)
    guard hashes[Int(number)] == hash, range.count == text.count else { return false }
    let own = bytes.span
    for index in text.indices where own[range.lowerBound + index] != text[index] { return false }
    return true
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for (number, hash) in hashes.enumerated() {
      var slot = Int(hash) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(number + 1)
    }
  }

  /// Seeded anew in every process, so that nobody can choose names that collide.
  static func hash(_ text: Span<UInt8>) -> UInt32 {
    var hasher = Hasher()
    var offset = 0
    while offset < text.count {
      hasher.combine(word(text, at: offset))
      offset += 8
    }
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }

  /// Eight bytes, the first of most weight; zeros beyond the end.
  @inline(__always)
  private static func word(_ text: Span<UInt8>, at offset: Int) -> UInt64 {
    var word: UInt64 = 0
    let end = min(offset + 8, text.count)
    for index in offset..<end { word = word << 8 | UInt64(text[index]) }
    return end - offset == 8 ? word : word << (8 * UInt64(8 - (end - offset)))
  }
}
