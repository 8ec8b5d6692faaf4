public import Model

/// Creates and inspects topics, and asks about offsets.
///
/// Calls are made one after another on a thread of its own; each ends within `timeout`.
public final class KafkaAdministration: Sendable {
  private let session: AdministrationSession
  private let thread: SerialThread
  private let stopped: OneShot<Void>

  /// - Parameter timeout: how long one call may take.
  /// - Throws: `.configuration`, listing every bad property by name.
  public init(
    _ configuration: KafkaConfiguration, timeout: Duration = .seconds(10)
  ) throws(KafkaError) {
    let session = try AdministrationSession(configuration, timeout: timeout)
    let stopped = OneShot<Void>()
    self.session = session
    self.stopped = stopped
    do throws(KafkaError) {
      thread = try SerialThread {
        session.destroy()
        stopped.resolve(.success(()))
      }
    } catch {
      session.destroy()
      throw error
    }
  }

  deinit { thread.stop() }

  /// Ends after the calls made so far, or at the deadline.
  public func close(deadline: Duration) async {
    thread.stop()
    try? await stopped.outcome(within: deadline, orElse: .closed)
  }

  /// Asks a broker for its metadata.
  ///
  /// - Throws: `.brokerUnreachable`, `.authenticationFailed` or `.timedOut`, with the broker's name
  ///   and the reason.
  public func ping() async throws(KafkaError) {
    try await call { session throws(KafkaError) in try session.ping() }
  }

  /// Every topic's name, sorted.
  public func listTopics() async throws(KafkaError) -> [String] {
    try await call { session throws(KafkaError) in try session.topics().keys.sorted() }
  }

  /// Partition counts and replication by topic; topics that do not exist are left out.
  public func describeTopics(
    _ names: Set<String>
  ) async throws(KafkaError) -> [String: TopicDescription] {
    try await call { session throws(KafkaError) in
      try session.topics().filter { names.contains($0.key) }
    }
  }

  /// The topics' effective configuration, by topic and key; sensitive values are left out.
  ///
  /// - Throws: `.unknownTopic` when one does not exist.
  public func describeConfigurations(
    _ topics: [String]
  ) async throws(KafkaError) -> [String: [String: String]] {
    try await call { session throws(KafkaError) in try session.configurations(topics) }
  }

  /// Creates topics.
  ///
  /// - Returns: why a topic was not created, by name: `.alreadyExists` among others. Empty when all
  ///   were.
  public func createTopics(
    _ definitions: [TopicDefinition]
  ) async throws(KafkaError) -> [String: KafkaError] {
    try await call { session throws(KafkaError) in try session.create(definitions) }
  }

  /// The first offset that is kept, and the one after the last message.
  public func watermarks(
    _ partition: TopicPartition
  ) async throws(KafkaError) -> (low: Int64, high: Int64) {
    try await call { session throws(KafkaError) in try session.watermarks(partition) }
  }

  private func call<Value: Sendable>(
    _ body: @escaping @Sendable (AdministrationSession) throws(KafkaError) -> Value
  ) async throws(KafkaError) -> Value {
    let answer = OneShot<Value>()
    let isTaken = thread.perform { [session] in
      do throws(KafkaError) {
        answer.resolve(.success(try body(session)))
      } catch {
        answer.resolve(.failure(error))
      }
    }
    guard isTaken else { throw .closed }
    return try await answer.value()
  }
}

/// A topic to be created.
public struct TopicDefinition: Sendable, Equatable {
  public var name: String
  public var partitions: Int32
  /// Copies of each partition; -1 leaves it to the cluster.
  public var replication: Int16
  /// Topic properties of the broker (`cleanup.policy`, `retention.ms`, …).
  public var configuration: [String: String]

  public init(
    name: String, partitions: Int32, replication: Int16 = -1,
    configuration: [String: String] = [:]
  ) {
    self.name = name
    self.partitions = partitions
    self.replication = replication
    self.configuration = configuration
  }
}

/// A topic as the cluster has it.
public struct TopicDescription: Sendable, Equatable {
  public var partitions: Int32
  /// Of the partition with the fewest copies.
  public var replication: Int16
}
