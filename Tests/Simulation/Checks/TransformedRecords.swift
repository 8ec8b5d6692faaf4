internal import Model

/// Follows which raw messages have their output.
struct TransformedRecords {
  private var checked: [TopicPartition: Int64] = [:]

  /// Every raw message below the offset that is to be committed has its output on the graph topic,
  /// or is a dead letter.
  mutating func check(
    upTo next: Int64, of raw: TopicPartition, _ broker: Broker, _ list: inout Findings
  ) {
    let from = checked[raw] ?? 0
    guard next > from else { return }
    checked[raw] = next
    let output = Set(
      broker.messages(of: TopicPartition(topic: Topic.graph, partition: raw.partition))
        .compactMap { $0.header(RecordHeader.name) })
    for message in broker.messages(of: raw) where (from..<next).contains(message.offset) {
      guard let header = message.header(RecordHeader.name) else { continue }
      list.require(
        output.contains(header), .outputFirst,
        "\(raw) is committed up to \(next), and \(header) at \(message.offset) has no output")
    }
  }
}
