/// A generator of pseudorandom numbers: small, fast, the same everywhere.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
public struct SplitMix64: RandomNumberGenerator, Sendable, Equatable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 to one less than `bound`.
  public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

  public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }
}

/// One stream of numbers for each purpose, so that one choice more or less of one kind leaves the
/// choices of all others as they were.
public struct Dice: Sendable {
  private let seed: UInt64
  private var streams: [String: SplitMix64] = [:]

  public init(seed: UInt64) { self.seed = seed }

  /// The next number of the purpose's own stream.
  public mutating func below(_ bound: Int, for purpose: String) -> Int {
    var stream =
      streams[purpose] ?? SplitMix64(seed: Fingerprint(seed).adding(purpose).value)
    defer { streams[purpose] = stream }
    return stream.below(bound)
  }
}

/// A running digest (FNV-1a), to tell whether two runs did the same.
public struct Fingerprint: Sendable, Hashable {
  public private(set) var value: UInt64

  public init(_ seed: UInt64 = 0) {
    value = 0xCBF2_9CE4_8422_2325
    add(seed)
  }

  public mutating func add(_ number: UInt64) {
    var rest = number
    for _ in 0..<8 {
      value = (value ^ (rest & 0xFF)) &* 0x100_0000_01B3
      rest >>= 8
    }
  }

  public mutating func add(_ text: String) {
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    value = (value ^ 0xFF) &* 0x100_0000_01B3
  }

  public func adding(_ text: String) -> Fingerprint {
    var copy = self
    copy.add(text)
    return copy
  }
}
