import Foundation
import KafkaClient
import Model
import Testing

/// What must hold once all work is done and no worker runs any more: nothing was lost on the way,
/// nothing is left over, and nothing older is published last.
struct AtRest {
  let stack: Stack
  private let topics: Topics

  init(_ stack: Stack) {
    self.stack = stack
    topics = Topics(stack.kafka)
  }

  func check() async throws {
    let messages = try await topics.messages()
    let letters = messages.filter { $0.topic == Topic.deadLetter }
    #expect(
      letters.map { "\($0.headers.map { "\($0.name): \($0.text)" })" } == [], "dead letters")
    try await checkOffsets()
    try await checkStaging()
    try await checkLastOfKeys(messages)
  }

  /// Every group has read its topic to the end, and says so.
  private func checkOffsets() async throws {
    let ends = try await topics.ends().mapValues(\.upperBound)
    var groups = [
      "sv0.scheduler.requests": Topic.scanRequest, "sv0.scheduler.progress": Topic.scanProgress,
      "sv0.extractor.aws": Topic.scanDispatch(.aws), "sv0.transformer.aws": Topic.raw(.aws),
      "sv0.loader": Topic.graph,
    ]
    for sink in try await stack.query("SELECT tenant || '.' || name FROM sv0.sinks") {
      groups["sv0.notifier.\(sink)"] = Topic.findings
    }
    for (group, topic) in groups {
      let ends = ends.filter { $0.key.topic == topic }
      #expect(try await topics.committed(by: group, Array(ends.keys)) == ends, "\(group)")
    }
  }

  /// Nothing is staged but of attempts that another one has superseded, until they are swept.
  private func checkStaging() async throws {
    let open = try await stack.query(
      """
      SELECT o.run, o.attempt, r.state FROM sv0.open_attempts o JOIN sv0.runs r USING (tenant, run)
      WHERE o.attempt = r.attempt
      """)
    #expect(open == [], "attempts that are not applied")
    for table in ["objects", "nodes", "edges", "documents", "ends"] {
      let left = try await stack.query(
        """
        SELECT DISTINCT run, attempt FROM sv0.staged_\(table)
        WHERE NOT EXISTS (SELECT FROM sv0.open_attempts o
          WHERE o.run = staged_\(table).run AND o.attempt = staged_\(table).attempt)
        """)
      #expect(left == [], "staged_\(table)")
    }
  }

  /// Whoever reads a compacted topic will find the newest of everything.
  private func checkLastOfKeys(_ messages: [Message]) async throws {
    let findings = try await stack.query("SELECT uid || '.' || version FROM sv0.findings")
    let older = Self.last(of: Topic.findings, in: messages).subtracting(findings)
    #expect(older == [], "the last word on a finding is not its newest version")
    let runs = try await stack.query(
      "SELECT DISTINCT ON (scope) run || '.' || version FROM sv0.runs ORDER BY scope, epoch DESC")
    #expect(
      Self.last(of: Topic.scanStatus, in: messages).symmetricDifference(runs) == [],
      "the last status of a scope is not that of its newest run")
  }

  /// The id of every key's last event.
  static func last(of topic: String, in messages: [Message]) -> Set<String> {
    let events = messages.filter { $0.topic == topic }.compactMap { message in
      message.header("ce_id").map { (message.key, $0) }
    }
    return Set(Dictionary(events) { $1 }.values)
  }
}

extension Topics {
  /// Where a group goes on, whose members have all ended.
  fileprivate func committed(
    by group: String, _ partitions: [TopicPartition]
  ) async throws -> [TopicPartition: Int64] {
    guard let topic = partitions.first?.topic else { return [:] }
    let consumer = try KafkaConsumer(configuration, .init(group: group, topics: [topic]))
    let committed = try await consumer.committed(partitions)
    await consumer.close(deadline: .seconds(1))
    return committed
  }
}
