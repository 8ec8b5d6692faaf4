internal import Model
internal import Scheduling

/// The raw topic, as a tool reads it outside of any consumer group.
struct SimulatedKeptRecords: KeptRecords {
  let broker: Broker
  let process: ProcessContext

  func read(
    _ partition: Int32, _ offsets: ClosedRange<Int64>, _ body: (Message) async throws -> Void
  ) async throws {
    let place = TopicPartition(topic: Names.raw, partition: partition)
    var next = offsets.lowerBound
    while next <= offsets.upperBound {
      let from = next
      let page = try await process.ask("\(place) from \(from)") { [broker] in
        broker.messages(of: place, from: from).prefix { $0.offset <= offsets.upperBound }.prefix(4)
      }
      guard let last = page.last else { return }
      for message in page { try await body(message) }
      next = last.offset + 1
    }
  }
}
