internal import Model
internal import Synchronization

/// What the platform holds, and what it has ever answered.
///
/// Invariants:
/// 1. Objects change only by actions of the schedule; a listing is asked for page by page and sees
///    what is there when each page is answered.
/// 2. A token stands for a position in the log of changes of its collection; a listing from a token
///    repeats every change since, removals too.
/// 3. What an execution of an attempt was answered is on record, in the order in which it was
///    answered: that is all that the oracle believes.
final class SimulatedPlatform: Sendable {
  struct Object: Sendable, Equatable {
    var version: Int
    /// The record cannot be normalised.
    var isMalformed = false
  }

  /// What a listing says of one object; `nil` that it is gone.
  struct Answer: Sendable, Equatable {
    var key: String
    var object: Object?
  }

  struct Change: Sendable {
    var key: String
    var object: Object?
  }

  struct Collection: Sendable {
    var objects: [String: Object] = [:]
    var changes: [Change] = []
    /// Changes before this one cannot be asked for any more.
    var oldestToken = 0
    /// How the next listings end instead of being answered.
    var trouble: [Trouble] = []
    /// The next listing names its first object twice.
    var repeats = false

    var keys: [String] { objects.keys.sorted { $0.precedes($1) } }
  }

  /// How a listing goes wrong.
  enum Trouble: String, Sendable, CaseIterable {
    case denied, throttled, failed, unsupported
    /// Some of it is answered, then it fails.
    case partial
  }

  struct State {
    var collections: [CollectionKey: Collection] = [:]
    var executions: [Execution] = []
    var lastVersion = 0
  }

  private let state = Mutex(State())

  /// Changes what is there.
  func change(_ key: CollectionKey, _ body: (inout Collection) -> Void) {
    state.withLock { body(&$0.collections[key, default: Collection()]) }
  }

  /// Sets an object, as a version that no object ever had.
  func put(_ object: String, in key: CollectionKey, isMalformed: Bool = false) {
    state.withLock { state in
      state.lastVersion += 1
      let value = Object(version: state.lastVersion, isMalformed: isMalformed)
      state.collections[key, default: Collection()].objects[object] = value
      state.collections[key]?.changes.append(Change(key: object, object: value))
    }
  }

  func remove(_ object: String, from key: CollectionKey) {
    state.withLock { state in
      guard state.collections[key]?.objects.removeValue(forKey: object) != nil else { return }
      state.collections[key]?.changes.append(Change(key: object, object: nil))
    }
  }

  func objects(of key: CollectionKey) -> [String] {
    state.withLock { $0.collections[key]?.keys ?? [] }
  }

  func collection(_ key: CollectionKey) -> Collection {
    state.withLock { $0.collections[key] ?? Collection() }
  }

  /// Takes the trouble that the next listing has, if any.
  func nextTrouble(of key: CollectionKey) -> Trouble? {
    state.withLock { state in
      guard state.collections[key]?.trouble.isEmpty == false else { return nil }
      return state.collections[key]?.trouble.removeFirst()
    }
  }

  func takesRepeat(of key: CollectionKey) -> Bool {
    state.withLock { state in
      defer { state.collections[key]?.repeats = false }
      return state.collections[key]?.repeats ?? false
    }
  }

  // MARK: The record

  /// One execution of an attempt: an attempt that is dispatched twice may be executed twice.
  struct Execution: Sendable {
    var number: Int
    var dispatch: Dispatch
    var life: LifeID
    var collections: [String: Listing] = [:]
  }

  /// What was answered for one collection.
  struct Listing: Sendable, Equatable {
    var answers: [Answer] = []
    /// Facts about use, and when.
    var activity: [Timestamp] = []
    /// Set once the connector has ended it.
    var end: End?

    struct End: Sendable, Equatable {
      var outcome: Outcome
      var kind = CollectionKind.full
      var from: String?
      var token: String?
    }
  }

  func begin(_ dispatch: Dispatch, _ life: LifeID) -> Int {
    state.withLock { state in
      let number = state.executions.count
      state.executions.append(Execution(number: number, dispatch: dispatch, life: life))
      return number
    }
  }

  func record(_ execution: Int, _ collection: String, _ change: (inout Listing) -> Void) {
    state.withLock { change(&$0.executions[execution].collections[collection, default: Listing()]) }
  }

  /// The executions of an attempt, in the order in which they began.
  func executions(run: String, attempt: Int) -> [Execution] {
    state.withLock { state in
      state.executions.filter { $0.dispatch.run == run && $0.dispatch.attempt == attempt }
    }
  }

  var executions: [Execution] { state.withLock { $0.executions } }
}
