internal import Extraction
internal import JSONReader
internal import Model
internal import Synchronization

/// What could not be read of collections, object by object, and how they end for it
/// (`docs/decisions/0017-gaps.md`).
///
/// Invariants:
/// 1. A gap is counted for the collections that lack the object, and for no others.
/// 2. After `maximumRefusals` refusals of an operation and no answer, nobody else is asked.
/// 3. A collection whose operation was refused for everybody ends `denied`; one that has gaps of
///    any other kind is `partial`.
final class AWSGaps: Sendable {
  private static let maximumRefusals = 8

  private struct State {
    var gaps: [String: Gap] = [:]
    /// By operation.
    var refusals: [String: Int] = [:]
    /// Operations that were answered.
    var answered: Set<String> = []
  }

  /// What a collection lacks.
  private struct Gap {
    var count = 0
    var first: CollectionFailure
    var missing: Set<String> = []
    /// The operation that was refused, each time; `nil` where there was anything else.
    var refused: String?
  }

  private let state = Mutex(State())

  /// Counts an object that the collections lack.
  ///
  /// - Parameter operation: the one that was refused, where that is why.
  func note(
    _ failure: CollectionFailure, for names: [String], refused operation: String? = nil
  ) {
    state.withLock { state in
      for name in names {
        var gap = state.gaps[name] ?? Gap(first: failure, refused: operation)
        gap.count += 1
        gap.missing.formUnion(failure.missing)
        if gap.refused != operation { gap.refused = nil }
        state.gaps[name] = gap
      }
    }
  }

  func answered(_ operation: AWSOperation) {
    state.withLock { _ = $0.answered.insert(operation.fullName) }
  }

  /// Whether, after a refusal, others are asked about: one may be refused by its own policy.
  func mayGoOn(after operation: String) -> Bool {
    state.withLock { state in
      state.refusals[operation, default: 0] += 1
      return state.answered.contains(operation)
        || state.refusals[operation, default: 0] < Self.maximumRefusals
    }
  }

  /// How a collection with gaps ends; `nil` where it has none.
  func result(of name: String) -> CollectionResult? {
    state.withLock { state in
      guard let gap = state.gaps[name] else { return nil }
      if let refused = gap.refused, !state.answered.contains(refused) {
        return CollectionResult(gap.first)
      }
      let objects = gap.count == 1 ? "1 object" : "\(gap.count) objects"
      return CollectionResult(
        .partial, message: "\(objects) could not be read, the first: \(gap.first.message)",
        missing: Array(gap.missing))
    }
  }

  /// Reads one object of a collection; what goes wrong with it alone is a gap, and one that is
  /// there no more is none.
  ///
  /// - Parameter operations: what `body` calls.
  /// - Throws: what is not about the object: that ends the collection.
  func object(
    of name: String, by operations: [AWSOperation] = [], _ body: () async throws -> Void
  ) async throws {
    do {
      try await body()
      operations.forEach(answered)
    } catch let error as JSONError {
      note(CollectionFailure(error), for: [name])
    } catch let error as AWSError {
      if error.isGone { return }
      guard error.isDenied, mayGoOn(after: error.operation) else { throw error }
      note(CollectionFailure(error), for: [name], refused: error.operation)
    }
  }
}
