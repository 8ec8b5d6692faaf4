internal import Logging
internal import Metrics
internal import Model
internal import Pipeline

/// Performs what `AttemptPublication` decides, for units that publish at the same time.
///
/// `send()` is the one task that sends; whoever publishes waits for it. It belongs to the attempt,
/// not to a unit: a unit that runs out of time must not stop what others wait for.
///
/// Invariants:
/// 1. A failure that may pass is repeated with the same batch until `send()` is cancelled.
/// 2. Once a batch failed for good, or `send()` was cancelled, no batch is begun.
/// 3. Who waits is woken exactly once: when everything it gave is acknowledged, or by the failure
///    that ended the sending; who comes after that failure does not wait.
actor AttemptPublisher {
  private struct Waiter {
    var ticket: AttemptPublication.Ticket
    var continuation: CheckedContinuation<Void, any Error>
  }

  private var publication: AttemptPublication
  private let producer: any MessageProducer
  private let progress: ProgressReporter
  private let context: AttemptContext
  private var waiters: [Waiter] = []
  private var failure: (any Error)?
  /// Has an element whenever there may be something to send that the sending task has not seen.
  private let work: AsyncStream<Void>
  private let signal: AsyncStream<Void>.Continuation
  private(set) var outcomes: [String: Outcome] = [:]

  init(
    _ publication: AttemptPublication, producer: any MessageProducer, progress: ProgressReporter,
    context: AttemptContext
  ) {
    self.publication = publication
    self.producer = producer
    self.progress = progress
    self.context = context
    (work, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Sends what is given to the publisher, until cancelled or refused for good.
  func send() async {
    for await _ in work {
      while !Task.isCancelled, failure == nil, let batch = publication.nextBatch() {
        await send(batch)
      }
      if failure != nil { return }
    }
    fail(CancellationError())
  }

  /// Sends `scan.started`.
  func open() async throws { try await settle(publication.ticket) }

  func publish(_ records: [Record], to collection: String) async throws {
    try await settle(publication.publish(records, to: collection))
    context.statistics.update { $0.records += Int64(records.count) }
    let kind = collection.prefix { $0 != "@" }
    Counter(label: "sv0_records_total", dimensions: [("collection", String(kind))])
      .increment(by: records.count)
  }

  func end(_ collection: String, _ result: CollectionResult, calls: CallLog) async throws {
    let ended = try publication.end(collection, result, calls: calls)
    outcomes[collection] = ended.outcome
    publication.report(
      progress.message(
        .collectionEnded(
          collection: collection, outcome: ended.outcome, records: ended.records,
          missing: ended.missing, message: ended.message)))
    let dimensions = [
      ("collection", String(collection.prefix { $0 != "@" })), ("outcome", ended.outcome.rawValue),
    ]
    Counter(label: "sv0_collections_total", dimensions: dimensions).increment()
    context.log.log(
      level: ended.outcome == .complete ? .info : .warning, "collection ended",
      metadata: [
        "collection": "\(collection)", "outcome": "\(ended.outcome)", "records": "\(ended.records)",
        "missing": "\(ended.missing.joined(separator: ","))", "message": "\(ended.message ?? "")",
      ])
    try await settle(publication.ticket)
  }

  /// Sends `scan.ended` with the totals.
  func close(_ outcome: Outcome) async throws {
    let counts = context.statistics.counts
    try publication.close(
      ScanEnded(
        outcome: outcome, records: publication.records, calls: counts.calls,
        retries: counts.retries, throttledMilliseconds: counts.throttledMilliseconds,
        at: context.surroundings.now()))
    try await settle(publication.ticket)
  }

  private func send(_ batch: [OutgoingMessage]) async {
    do {
      try await context.repeating("publish") { [producer] in try await producer.produce(batch) }
    } catch {
      // The batch may be stored in part, so nothing may follow it.
      fail(error)
      return
    }
    publication.batchAcknowledged()
    let done = waiters.filter { publication.isAcknowledged($0.ticket) }
    waiters.removeAll { publication.isAcknowledged($0.ticket) }
    for waiter in done { waiter.continuation.resume() }
  }

  private func settle(_ ticket: AttemptPublication.Ticket) async throws {
    if publication.isAcknowledged(ticket) { return }
    if let failure { throw failure }
    try await withCheckedThrowingContinuation { continuation in
      waiters.append(Waiter(ticket: ticket, continuation: continuation))
      signal.yield()
    }
  }

  private func fail(_ error: any Error) {
    failure = failure ?? error
    let failed = waiters
    waiters = []
    for waiter in failed { waiter.continuation.resume(throwing: error) }
  }
}

extension AttemptContext {
  /// Repeats what fails for a reason that may pass.
  ///
  /// - Throws: `CancellationError`, or `ExtractionError` when it can never work.
  func repeating(
    _ what: String, _ operation: @Sendable () async throws -> Void
  ) async throws {
    var backoff = Backoff()
    while true {
      do {
        return try await operation()
      } catch let error as any ClassifiedError where error.isRetriable {
        try Task.checkCancellation()
        let pause = backoff.next()
        log.warning(
          "failed; trying again",
          metadata: ["what": "\(what)", "error": "\(error)", "pause": "\(pause)"])
        try await surroundings.sleep(pause)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        try Task.checkCancellation()
        throw ExtractionError(
          .notPublished, "The broker refused a message for good (\(what)): \(error)")
      }
    }
  }
}
