public import Model

/// Reads partitions, as a member of a group or by naming them.
///
/// ```swift
/// while let event = try await consumer.next() {
///   switch event {
///   case .assigned(let partitions):
///     try await consumer.assign(Dictionary(partitions.map { ($0, .committed) }) { $1 })
///   case .messages(let messages):
///     // Handle them, then commit the offset after the last one.
///   case .revoked(_, let lost):
///     // Finish, and commit unless lost.
///     try await consumer.unassign()
///   }
/// }
/// ```
///
/// Nothing is fetched between `.assigned` and `assign`, and no message of a revoked partition is
/// returned after `.revoked`; the group waits for `assign` and `unassign`, so be quick there.
/// The consumer stays in its group however long a batch is worked on, because its thread keeps
/// polling: noticing that the work stalls is the caller's part.
///
/// The assignment is eager `roundrobin`: librdkafka 2.0.2 can hang with cooperative-sticky.
public final class KafkaConsumer: Sendable {
  /// What and how much a consumer reads.
  public struct Options: Sendable {
    /// The consumer group; `nil` reads exactly what `assign` names, from the first call on.
    public var group: String?
    /// The topics the group reads.
    public var topics: [String]
    /// Static membership: a restart under the same id gets the same partitions, undisturbed.
    public var instance: String?
    /// The most messages, and bytes of them, in one `.messages`; one message may be larger.
    public var batchCount = 1000
    public var batchBytes = 4 * 1024 * 1024
    /// What is held ready for `next`, besides what librdkafka reads ahead.
    public var bufferedCount = 4000
    public var bufferedBytes = 16 * 1024 * 1024

    public init(group: String?, topics: [String] = [], instance: String? = nil) {
      self.group = group
      self.topics = topics
      self.instance = instance
    }
  }

  public enum Event: Sendable, Equatable {
    /// The group gave these partitions to this member: call `assign`.
    case assigned([TopicPartition])
    /// The group takes all partitions back: finish, commit, call `unassign`. When `lost`, another
    /// member may own them already, and a commit is refused.
    case revoked([TopicPartition], lost: Bool)
    /// Messages of one partition in order of offset; never empty.
    case messages([Message])
  }

  /// Where a partition is read from.
  public enum StartOffset: Sendable, Equatable {
    /// After what the group committed; without any, as `auto.offset.reset` says.
    case committed
    case beginning
    case end
    case offset(Int64)
  }

  private let mailbox: ConsumerMailbox
  private let inbox: ConsumerInbox

  /// Joins the group, if any, in the background.
  ///
  /// - Throws: `.configuration`, listing every bad property by name.
  public init(_ configuration: KafkaConfiguration, _ options: Options) throws(KafkaError) {
    let wakeUp = try WakeUp()
    let limits = ConsumerInbox.Limits(
      batchCount: options.batchCount, batchBytes: options.batchBytes,
      bufferedCount: options.bufferedCount, bufferedBytes: options.bufferedBytes)
    let mailbox = ConsumerMailbox(wakeUp: wakeUp)
    let inbox = ConsumerInbox(limits: limits) { wakeUp.signal() }
    let handle = try ConsumerSession.makeHandle(configuration, options)
    do throws(KafkaError) {
      try DedicatedThread.start {
        let session = ConsumerSession(handle, wakeUp: wakeUp)
        var loop = ConsumerLoop(
          session: session, configuration: configuration, options: options, inbox: inbox,
          mailbox: mailbox, wakeUp: wakeUp)
        loop.run()
      }
    } catch {
      handle.destroy()
      throw error
    }
    self.mailbox = mailbox
    self.inbox = inbox
  }

  deinit {
    inbox.close()
    mailbox.send(.close(.seconds(1)))
  }

  /// Waits for what is next; for one task at a time.
  ///
  /// - Returns: `nil` after `close`.
  /// - Throws: `.offsetOutOfRange`, `.unknownTopic`, `.authorizationFailed` for a partition or
  ///   topic they name (the others go on: call again); `.requestRefused` when the group refuses
  ///   this member's settings; `.cancelled`; or an error with `isFatal`, after which the consumer
  ///   is only good to be closed. Lost connections are repaired and reported as notices instead.
  public func next() async throws(KafkaError) -> Event? {
    try await inbox.next()
  }

  /// Begins to read exactly these partitions: in a group, out of those last `.assigned`.
  ///
  /// - Throws: `.invalidState` for a partition that is not assigned to this member, or for
  ///   `.committed` without a group.
  public func assign(_ offsets: [TopicPartition: StartOffset]) async throws(KafkaError) {
    try await request { .assign(offsets, $0) }
  }

  /// Gives all partitions up, which lets the group go on after `.revoked`.
  public func unassign() async throws(KafkaError) {
    try await request { .unassign($0) }
  }

  /// Stores where the group goes on: for each partition, the offset *after* the last handled
  /// message. Returns when the broker has answered.
  ///
  /// - Throws: `.rebalanced` when this member no longer owns them; `.invalidState` without group.
  public func commit(_ next: [TopicPartition: Int64]) async throws(KafkaError) {
    guard !next.isEmpty else { return }
    try await request { .commit(next, $0) }
  }

  /// The group's stored offsets; partitions without one are left out.
  public func committed(
    _ partitions: [TopicPartition]
  ) async throws(KafkaError) -> [TopicPartition: Int64] {
    guard !partitions.isEmpty else { return [:] }
    let answer = OneShot<[TopicPartition: Int64]>()
    mailbox.send(.committed(partitions, answer))
    return try await answer.outcome()
  }

  /// Leaves the group (a static member keeps its place) and ends the connections.
  ///
  /// `next` returns `nil` from now on, and what was not committed is read again. Returns by the
  /// deadline at the latest, even when librdkafka hangs.
  public func close(deadline: Duration) async {
    inbox.close()
    mailbox.send(.close(deadline))
    try? await mailbox.stopped.outcome(within: deadline, orElse: .closed)
  }

  private func request(
    _ make: (OneShot<Void>) -> ConsumerCommand
  ) async throws(KafkaError) {
    let answer = OneShot<Void>()
    mailbox.send(make(answer))
    try await answer.outcome()
  }
}
