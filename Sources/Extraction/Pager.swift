internal import Model

/// Follows the cursors of one listing. Pure.
///
/// Invariants:
/// 1. A cursor is followed once; one that comes again would never end.
/// 2. No more than `maximumPages` are read.
public struct Pager: Sendable {
  /// What to ask the next page with; `nil` for the first.
  public private(set) var cursor: String?
  private let operation: String
  private let maximumPages: Int
  private var seen: Set<String> = []

  /// - Parameter operation: for messages.
  public init(_ operation: String, maximumPages: Int = 10_000) {
    self.operation = operation
    self.maximumPages = maximumPages
  }

  /// Takes the cursor that a page ended with, and says whether there is another page. An empty
  /// cursor is none; an empty page with a cursor is followed.
  ///
  /// - Throws: `CollectionFailure` with outcome `failed`.
  public mutating func advance(to next: String?) throws(CollectionFailure) -> Bool {
    guard let next, !next.isEmpty else { return false }
    guard seen.insert(next).inserted else {
      throw CollectionFailure(
        .failed, "\(operation) returned a page cursor for the second time; its listing never ends.")
    }
    guard seen.count < maximumPages else {
      throw CollectionFailure(
        .failed, "\(operation) has more than \(maximumPages) pages, which is the limit.")
    }
    cursor = next
    return true
  }
}
