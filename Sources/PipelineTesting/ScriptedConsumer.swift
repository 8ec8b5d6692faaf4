public import Model
public import Pipeline
internal import Synchronization

/// A consumer that delivers the events it is given, and remembers what was committed.
public final class ScriptedConsumer: MessageConsumer {
  private let events: AsyncStream<ConsumerEvent>
  private let feed: AsyncStream<ConsumerEvent>.Continuation
  private let commits = Mutex<[[TopicPartition: Int64]]>([])

  public init() {
    (events, feed) = AsyncStream.makeStream(of: ConsumerEvent.self)
  }

  public func deliver(_ event: ConsumerEvent) { feed.yield(event) }
  public func end() { feed.finish() }
  public var committed: [[TopicPartition: Int64]] { commits.withLock { $0 } }

  public func next() async throws -> ConsumerEvent? {
    for await event in events { return event }
    try Task.checkCancellation()
    return nil
  }

  public func assign(_ starts: [TopicPartition: StartOffset]) async throws {}
  public func unassign() async throws {}
  public func commit(_ next: [TopicPartition: Int64]) async throws {
    commits.withLock { $0.append(next) }
  }
  public func close(deadline: Duration) async { feed.finish() }
}
