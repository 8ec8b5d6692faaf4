internal import Model
internal import Synchronization

/// What this process remembers of the partitions it owns: the generation of its claim, where
/// reading goes on, and which attempts it has found open with their executions, so that the database
/// is not asked for every message. All of it is dropped with the claim.
final class Partitions: Sendable {
  private struct Owned {
    var generation: Int64
    var wanted: Int64
    /// Until a message at its offset was seen.
    var mark: Mark?
    var open: [Attempt: [String]] = [:]
  }

  private let owned = Mutex<[TopicPartition: Owned]>([:])

  func own(_ partition: TopicPartition, _ position: Position) {
    owned.withLock {
      $0[partition] = Owned(
        generation: position.generation, wanted: position.next, mark: position.mark)
    }
  }

  func disown(_ partition: TopicPartition) {
    owned.withLock { _ = $0.removeValue(forKey: partition) }
  }

  func disownAll() {
    owned.withLock { $0.removeAll() }
  }

  /// Those that are owned, in order.
  var all: [TopicPartition] {
    owned.withLock { Array($0.keys) }.sorted()
  }

  func claim(of partition: TopicPartition) throws(LoadingError) -> Claim {
    guard let generation = owned.withLock({ $0[partition]?.generation }) else {
      throw LoadingError.fenced(partition)
    }
    return Claim(partition, generation)
  }

  /// Checks the message that the position was left at, and drops what is before the position.
  ///
  /// - Throws: `LoadingError.recreated` if another message is stored there.
  func wanted(
    of messages: [Message], _ partition: TopicPartition
  ) throws(LoadingError) -> [Message] {
    guard let (wanted, mark) = owned.withLock({ $0[partition].map { ($0.wanted, $0.mark) } })
    else { throw LoadingError.fenced(partition) }
    if let mark, let last = messages.last, last.offset >= mark.offset {
      if let message = messages.first(where: { $0.offset == mark.offset }), Mark(message) != mark {
        throw LoadingError.recreated(partition, offset: mark.offset)
      }
      owned.withLock { $0[partition]?.mark = nil }
    }
    return messages.filter { $0.offset >= wanted }
  }

  func isOpen(_ attempt: Attempt, of partition: TopicPartition) -> Bool {
    owned.withLock { $0[partition]?.open[attempt] != nil }
  }

  /// The executions of an attempt that began and are staged, the one that counts last.
  func executions(of attempt: Attempt, _ partition: TopicPartition) -> [String] {
    owned.withLock { $0[partition]?.open[attempt] ?? [] }
  }

  func remember(_ attempt: Attempt, _ executions: [String], of partition: TopicPartition) {
    owned.withLock { _ = $0[partition]?.open.updateValue(executions, forKey: attempt) }
  }

  func forget(_ attempt: Attempt, of partition: TopicPartition) {
    owned.withLock { _ = $0[partition]?.open.removeValue(forKey: attempt) }
  }
}
