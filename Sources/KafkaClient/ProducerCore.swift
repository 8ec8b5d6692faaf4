internal import CKafka
internal import Model
internal import Synchronization

/// What the producer's tasks and its thread share.
///
/// 1. `rd_kafka_produceva` is called under the lock, so no message enters a handle that was
///    replaced, and a full queue is noticed before the report that makes room again.
/// 2. Only the thread replaces or destroys a handle.
final class ProducerCore: Sendable {
  enum Enqueued {
    case queued(Acknowledgement)
    /// Resolved when there may be room.
    case full(OneShot<Void>)
  }

  private struct State {
    /// `nil` once the handle is freed.
    var session: ProducerSession?
    var ledger = ProducerLedger()
    var waiting: [OneShot<Void>] = []
    /// Why nothing can be sent any more.
    var refusal: KafkaError?

    mutating func wakeSenders() {
      for sender in waiting { sender.resolve(.success(())) }
      waiting = []
    }
  }

  /// Resolved when the thread has freed the handle.
  let stopped = OneShot<Void>()
  private let configuration: KafkaConfiguration
  private let state: Mutex<State>
  private let isStopping = Atomic(false)

  init(_ configuration: KafkaConfiguration) throws(KafkaError) {
    self.configuration = configuration
    state = Mutex(State(session: try ProducerSession(configuration)))
  }

  // MARK: Called by tasks

  func enqueue(_ message: OutgoingMessage) throws(KafkaError) -> Enqueued {
    let result = state.withLock { state -> Result<Enqueued, KafkaError> in
      if let refusal = state.refusal { return .failure(refusal) }
      guard let session = state.session else { return .failure(.closed) }
      let acknowledgement = Acknowledgement()
      let number = state.ledger.register(acknowledgement)
      switch session.produce(message, number: number) {
      case .queued: return .success(.queued(acknowledgement))
      case .mustWait:
        state.ledger.withdraw(number)
        let room = OneShot<Void>()
        state.waiting.append(room)
        return .success(.full(room))
      case .refused(let error):
        state.ledger.withdraw(number)
        return .failure(error)
      }
    }
    return try result.get()
  }

  func barrier() -> OneShot<Void> {
    state.withLock { $0.ledger.barrier() }
  }

  func refuseMessages() {
    state.withLock { state in
      state.refusal = state.refusal ?? .closed
      state.wakeSenders()
    }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    state.withLock { $0.session?.wake() }
  }

  func injectFatalError() {
    state.withLock { $0.session?.injectFatalError() }
  }

  // MARK: The thread

  func run() {
    while !isStopping.load(ordering: .acquiring), let session = state.withLock({ $0.session }) {
      guard let event = session.nextEvent(milliseconds: 1000) else { continue }
      take(event, of: session)
      if let fatal = session.handle.fatalError { replace(session, after: fatal) }
    }
    destroy()
  }

  /// Fails what is outstanding and frees the handle.
  func destroy() {
    refuseMessages()
    if let session = state.withLock({ $0.session }) {
      session.purge()
      while let event = session.nextEvent(milliseconds: 0) { take(event, of: session) }
      state.withLock { state in
        state.session = nil
        state.ledger.failAll(.closed)
      }
      session.destroy()
    }
    stopped.resolve(.success(()))
  }

  private func take(_ event: OpaquePointer, of session: ProducerSession) {
    let reports = session.deliveryReports(in: event)
    if reports.isEmpty {
      configuration.report(event)
    } else {
      state.withLock { state in
        for (number, result) in reports { state.ledger.settle(number, result) }
      }
    }
    rd_kafka_event_destroy(event)
    // Only with the event do its messages leave the local queue's count.
    state.withLock { $0.wakeSenders() }
  }

  private func replace(
    _ old: ProducerSession, after fatal: (code: rd_kafka_resp_err_t, text: String)
  ) {
    let error = KafkaError(
      fatal.code, while: "The Kafka producer's session", detail: fatal.text, isFatal: true)
    do throws(KafkaError) {
      // A session that lacks a permission would only be refused again.
      if error.code == .authorizationFailed { throw error }
      let fresh = try ProducerSession(configuration)
      state.withLock { state in
        state.session = fresh
        state.ledger.failAll(.producerReset(because: fatal.text))
        state.wakeSenders()
      }
      old.discard()
    } catch {
      state.withLock { state in
        state.refusal = error
        state.ledger.failAll(error)
        state.wakeSenders()
      }
      isStopping.store(true, ordering: .releasing)
    }
  }
}

extension KafkaError {
  fileprivate static func producerReset(because reason: String) -> Self {
    Self(
      .producerReset,
      "The broker ended the producer's session (\(reason)); a new one was begun. Whether this "
        + "message was stored is unknown: send it again.", isRetriable: true)
  }
}
