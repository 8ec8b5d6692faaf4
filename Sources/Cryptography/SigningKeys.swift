internal import Synchronization

/// The keys derived from one secret, by scope: a key takes four HMACs and holds for a day.
///
/// Invariant: only keys of the day last asked for are kept, and no more than `maximumCount`.
final class SigningKeys: Sendable {
  /// Services times regions stay far below it.
  private static let maximumCount = 1024

  private struct State {
    var day = ""
    var keys: [String: Secret] = [:]
  }

  private let state = Mutex(State())

  /// The key of the scope, derived where it is not there yet.
  func key(scope: String, day: String, derived: () -> Secret) -> Secret {
    state.withLock { state in
      if day == state.day, let key = state.keys[scope] { return key }
      if day != state.day || state.keys.count == Self.maximumCount { state.keys = [:] }
      let key = derived()
      state.day = day
      state.keys[scope] = key
      return key
    }
  }
}
