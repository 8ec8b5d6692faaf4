public import Model
internal import Synchronization

/// One object of a platform's API, ready to be published.
public struct Record: Sendable, Equatable {
  /// What identifies the object within its collection.
  public var key: String
  /// JSON, after redaction.
  public var bytes: [UInt8]
  /// The number of the call that returned it, from the collection's log.
  public var call: Int

  public init(key: String, bytes: some Collection<UInt8>, call: Int) {
    self.key = key
    self.bytes = Array(bytes)
    self.call = call
  }
}

/// How a collection ended, and what its records mean.
public struct CollectionResult: Sendable, Equatable {
  public var outcome: Outcome
  /// For a person: why it is not `complete`.
  public var message: String?
  /// The permissions whose lack made it less than complete.
  public var missing: [String]
  public var kind: CollectionKind
  /// The token of the dispatch that a `delta` began from.
  public var from: String?
  /// Where the next listing may continue. A token is not a secret: it is stored and logged nowhere
  /// but in the collection's row and its messages.
  public var token: String?

  public init(
    _ outcome: Outcome, message: String? = nil, missing: [String] = [],
    kind: CollectionKind = .full, from: String? = nil, token: String? = nil
  ) {
    self.outcome = outcome
    self.message = message
    self.missing = missing
    self.kind = kind
    self.from = from
    self.token = token
  }

  /// Everything there is.
  public static let complete = CollectionResult(.complete)

  /// Everything there is, and where the changes from now on begin.
  public static func complete(token: String) -> CollectionResult {
    CollectionResult(.complete, token: token)
  }

  /// Everything that changed between two tokens.
  public static func changes(from: String, to token: String) -> CollectionResult {
    CollectionResult(.complete, kind: .delta, from: from, token: token)
  }

  /// What was used, up to `token`.
  public static func activity(token: String?) -> CollectionResult {
    CollectionResult(.complete, kind: .activity, token: token)
  }

  /// What a failure makes of a collection.
  public init(_ failure: CollectionFailure) {
    self.init(failure.outcome, message: failure.message, missing: failure.missing)
  }
}

/// Where a unit puts the records of one collection.
public struct CollectionOutput: Sendable {
  public let name: String
  /// Calls made for this collection.
  public let calls = CallLog()
  let publisher: AttemptPublisher
  private let end = End()

  private final class End: Sendable {
    let hasEnded = Mutex(false)
  }

  init(_ name: String, publisher: AttemptPublisher) {
    self.name = name
    self.publisher = publisher
  }

  /// Whether `end` was called.
  public var hasEnded: Bool { end.hasEnded.withLock { $0 } }

  /// Publishes records in order; returns once the broker has acknowledged them.
  public func publish(_ records: [Record]) async throws {
    if !records.isEmpty { try await publisher.publish(records, to: name) }
  }

  /// Ends the collection; only once.
  public func end(_ result: CollectionResult) async throws {
    end.hasEnded.withLock { $0 = true }
    try await publisher.end(name, result, calls: calls)
  }

  /// Reads a collection whose failure shall end only itself: whatever `body` throws becomes its
  /// outcome. The error that stops the whole attempt passes through.
  public func collect(_ body: () async throws -> CollectionResult) async throws {
    let result: CollectionResult
    do {
      result = try await body()
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      result = CollectionResult(CollectionFailure(error))
    }
    try await end(result)
  }
}

/// The outputs of one unit: those of its collections that were asked for.
public struct UnitOutput: Sendable {
  public let collections: [CollectionOutput]

  public init(_ collections: [CollectionOutput]) {
    self.collections = collections
  }

  /// The output of a collection; `nil` when it was not asked for.
  public subscript(_ name: String) -> CollectionOutput? {
    collections.first { $0.name == name }
  }

  /// The logs of all collections: for a call that feeds them all.
  public var logs: [CallLog] { collections.map(\.calls) }
}

/// Whether the error is about the attempt and not about what is read.
public func isFatalToAttempt(_ error: any Error) -> Bool {
  error is CancellationError || error is ExtractionError
}
