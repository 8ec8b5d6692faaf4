internal import JSONReader
internal import Model
internal import Synchronization

/// Lists of requests, each parsed once and only if something cites it.
final class RequestBook: Sendable {
  struct Request: Sendable {
    var operation: String?
    var id: String?
    var at: String?
  }

  private let lists = Mutex<[Graph.CallList: [Int64: Request]]>([:])

  func list(_ list: Graph.CallList, in calls: [Graph.CallList: [UInt8]]) -> [Int64: Request] {
    lists.withLock { lists in
      if let known = lists[list] { return known }
      let parsed = calls[list].map(Self.parse) ?? [:]
      lists[list] = parsed
      return parsed
    }
  }

  /// A list that cannot be read has no requests: the receipts stand without them.
  private static func parse(_ bytes: [UInt8]) -> [Int64: Request] {
    let views = (try? JSONDocument(parsing: bytes).root.elements).map(Array.init) ?? []
    let requests = views.compactMap { view in
      view["n"]?.int64.map { number in
        (
          number,
          Request(
            operation: view["operation"]?.string, id: view["requestId"]?.string,
            at: view["at"]?.string)
        )
      }
    }
    return Dictionary(requests) { first, _ in first }
  }
}
