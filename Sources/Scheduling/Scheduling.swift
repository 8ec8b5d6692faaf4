internal import Metrics
/// # Scheduling
///
/// The run table is the queue; this is everything that moves runs through it up to `extracted`.
///
/// | part | does | driven by |
/// |---|---|---|
/// | `RequestHandler` | admits requests: a scan, a run per account | topic `sv0.scan.request.v1` |
/// | `Dispatcher` | gives queued runs out, by priority and fairness | time |
/// | `ProgressHandler` | folds what extractors say into the run | topic `sv0.scan.progress.v1` |
/// | `LeaseExpiry` | takes runs back from silent extractors | time |
/// | `OutboxRelay` | sends what transactions promised; also the evaluator's | time |
/// | `StatusRelay` | publishes changed runs | time |
/// | `Cancellation` | ends the runs of a scan | `sv0 scan cancel` |
/// | `ConnectionDocument` | reads and stores a connection file | `sv0 connection apply` |
///
/// `RunMachine` decides every change of a run and is pure. The rest reads the row under a lock,
/// asks the machine, and writes the row, in one transaction; inside of it, nothing goes to Kafka.
///
/// ```swift
/// let dispatcher = Dispatcher(
///   pool: pool, platform: .aws, rawPartitions: 12, knownCollections: known,
///   limits: limits, now: now)
/// let relay = OutboxRelay(
///   pool: pool, producer: producer, topics: [Topic.scanDispatch(.aws)],
///   holder: instance, now: now)
/// let services: [any Service] = [
///   PeriodicLoop(name: "dispatch", interval: .seconds(1), health: health, log: log) {
///     try await dispatcher.turn()
///   },
///   PeriodicLoop(name: "dispatch-relay", interval: .milliseconds(200), health: health, log: log) {
///     try await relay.turn()
///   },
/// ]
/// ```
///
/// Any number of schedulers may run: rows are locked for as long as they are changed, one scheduler
/// at a time dispatches for a platform, and one process at a time empties an outbox.
public import Model
internal import PostgresClient

/// What the scheduler allows runs.
public struct SchedulingLimits: Sendable, Equatable {
  /// How long an attempt may be silent before it is given to somebody else.
  public var lease: Duration
  /// Attempts of a run that may be lost before it is failed.
  public var attempts: Int
  /// Runs of one platform that are dispatched or leased at a time.
  public var inFlight: Int
  /// How long the loader has to apply what was extracted.
  public var apply: Duration

  public init(
    lease: Duration = .seconds(60), attempts: Int = 3, inFlight: Int = 64,
    apply: Duration = .seconds(24 * 3600)
  ) {
    self.lease = lease
    self.attempts = attempts
    self.inFlight = inFlight
    self.apply = apply
  }
}

/// Why the scheduler could not do something. Trying the whole step again is always safe.
public struct SchedulingError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    case database
    /// Another process empties this outbox now.
    case relayLost
  }

  public let kind: Kind
  public let message: String
  public let isRetriable: Bool
  public var description: String { message }

  init(_ kind: Kind, _ message: String, isRetriable: Bool) {
    self.kind = kind
    self.message = message
    self.isRetriable = isRetriable
  }
}

/// The database, as this target uses it: every transaction here may be repeated, so one whose
/// COMMIT was not answered is simply tried again.
struct Store: Sendable {
  let pool: PostgresPool

  nonisolated(nonsending) func transaction<Value>(
    _ options: TransactionOptions,
    _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> Value
  ) async throws -> Value {
    do {
      return try await pool.withTransaction(options, body)
    } catch let error as PostgresError {
      throw SchedulingError(
        .database, "\(error)",
        isRetriable: error.isRetriable || error.kind == .commitOutcomeUnknown)
    }
  }
}

func tally(_ label: String, by amount: Int = 1, _ dimensions: (String, String)...) {
  Counter(label: label, dimensions: dimensions).increment(by: amount)
}
