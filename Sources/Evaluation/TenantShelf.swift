internal import Synchronization

/// Something of each of the tenants that were met last, as many as fit.
final class TenantShelf<Item: Sendable>: Sendable {
  private struct Kept {
    var tenant: String
    var item: Item
    var size: Int
  }

  private let capacity: Int
  /// The one met last is the last.
  private let kept = Mutex<[Kept]>([])

  /// - Parameter capacity: of the sizes of all that is kept.
  init(capacity: Int) { self.capacity = capacity }

  /// What is kept of a tenant, and is not any more: who takes it brings back something newer.
  func take(_ tenant: String) -> Item? {
    kept.withLock { kept in
      kept.firstIndex { $0.tenant == tenant }.map { kept.remove(at: $0).item }
    }
  }

  /// Those that were met longest ago make room.
  func keep(_ item: Item, of tenant: String, size: Int) {
    kept.withLock { kept in
      kept.removeAll { $0.tenant == tenant }
      kept.append(Kept(tenant: tenant, item: item, size: size))
      var total = kept.reduce(0) { $0 + $1.size }
      while total > capacity, let oldest = kept.first {
        total -= oldest.size
        kept.removeFirst()
      }
    }
  }
}
