/// # Extraction
///
/// What all connectors share, and the worker that runs them.
///
/// - `Connector` is what a platform implements: a catalog of reads, checked settings, units
///   of work.
/// - `APIClient` sends one read: rate limit, retries, limits, evidence (`APICall`), metrics.
///   `RetryPolicy`, `TokenBucket` and `Pager` are its pure parts.
/// - `CollectionOutput` takes a collection's records, and its end.
/// - `ExtractionWorker` takes dispatches and executes attempts: `AttemptExecution` runs the units,
///   `AttemptPublication` decides what is sent in which order.
///
/// ```swift
/// let worker = ExtractionWorker(
///   connector: AWSConnector(), transport: transport, producer: producer, now: now,
///   random: random, log: log)
/// let loop = ConsumerLoop(
///   name: "extractor", consumer: consumer, handler: worker, deadLetters: deadLetters,
///   health: health, log: log)
/// // Both are services; the worker comes first, so that the loop is drained before it.
/// ```
///
/// A connector reaches the outside only through the `Transport` it is given. Time, pauses and
/// chance come in through `Surroundings`.
public import Model
public import Pipeline

/// Time, pauses and chance, as inputs.
public struct Surroundings: Sendable {
  public var now: @Sendable () -> Timestamp
  /// Waits; throws `CancellationError` when the task is cancelled.
  public var sleep: Sleep
  /// From 0 up to, but not including, 1.
  public var random: @Sendable () -> Double

  public init(
    now: @escaping @Sendable () -> Timestamp,
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) },
    random: @escaping @Sendable () -> Double
  ) {
    self.now = now
    self.sleep = sleep
    self.random = random
  }

  /// A name that no other execution is likely to have: eight hexadecimal digits.
  func executionName() -> String {
    let digits = String(UInt32(random() * 4_294_967_296), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

/// Why an attempt cannot go on.
public struct ExtractionError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// A connector used a collection's output against its contract: our bug.
    case misuse
    /// The broker refused a message for good.
    case notPublished
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var isRetriable: Bool { false }
  public var description: String { message }
}
