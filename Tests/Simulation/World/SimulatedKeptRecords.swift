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
    let found = try await process.ask("records of \(place)") { [broker] in
      broker.messages(of: place, from: offsets.lowerBound)
    }
    for message in found where message.offset <= offsets.upperBound { try await body(message) }
  }
}
