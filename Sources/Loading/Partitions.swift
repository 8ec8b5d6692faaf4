internal import Model
internal import Synchronization

/// What this process remembers of the partitions it owns: the generation of its claim, and which
/// attempts it has found open, so that the run table is not asked for every message.
final class Partitions: Sendable {
  private struct Owned {
    var generation: Int64
    var open: Set<Attempt> = []
  }

  private let owned = Mutex<[TopicPartition: Owned]>([:])

  func own(_ partition: TopicPartition, generation: Int64) {
    owned.withLock { $0[partition] = Owned(generation: generation) }
  }

  func disown(_ partition: TopicPartition) {
    owned.withLock { _ = $0.removeValue(forKey: partition) }
  }

  func generation(of partition: TopicPartition) throws(LoadingError) -> Int64 {
    guard let generation = owned.withLock({ $0[partition]?.generation }) else {
      throw LoadingError.fenced(partition)
    }
    return generation
  }

  func isOpen(_ attempt: Attempt, of partition: TopicPartition) -> Bool {
    owned.withLock { $0[partition]?.open.contains(attempt) ?? false }
  }

  func remember(_ attempt: Attempt, of partition: TopicPartition) {
    owned.withLock { _ = $0[partition]?.open.insert(attempt) }
  }

  func forget(_ attempt: Attempt, of partition: TopicPartition) {
    owned.withLock { _ = $0[partition]?.open.remove(attempt) }
  }
}
