internal import Metrics
/// # Scheduling
///
/// The run table is the queue; this is everything that moves runs through it up to `extracted`.
///
/// | part | does | driven by |
/// |---|---|---|
/// | `RequestHandler` | admits requests: a scan, a run per account | topic `sv0.scan.request.v1` |
/// | `ScheduledScans` | requests what connections' schedules ask for | time |
/// | `Dispatcher` | gives queued runs out, by priority and fairness | time |
/// | `ProgressHandler` | folds what extractors say into the run | topic `sv0.scan.progress.v1` |
/// | `LeaseExpiry` | takes runs back from silent extractors | time |
/// | `OutboxRelay` | sends what transactions promised; also the evaluator's | time |
/// | `StatusRelay` | publishes changed runs | time |
/// | `Cancellation` | ends the runs of a scan | `sv0 scan cancel` |
/// | `ScopeReplay`, `ScopeEmission` | emit a scope's records again | `sv0 replay` |
/// | `ConnectionDocument` | reads and stores a connection file | `sv0 connection apply` |
///
/// What is decided is pure: `Admission`, `ScanSchedule`, `FairOrder`, `Dispatching`, `RunMachine`, `RelayLease`,
/// `ReplayAdmission`. `QueueStore` is the database, one transaction a method: it reads under a lock,
/// asks one of them, and writes. `PostgresQueueStore` is the real one; nothing in a transaction goes
/// to Kafka.
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
/// at a time dispatches for a platform, and one process at a time empties an outbox. One that dies
/// or is stopped anywhere is taken over: the server ends the transaction of a silent client, a
/// relay's lease ends, and Kafka gives its partitions to another.
public import Model
public import PostgresClient

/// What the scheduler allows runs.
public struct SchedulingLimits: Sendable, Equatable {
  /// How long an attempt may be silent before it is given to somebody else.
  public var lease: Duration
  /// Attempts of a run that may be lost before it is failed.
  public var attempts: Int
  /// Runs of one platform that are dispatched or leased at a time.
  public var inFlight: Int
  /// Of these, runs of one tenant.
  public var inFlightPerTenant: Int
  /// How long the loader has to apply what was extracted.
  public var apply: Duration

  public init(
    lease: Duration = .seconds(60), attempts: Int = 3, inFlight: Int = 64,
    inFlightPerTenant: Int = .max, apply: Duration = .seconds(24 * 3600)
  ) {
    self.lease = lease
    self.attempts = attempts
    self.inFlight = inFlight
    self.inFlightPerTenant = inFlightPerTenant
    self.apply = apply
  }
}

/// Why the scheduler could not do something. Trying the whole step again is always safe.
public struct SchedulingError: ClassifiedError, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    case database
    /// Another process empties this outbox now.
    case relayLost
    /// What was asked for cannot be done as things are; the message says why.
    case refused
    /// The run, or its collection, was ended while it was worked on.
    case ended
  }

  public let kind: Kind
  public let message: String
  public let isRetriable: Bool
  /// What the database said, of kind `database`: its code tells a missing grant from an outage.
  public let cause: PostgresError?
  public var description: String { message }

  package init(_ kind: Kind, _ message: String, isRetriable: Bool) {
    self.kind = kind
    self.message = message
    self.isRetriable = isRetriable
    cause = nil
  }

  init(_ error: PostgresError) {
    var cause = error
    // The scheduler's transactions may all be repeated.
    cause.isRetriable = error.isRetriable || error.kind == .commitOutcomeUnknown
    kind = .database
    message = "\(error)"
    isRetriable = cause.isRetriable
    self.cause = cause
  }
}

func tally(_ label: String, by amount: Int = 1, _ dimensions: (String, String)...) {
  Counter(label: label, dimensions: dimensions).increment(by: amount)
}
