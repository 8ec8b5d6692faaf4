internal import Model
internal import Synchronization

/// What a caller asks of the consumer's thread; each carries where its answer goes.
enum ConsumerCommand: Sendable {
  case assign([TopicPartition: KafkaConsumer.StartOffset], OneShot<Void>)
  case unassign(OneShot<Void>)
  case commit([TopicPartition: Int64], OneShot<Void>)
  case committed([TopicPartition], OneShot<[TopicPartition: Int64]>)
  case close(Duration)

  /// Answers that it will not be done.
  func refuse(_ error: KafkaError) {
    switch self {
    case .assign(_, let answer), .unassign(let answer), .commit(_, let answer):
      answer.resolve(.failure(error))
    case .committed(_, let answer): answer.resolve(.failure(error))
    case .close: break
    }
  }
}

/// Commands on their way to the consumer's thread.
final class ConsumerMailbox: Sendable {
  /// Resolved when the thread has freed the handle.
  let stopped = OneShot<Void>()
  private let wakeUp: WakeUp
  /// `nil` when the thread takes no more.
  private let commands = Mutex<[ConsumerCommand]?>([])

  init(wakeUp: WakeUp) {
    self.wakeUp = wakeUp
  }

  func send(_ command: ConsumerCommand) {
    let isTaken = commands.withLock { $0?.append(command) != nil }
    guard isTaken else { return command.refuse(.closed) }
    wakeUp.signal()
  }

  func receive() -> [ConsumerCommand] {
    commands.withLock { commands in
      defer { commands = commands == nil ? nil : [] }
      return commands ?? []
    }
  }

  /// Refuses everything from now on.
  func close() {
    let late = commands.withLock { commands in
      defer { commands = nil }
      return commands ?? []
    }
    for command in late { command.refuse(.closed) }
  }
}
