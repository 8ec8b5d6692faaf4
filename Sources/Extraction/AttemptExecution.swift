internal import Authentication
internal import Logging
internal import Model
internal import Pipeline

/// Executes one attempt from its first heartbeat to its last word.
///
/// Invariants:
/// 1. A heartbeat is the first word, before any other is begun; they go on until the last word.
/// 2. Whatever happens, the last word is `ended`: with the scan's outcome, or `failed` and why.
/// 3. A collection's failure ends that collection; only a refusing broker, a cancelled task or a
///    configuration that cannot be used end the attempt.
/// 4. An attempt is stopped when the process drains or its task is cancelled. From then on it begins
///    no message but the last word; without `scan.ended` nothing that it published is applied.
/// 5. All its tasks are children of the one that runs it.
struct AttemptExecution: Sendable {
  let dispatch: Dispatch
  let connector: any Connector
  let producer: any MessageProducer
  let context: AttemptContext
  let limits: ExtractionLimits

  private struct Ending {
    var outcome: Outcome
    var message: String?
  }

  func run() async {
    let progress = ProgressReporter(dispatch: dispatch, producer: producer, context: context)
    let ending = await withTaskGroup(of: Ending?.self) { group in
      let (begun, beginning) = AsyncStream<Never>.makeStream()
      group.addTask {
        await progress.heartbeats(every: limits.heartbeat, first: beginning)
        return nil
      }
      group.addTask {
        await untilDraining()
        return nil
      }
      group.addTask {
        for await _ in begun {}
        return await perform(progress)
      }
      var ending: Ending?
      while let finished = await group.next() {
        ending = finished ?? ending
        // Heartbeats end only with the others.
        group.cancelAll()
      }
      return ending ?? Ending(outcome: .failed, message: "worker was stopped")
    }
    await progress.sendLast(
      .ended(outcome: ending.outcome, message: ending.message), deadline: limits.lastWord)
    context.log.log(
      level: ending.outcome == .complete ? .info : .warning, "attempt ended",
      metadata: ["outcome": "\(ending.outcome)", "message": "\(ending.message ?? "")"])
  }

  private func perform(_ progress: ProgressReporter) async -> Ending {
    do {
      return try await scan(progress)
    } catch {
      if Task.isCancelled { return Ending(outcome: .failed, message: "worker was stopped") }
      let failure = CollectionFailure(error)
      let message = (error as? ExtractionError)?.message ?? failure.message
      return Ending(outcome: .failed, message: message)
    }
  }

  private func scan(_ progress: ProgressReporter) async throws -> Ending {
    let prepared: PreparedScan
    do {
      prepared = try connector.prepare(dispatch, in: context)
    } catch {
      return try await publishing([], progress) { publisher in
        try await publisher.close(.failed)
        return Ending(outcome: .failed, message: error.description)
      }
    }
    return try await publishing(prepared.collections, progress) { publisher in
      let message = try await extract(prepared, into: publisher)
      let outcome = Outcome.combined(Array(await publisher.outcomes.values))
      try await publisher.close(outcome)
      return Ending(outcome: outcome, message: message)
    }
  }

  private func publishing(
    _ collections: [String], _ progress: ProgressReporter,
    _ body: @escaping @Sendable (AttemptPublisher) async throws -> Ending
  ) async throws -> Ending {
    let publisher = AttemptPublisher(
      AttemptPublication(
        dispatch, execution: context.surroundings.executionName(), connector: connector.version,
        collections: collections, at: context.surroundings.now()),
      producer: producer, progress: progress, context: context)
    return try await withThrowingTaskGroup(of: Ending?.self) { group in
      group.addTask {
        await publisher.send()
        return nil
      }
      group.addTask {
        try await publisher.open()
        return try await body(publisher)
      }
      defer { group.cancelAll() }
      while let finished = try await group.next() {
        if let finished { return finished }
      }
      throw CancellationError()
    }
  }

  /// Reads all collections; the result says why none could be read.
  private func extract(
    _ prepared: PreparedScan, into publisher: AttemptPublisher
  ) async throws -> String? {
    let authentication = CallLog()
    do {
      try await prepared.authenticate(authentication)
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      let failure = CollectionFailure(error)
      for collection in prepared.collections {
        try await publisher.end(collection, CollectionResult(failure), calls: authentication)
      }
      return failure.message
    }
    try await extract(prepared.units, into: publisher)
    return nil
  }

  /// Runs the units, a few at a time; only throws what ends the attempt.
  private func extract(
    _ units: [ExtractionUnit], into publisher: AttemptPublisher
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, unit) in units.enumerated() {
        if index >= limits.unitsAtOnce { try await group.next() }
        group.addTask { try await extract(unit, into: publisher) }
      }
      try await group.waitForAll()
    }
  }

  private func extract(_ unit: ExtractionUnit, into publisher: AttemptPublisher) async throws {
    let output = UnitOutput(unit.collections.map { CollectionOutput($0, publisher: publisher) })
    var result = CollectionResult.complete
    do {
      try await withTimeLimit { try await unit.body(output) }
    } catch let error where isFatalToAttempt(error) {
      throw error
    } catch {
      result = CollectionResult(CollectionFailure(error))
    }
    for collection in output.collections where !collection.hasEnded {
      try await collection.end(result)
    }
  }

  private func withTimeLimit(_ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await body()
        return true
      }
      group.addTask {
        try await context.surroundings.sleep(limits.unit)
        return false
      }
      defer { group.cancelAll() }
      guard try await group.next() == true else {
        throw CollectionFailure(
          .failed, "Not finished within \(limits.unit), which is the limit for these collections.")
      }
    }
  }
}
