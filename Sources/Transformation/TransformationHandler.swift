public import Logging
internal import Metrics
public import Model
public import Pipeline

/// Transforms what a consumer of a platform's raw topic receives.
///
/// Invariants:
/// 1. `handle` returns only once all output of its messages is acknowledged, dead letters included.
/// 2. The output has the order of the input; a dead letter stands before its tainted fragment.
/// 3. It never throws `BadMessage`: a bad message holds nothing back, and is not repeated.
/// 4. Repeated messages give the same graph messages, which the loader knows how to ignore.
///
/// Metrics: `sv0_transformer_records_total`, `sv0_transformer_tainted_total` (both by `platform`)
/// and, as in every worker, `sv0_dead_letters_total` (by `loop` and `class`).
public struct TransformationHandler: BatchHandler {
  private let transformer: Transformer
  private let producer: any MessageProducer
  private let deadLetters: DeadLetters
  private let log: Logger

  public init(
    transformer: Transformer, producer: any MessageProducer, deadLetters: DeadLetters, log: Logger
  ) {
    self.transformer = transformer
    self.producer = producer
    self.deadLetters = deadLetters
    self.log = log
  }

  public func handle(_ messages: [Message]) async throws {
    var output: [OutgoingMessage] = []
    output.reserveCapacity(messages.count)
    var tally = Tally()
    for message in messages {
      let transformed = transformer.transform(message)
      if let problem = transformed.problem {
        output.append(deadLetters.letter(for: message, because: problem))
        warn(of: problem, in: message)
      }
      if let graphMessage = transformed.output { output.append(graphMessage) }
      tally.count(transformed)
    }
    try await producer.produce(output)
    report(tally)
  }

  private func warn(of problem: BadMessage, in message: Message) {
    log.warning(
      "dead letter",
      metadata: [
        "loop": "\(Stage.transformer.rawValue)", "reason": "\(problem)",
        "position": "\(message.topic)[\(message.partition)]@\(message.offset)",
      ])
  }

  private func report(_ tally: Tally) {
    let platform = [("platform", transformer.platform.rawValue)]
    Counter(label: "sv0_transformer_records_total", dimensions: platform)
      .increment(by: tally.records)
    Counter(label: "sv0_transformer_tainted_total", dimensions: platform)
      .increment(by: tally.tainted)
    for (errorClass, count) in tally.deadLetters {
      Counter(
        label: "sv0_dead_letters_total",
        dimensions: [("loop", Stage.transformer.rawValue), ("class", errorClass)]
      ).increment(by: count)
    }
  }
}

/// What a batch came to.
private struct Tally {
  /// Tainted ones included.
  var records = 0
  var tainted = 0
  var deadLetters: [String: Int] = [:]

  mutating func count(_ transformed: Transformed) {
    switch transformed {
    case .fragment: records += 1
    case .tainted:
      records += 1
      tainted += 1
    case .control, .refused: break
    }
    if let problem = transformed.problem { deadLetters[problem.errorClass, default: 0] += 1 }
  }
}
