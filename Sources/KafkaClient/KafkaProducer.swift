public import Model

/// Sends messages: idempotent, in order per partition, with back-pressure.
///
/// Order is kept among the messages of one partition that one task sends. When the idempotent
/// session breaks for good ("sequence desynchronization" in librdkafka 2.0.2, a broker that lost
/// data), the producer replaces it: what is outstanding fails with `.producerReset`, which is
/// retriable and may leave duplicates, and later messages use the new session.
public final class KafkaProducer: Sendable {
  private let core: ProducerCore

  /// Makes a producer; the brokers are connected to in the background.
  ///
  /// - Throws: `.configuration`, listing every bad property by name.
  public init(_ configuration: KafkaConfiguration) throws(KafkaError) {
    let core = try ProducerCore(configuration)
    self.core = core
    do throws(KafkaError) {
      try DedicatedThread.start { core.run() }
    } catch {
      core.destroy()
      throw error
    }
  }

  deinit { core.stop() }

  /// Queues a message; waits while the local queue is full, and not for the broker.
  ///
  /// - Returns: the broker's answer, to be awaited or dropped (`flush` also reports failures).
  /// - Throws: when the message could not be queued: `.messageTooLarge`, `.unknownTopic` for a
  ///   fixed partition that does not exist, `.closed`, `.cancelled`.
  public func send(_ message: OutgoingMessage) async throws(KafkaError) -> Acknowledgement {
    while true {
      switch try core.enqueue(message) {
      case .queued(let acknowledgement): return acknowledgement
      case .full(let room): try await room.value()
      }
    }
  }

  /// The barrier: waits until every message queued before it is answered.
  ///
  /// It belongs to one task at a time: a failure is reported by one barrier only.
  ///
  /// - Throws: the first failure among the messages since the previous barrier, or `.cancelled`.
  public func flush() async throws(KafkaError) {
    try await core.barrier().value()
  }

  /// Flushes, then ends the connections. The producer cannot be used afterwards.
  ///
  /// - Parameter deadline: how long it may take in all; what is not acknowledged by then fails.
  /// - Throws: the first failure since the last barrier, `.timedOut` at the deadline.
  public func close(deadline: Duration) async throws(KafkaError) {
    let late = KafkaError(
      .timedOut,
      "Closing the Kafka producer took longer than its deadline; messages that were not "
        + "acknowledged may be lost. Send them again.", isRetriable: true)
    let started = ContinuousClock.now
    core.refuseMessages()
    var failure: KafkaError?
    do throws(KafkaError) {
      try await core.barrier().outcome(within: deadline, orElse: late)
    } catch {
      failure = error
    }
    core.stop()
    do throws(KafkaError) {
      // A little is left for the thread even when the flush used the deadline up.
      let rest = max(deadline - (ContinuousClock.now - started), .milliseconds(200))
      try await core.stopped.outcome(within: rest, orElse: late)
    } catch {
      failure = failure ?? error
    }
    if let failure { throw failure }
  }

  /// Breaks the current session as a broker would, for tests.
  func injectFatalError() {
    core.injectFatalError()
  }
}
