/// The turn of one of several reads that go on at the same time: it comes when all before it are
/// done.
struct Turn: Sendable {
  /// Ends when the read before is done.
  fileprivate let before: AsyncStream<Never>?

  /// At once.
  static let now = Turn(before: nil)

  /// Returns when it is the turn, at once from then on.
  ///
  /// - Throws: `CancellationError`.
  func wait() async throws {
    guard let before else { return }
    for await _ in before {}
    try Task.checkCancellation()
  }
}

/// Reads something for each element, a few at a time. What comes after waiting for the turn
/// happens in the order of the elements, as if one were read after the other.
///
/// - Throws: the first error; the others are cancelled.
func inTurns<Element: Sendable>(
  _ elements: [Element], atOnce: Int = 8,
  _ read: @escaping @Sendable (Element, Turn) async throws -> Void
) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    var turn = Turn.now
    for (index, element) in elements.enumerated() {
      if index >= atOnce { try await group.next() }
      let (next, done) = AsyncStream<Never>.makeStream()
      let current = turn
      group.addTask {
        defer { done.finish() }
        try await read(element, current)
        try await current.wait()
      }
      turn = Turn(before: next)
    }
    while try await group.next() != nil {}
  }
}
