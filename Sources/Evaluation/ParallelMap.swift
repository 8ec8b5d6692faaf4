internal import Dispatch
internal import Synchronization

extension RandomAccessCollection where Self: Sendable, Index: Sendable {
  /// `map` on all cores; the result is in the collection's order, whoever worked on what.
  ///
  /// For pure work of which each element costs microseconds or more. Chunks are smaller than a
  /// core's share, because elements differ in cost.
  func parallelMap<Value: Sendable>(_ transform: @Sendable (Element) -> Value) -> [Value] {
    parallelChunks { $0.map(transform) }
  }

  private func parallelChunks<Value: Sendable>(
    _ transform: @Sendable (SubSequence) -> [Value]
  ) -> [Value] {
    let size = Swift.max(Self.smallestChunk, count / 256 + 1)
    let chunks = (count + size - 1) / size
    guard chunks > 1 else { return transform(self[...]) }
    let results = Mutex([[Value]](repeating: [], count: chunks))
    DispatchQueue.concurrentPerform(iterations: chunks) { chunk in
      let start = index(startIndex, offsetBy: chunk * size)
      let end = index(start, offsetBy: size, limitedBy: endIndex) ?? endIndex
      let values = transform(self[start..<end])
      results.withLock { $0[chunk] = values }
    }
    return Array(results.withLock { $0 }.joined())
  }

  /// `compactMap` on all cores, without a place for what is left out.
  func parallelCompactMap<Value: Sendable>(
    _ transform: @Sendable (Element) -> Value?
  ) -> [Value] {
    parallelChunks { $0.compactMap(transform) }
  }

  private static var smallestChunk: Int { 16 }
}
