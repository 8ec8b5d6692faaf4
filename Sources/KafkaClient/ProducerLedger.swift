/// Which messages are outstanding, and which barriers wait for them: pure bookkeeping, stepped
/// under the producer's lock.
///
/// 1. Every registered message is settled exactly once: acknowledged, failed, or withdrawn.
/// 2. A barrier covers the messages registered before it; it is done when none of them is
///    outstanding.
/// 3. Every failure is reported by exactly one barrier, the first that covers it.
struct ProducerLedger {
  private struct Barrier {
    let bound: UInt64
    var remaining: Int
    var failure: Failure?
    let completion: OneShot<Void>
  }

  private struct Failure {
    let message: UInt64
    let error: KafkaError
  }

  private var lastMessage: UInt64 = 0
  private var outstanding: [UInt64: Acknowledgement] = [:]
  private var barriers: [Barrier] = []
  /// The earliest message that failed since the last barrier.
  private var failure: Failure?

  var isEmpty: Bool { outstanding.isEmpty }

  /// Registers a message before it is enqueued.
  ///
  /// - Returns: its number, never 0.
  mutating func register(_ acknowledgement: Acknowledgement) -> UInt64 {
    lastMessage += 1
    outstanding[lastMessage] = acknowledgement
    return lastMessage
  }

  /// Forgets a message that could not be enqueued.
  mutating func withdraw(_ message: UInt64) {
    outstanding[message] = nil
    settleBarriers(message, failure: nil)
  }

  mutating func settle(_ message: UInt64, _ result: Result<Delivery, KafkaError>) {
    guard let acknowledgement = outstanding.removeValue(forKey: message) else { return }
    var failed: Failure?
    if case .failure(let error) = result { failed = Failure(message: message, error: error) }
    settleBarriers(message, failure: failed)
    acknowledgement.result.resolve(result)
  }

  mutating func failAll(_ error: KafkaError) {
    for message in outstanding.keys.sorted() { settle(message, .failure(error)) }
  }

  /// - Returns: what is resolved when every message registered so far is settled.
  mutating func barrier() -> OneShot<Void> {
    let barrier = Barrier(
      bound: lastMessage, remaining: outstanding.count, failure: failure, completion: OneShot())
    failure = nil
    barriers.append(barrier)
    completeBarriers()
    return barrier.completion
  }

  private mutating func settleBarriers(_ message: UInt64, failure: Failure?) {
    var unreported = failure
    for index in barriers.indices where message <= barriers[index].bound {
      barriers[index].remaining -= 1
      barriers[index].failure = earlier(barriers[index].failure, unreported)
      unreported = nil
    }
    self.failure = earlier(self.failure, unreported)
    completeBarriers()
  }

  private mutating func completeBarriers() {
    for barrier in barriers where barrier.remaining == 0 {
      barrier.completion.resolve(barrier.failure.map { .failure($0.error) } ?? .success(()))
    }
    barriers.removeAll { $0.remaining == 0 }
  }

  private func earlier(_ left: Failure?, _ right: Failure?) -> Failure? {
    guard let left, let right else { return left ?? right }
    return left.message <= right.message ? left : right
  }
}

/// Where a message was stored.
public struct Delivery: Sendable, Equatable {
  public var partition: Int32
  public var offset: Int64
}

/// The broker's answer to one message, yet to come.
public final class Acknowledgement: Sendable {
  let result = OneShot<Delivery>()

  /// Waits for the answer; the message is sent whether or not anybody waits.
  ///
  /// - Throws: why it was not stored; `.producerReset` and `.deliveryTimedOut` mean that it may
  ///   have been. `.cancelled` when the waiting task is.
  public func value() async throws(KafkaError) -> Delivery {
    try await result.value()
  }
}
