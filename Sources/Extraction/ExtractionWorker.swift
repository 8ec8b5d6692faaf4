public import Logging
public import Model
public import Pipeline
public import ServiceLifecycle
internal import Synchronization

/// How much a worker and its attempts may take.
public struct ExtractionLimits: Sendable, Equatable {
  /// Attempts executed at the same time.
  public var attemptsAtOnce: Int
  /// Units of one attempt executed at the same time.
  public var unitsAtOnce: Int
  /// The longest that a unit may take.
  public var unit: Duration
  /// Between two heartbeats; the scheduler expects one every ten seconds.
  public var heartbeat: Duration
  /// How long a stopping worker tries to send an attempt's last word.
  public var lastWord: Duration

  public init(
    attemptsAtOnce: Int = 4, unitsAtOnce: Int = 8, unit: Duration = .seconds(3600),
    heartbeat: Duration = .seconds(5), lastWord: Duration = .seconds(5)
  ) {
    self.attemptsAtOnce = attemptsAtOnce
    self.unitsAtOnce = unitsAtOnce
    self.unit = unit
    self.heartbeat = heartbeat
    self.lastWord = lastWord
  }

  /// Calls under way at the same time to one host, which may be the same for all attempts: as many
  /// of each attempt as use up fifteen a second where an answer takes a second.
  public var callsPerHost: Int { 16 * attemptsAtOnce }
}

/// Takes dispatches and executes attempts.
///
/// It is two things: the handler of a `ConsumerLoop` over the dispatch topic, which returns as soon
/// as an attempt is accepted, so that the message is committed; and a service, whose `run()`
/// executes the accepted attempts. While as many are under way as the limits allow, the handler
/// does not return: that is the backpressure. On graceful shutdown the attempts stop, each says so to
/// the scheduler, and `run()` returns.
///
/// An attempt that this process has accepted is not accepted again when its message is repeated:
/// two executions of one attempt would mix their sequences.
///
/// Why the message is committed before the work is done: an attempt may take an hour. If the
/// process dies, the lease runs out and the scheduler dispatches the next attempt.
public final class ExtractionWorker: BatchHandler, Service {
  private let connector: any Connector
  private let transport: any Transport
  private let producer: any MessageProducer
  private let surroundings: Surroundings
  private let limits: ExtractionLimits
  private let log: Logger
  private let slots: Slots
  private let rates: RateLimiter
  private let known = Mutex(KnownAttempts())
  private let accepted: AsyncStream<Dispatch>
  private let acceptance: AsyncStream<Dispatch>.Continuation

  /// - Parameter random: from 0 up to 1, for pauses between retries.
  public init(
    connector: any Connector, transport: any Transport, producer: any MessageProducer,
    limits: ExtractionLimits = ExtractionLimits(), now: @escaping @Sendable () -> Timestamp,
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) },
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, log: Logger
  ) {
    self.connector = connector
    self.transport = transport
    self.producer = producer
    self.limits = limits
    self.log = log
    surroundings = Surroundings(now: now, sleep: sleep, random: random)
    slots = Slots(limits.attemptsAtOnce)
    rates = RateLimiter(surroundings)
    (accepted, acceptance) = AsyncStream.makeStream(of: Dispatch.self)
  }

  public var waitsForRoom: Bool { true }

  /// Accepts the attempts, all of a batch together; returns when their execution may begin.
  ///
  /// - Throws: `BadMessage` before anything is accepted; `CancellationError` when the worker stops.
  public func handle(_ messages: [Message]) async throws {
    var dispatches: [Dispatch] = []
    for message in messages {
      dispatches.append(try Dispatch(reading: message.value, platform: connector.platform))
    }
    dispatches.removeAll { isExpired($0) || isKnown($0) }
    guard !dispatches.isEmpty else { return }
    let count = dispatches.count
    try await cancelledByDraining { try await self.slots.reserve(count) }
    for dispatch in dispatches {
      // Waiting for room may have taken long.
      guard !isExpired(dispatch) else {
        slots.release()
        continue
      }
      known.withLock { $0.insert(dispatch) }
      if case .terminated = acceptance.yield(dispatch) { throw CancellationError() }
    }
  }

  /// Executes accepted attempts until graceful shutdown.
  public func run() async throws {
    await withDiscardingTaskGroup { group in
      await withGracefulShutdownHandler {
        for await dispatch in accepted {
          group.addTask { await self.execute(dispatch) }
        }
      } onGracefulShutdown: {
        self.acceptance.finish()
      }
      acceptance.finish()
    }
  }

  private func execute(_ dispatch: Dispatch) async {
    var log = log
    log[metadataKey: "scope"] = "\(dispatch.scope)"
    log[metadataKey: "run"] = "\(dispatch.run)"
    log[metadataKey: "attempt"] = "\(dispatch.attempt)"
    await AttemptExecution(
      dispatch: dispatch, connector: connector, producer: producer,
      context: AttemptContext(
        transport: transport, surroundings: surroundings, statistics: AttemptStatistics(),
        log: log, workerRates: rates),
      limits: limits
    ).run()
    slots.release()
  }

  private func isExpired(_ dispatch: Dispatch) -> Bool {
    guard dispatch.expires <= surroundings.now() else { return false }
    log.notice(
      "dispatch has expired and is ignored",
      metadata: ["run": "\(dispatch.run)", "attempt": "\(dispatch.attempt)"])
    return true
  }

  private func isKnown(_ dispatch: Dispatch) -> Bool {
    guard known.withLock({ $0.contains(dispatch) }) else { return false }
    log.notice(
      "dispatch is repeated and is ignored",
      metadata: ["run": "\(dispatch.run)", "attempt": "\(dispatch.attempt)"])
    return true
  }
}

/// The attempts that were accepted last.
private struct KnownAttempts {
  private static let maximum = 10_000
  private var keys: Set<String> = []
  private var order: [String] = []
  private var oldest = 0

  func contains(_ dispatch: Dispatch) -> Bool { keys.contains(Self.key(dispatch)) }

  mutating func insert(_ dispatch: Dispatch) {
    let key = Self.key(dispatch)
    guard keys.insert(key).inserted else { return }
    if order.count < Self.maximum {
      order.append(key)
    } else {
      keys.remove(order[oldest])
      order[oldest] = key
      oldest = (oldest + 1) % Self.maximum
    }
  }

  private static func key(_ dispatch: Dispatch) -> String { "\(dispatch.run)/\(dispatch.attempt)" }
}
