internal import Model
internal import Synchronization

/// What the consumer's thread has read and its caller has not yet taken: bounded, in order.
///
/// 1. Assignments, revocations and errors overtake messages; a revocation drops all of them.
/// 2. Messages of one partition keep their order; partitions take turns.
/// 3. The thread stops reading messages while `isFull`; `next` wakes it when that ends.
final class ConsumerInbox: Sendable {
  struct Limits: Sendable {
    var batchCount: Int
    var batchBytes: Int
    var bufferedCount: Int
    var bufferedBytes: Int
  }

  private struct State {
    var control: [Result<KafkaConsumer.Event, KafkaError>] = []
    var turns: [TopicPartition] = []
    var messages: [TopicPartition: [Message]] = [:]
    var count = 0
    var bytes = 0
    var waiter: OneShot<Void>?
    var isClosed = false

    mutating func wake() {
      waiter?.resolve(.success(()))
      waiter = nil
    }

    mutating func dropMessages() {
      turns = []
      messages = [:]
      count = 0
      bytes = 0
    }

    mutating func takeBatch(_ limits: Limits) -> [Message]? {
      guard let partition = turns.first, var available = messages.removeValue(forKey: partition)
      else { return nil }
      turns.removeFirst()
      var taken = 0
      var takenBytes = 0
      for message in available.prefix(limits.batchCount) {
        // At least one, however large it is.
        guard taken == 0 || takenBytes + message.size <= limits.batchBytes else { break }
        taken += 1
        takenBytes += message.size
      }
      count -= taken
      bytes -= takenBytes
      guard taken < available.count else { return available }
      let batch = Array(available.prefix(taken))
      available.removeFirst(taken)
      messages[partition] = available
      turns.append(partition)
      return batch
    }
  }

  private let limits: Limits
  private let wakeReader: @Sendable () -> Void
  private let state = Mutex(State())

  init(limits: Limits, wakeReader: @escaping @Sendable () -> Void) {
    self.limits = limits
    self.wakeReader = wakeReader
  }

  // MARK: The thread's side

  var isFull: Bool {
    state.withLock { isFull($0) }
  }

  func append(_ message: Message) {
    let partition = TopicPartition(topic: message.topic, partition: message.partition)
    state.withLock { state in
      guard !state.isClosed else { return }
      if state.messages[partition]?.append(message) == nil {
        state.messages[partition] = [message]
        state.turns.append(partition)
      }
      state.count += 1
      state.bytes += message.size
      state.wake()
    }
  }

  func post(_ event: Result<KafkaConsumer.Event, KafkaError>, droppingMessages: Bool = false) {
    state.withLock { state in
      guard !state.isClosed else { return }
      if droppingMessages { state.dropMessages() }
      state.control.append(event)
      state.wake()
    }
  }

  func dropMessages() {
    state.withLock { $0.dropMessages() }
  }

  /// From now on there is nothing to take.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.control = []
      state.dropMessages()
      state.wake()
    }
  }

  // MARK: The caller's side

  func next() async throws(KafkaError) -> KafkaConsumer.Event? {
    while true {
      switch take() {
      case .event(let event): return try event.get()
      case .closed: return nil
      case .nothing(let arrival): try await arrival.value()
      }
    }
  }

  private enum Taken {
    case event(Result<KafkaConsumer.Event, KafkaError>)
    case closed
    case nothing(OneShot<Void>)
  }

  private func take() -> Taken {
    let (taken, wasFull) = state.withLock { state -> (Taken, Bool) in
      if state.isClosed { return (.closed, false) }
      if !state.control.isEmpty { return (.event(state.control.removeFirst()), false) }
      let wasFull = isFull(state)
      if let batch = state.takeBatch(limits) {
        return (.event(.success(.messages(batch))), wasFull && !isFull(state))
      }
      let arrival = state.waiter ?? OneShot()
      state.waiter = arrival
      return (.nothing(arrival), false)
    }
    if wasFull { wakeReader() }
    return taken
  }

  private func isFull(_ state: borrowing State) -> Bool {
    state.count >= limits.bufferedCount || state.bytes >= limits.bufferedBytes
  }
}

extension Message {
  /// What the message occupies, roughly, in bytes.
  fileprivate var size: Int {
    headers.reduce(64 + (key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0)
    }
  }
}
