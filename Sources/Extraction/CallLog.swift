public import Model
internal import Synchronization

/// The requests made for one collection, as `collection.ended` lists them.
public final class CallLog: Sendable {
  /// Later calls are counted but not listed, so that the list fits into one message.
  public static let maximumListed = 16_000

  private struct State {
    var listed: [APICall] = []
    var count = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// Adds a call and returns its number, dense from 0.
  @discardableResult
  public func add(_ call: APICall) -> Int {
    state.withLock { state in
      let number = state.count
      state.count += 1
      if number < Self.maximumListed {
        var call = call
        call.number = number
        state.listed.append(call)
      }
      return number
    }
  }

  /// In order of their numbers.
  public var listed: [APICall] { state.withLock { $0.listed } }
  public var count: Int { state.withLock { $0.count } }
}

/// What an attempt has done so far.
public final class AttemptStatistics: Sendable {
  public struct Counts: Sendable, Equatable {
    public var records: Int64 = 0
    public var calls: Int64 = 0
    public var retries: Int64 = 0
    public var throttledMilliseconds: Int64 = 0
  }

  private let state = Mutex(Counts())

  public init() {}

  public var counts: Counts { state.withLock { $0 } }

  public func update(_ change: (inout Counts) -> Void) { state.withLock { change(&$0) } }
}
