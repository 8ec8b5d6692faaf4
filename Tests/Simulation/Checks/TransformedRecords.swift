internal import Model

/// Follows which raw messages have their output.
struct TransformedRecords {
  private var checked: [TopicPartition: Int64] = [:]
  /// The headers of each partition's output, as far as it was looked at.
  private var output: [Int32: (upTo: Int64, headers: Set<String>)] = [:]

  /// Every raw message below the offset that is to be committed has its output on the graph topic,
  /// or is a dead letter.
  mutating func check(
    upTo next: Int64, of raw: TopicPartition, _ broker: Broker, _ list: inout Findings
  ) {
    let from = checked[raw] ?? 0
    guard next > from else { return }
    checked[raw] = next
    let headers = look(at: raw.partition, broker)
    for message in broker.messages(of: raw, from: from) where message.offset < next {
      guard let header = message.header(RecordHeader.name) else { continue }
      list.require(
        headers.contains(header), .outputFirst,
        "\(raw) is committed up to \(next), and \(header) at \(message.offset) has no output")
    }
  }

  private mutating func look(at partition: Int32, _ broker: Broker) -> Set<String> {
    var known = output.removeValue(forKey: partition) ?? (0, [])
    let graph = TopicPartition(topic: Topic.graph, partition: partition)
    for message in broker.messages(of: graph, from: known.upTo) {
      known.upTo = message.offset + 1
      if let header = message.header(RecordHeader.name) { known.headers.insert(header) }
    }
    output[partition] = known
    return known.headers
  }
}
