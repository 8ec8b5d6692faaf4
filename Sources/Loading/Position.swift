internal import Cryptography
package import Model
internal import Pipeline

/// Where a partition is read from, and who may say so.
///
/// Two positions: `staged_positions.next_offset` is unlogged and moves with staging;
/// `positions.low` is logged and is the first offset of the oldest open attempt. A crash of the
/// server empties staging and the first together, and reading begins again at the second.
///
/// Invariants:
/// 1. While a partition is owned, its row in `staged_positions` exists: `claim` makes it. If it is
///    gone, the server has crashed, and nothing is staged before the partition is claimed again.
/// 2. Each position is stored with a message that was read there, its mark: the last one before
///    the position, or the first one of the oldest open attempt.
/// 3. Reading resumes at the mark, and nothing is staged unless that message is still the same.
///    Only when the topic keeps nothing below the position is there nothing to compare.
/// 4. The row in `positions` is the lock of the partition: whoever changes what is staged of it, or
///    its positions, holds it.
package struct Position: Sendable, Equatable {
  package var generation: Int64
  /// The first offset that is not staged.
  package var next: Int64
  package var mark: Mark?

  package init(generation: Int64, next: Int64, mark: Mark?) {
    self.generation = generation
    self.next = next
    self.mark = mark
  }

  /// Where reading begins, given the offsets that the topic keeps, if they are known.
  ///
  /// - Throws: `LoadingError.recreated` or `.gone` when what the position means is not there.
  func start(
    of partition: TopicPartition, keeping kept: Range<Int64>?
  ) throws(LoadingError) -> StartOffset {
    if let kept, next > kept.upperBound {
      throw LoadingError.recreated(partition, offset: next)
    }
    // Nothing was ever staged: whatever the topic still keeps is the beginning.
    guard next > 0 || mark != nil else { return .beginning }
    if let kept, next < kept.lowerBound {
      throw LoadingError.gone(partition, next..<kept.lowerBound)
    }
    guard let mark, kept.map({ mark.offset >= $0.lowerBound }) ?? true else {
      return .offset(next)
    }
    return .offset(min(mark.offset, next))
  }
}

/// A message of a partition that was read, so that it can be recognised.
package struct Mark: Hashable, Sendable {
  package var offset: Int64
  /// SHA-256 over key, headers and value; not over the time, which a mirror may set anew.
  package var id: [UInt8]

  package init(offset: Int64, id: [UInt8]) {
    self.offset = offset
    self.id = id
  }

  package init(_ message: Message) {
    offset = message.offset
    var bytes: [UInt8] = []
    func add(_ part: [UInt8]?) {
      bytes += Array("\(part?.count ?? -1):".utf8) + (part ?? [])
    }
    add(message.key)
    for header in message.headers {
      add(Array(header.name.utf8))
      add(header.value)
    }
    add(message.value)
    id = SHA256.hash(bytes)
  }
}
