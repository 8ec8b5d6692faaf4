public import Model

/// One partition: an append-only log of which retention takes the beginning.
struct PartitionLog: Sendable {
  struct Stored: Sendable {
    var message: Message
    /// Consumers do not see it before.
    var visibleAt: VirtualTime
  }

  private(set) var base: Int64 = 0
  private(set) var stored: [Stored] = []

  /// The offset of the next message.
  var end: Int64 { base + Int64(stored.count) }
  var kept: Range<Int64> { base..<end }
  var messages: [Message] { stored.map(\.message) }

  mutating func append(_ message: Message, visibleAt: VirtualTime) {
    stored.append(
      Stored(message: message, visibleAt: max(visibleAt, stored.last?.visibleAt ?? visibleAt)))
  }

  /// Retention takes what is below `offset`.
  mutating func forget(below offset: Int64) {
    let count = Int(min(max(offset, base), end) - base)
    stored.removeFirst(count)
    base += Int64(count)
  }

  /// Visible messages from an offset on, so many at most.
  func visible(from offset: Int64, at time: VirtualTime, atMost limit: Int) -> [Message] {
    guard kept.contains(offset) else { return [] }
    return stored[Int(offset - base)...].prefix(limit).prefix { $0.visibleAt <= time }
      .map(\.message)
  }

  /// When the message at an offset can be seen; `nil` where there is none yet.
  func visibility(of offset: Int64) -> VirtualTime? {
    kept.contains(offset) ? stored[Int(offset - base)].visibleAt : nil
  }
}

/// The broker's answers that a worker cannot repeat away, and those that it can.
public struct BrokerError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The group has moved on; what this member asks for is no longer its own.
    case rebalanced
    /// Another member uses the same instance id.
    case fenced
    /// The offset to read from is not kept, and nobody said what to do then.
    case offsetOutOfRange
    case unknownTopic
    case closed
  }

  public var kind: Kind
  public var what: String

  public var isRetriable: Bool { kind == .rebalanced }
  public var description: String { "simulated broker: \(kind.rawValue): \(what)" }
}
