import Model
import Pipeline
import PipelineTesting
import Testing

@testable import Extraction

@Suite struct AttemptPublicationTests {
  private let attempt = TestAttempt(
    connector: FakeConnector(), transport: ScriptedTransport { _ in .init("") })

  private func publication(
    _ collections: [String] = ["a", "b"], maximumValueBytes: Int = 1000
  ) -> AttemptPublication {
    AttemptPublication(
      attempt.dispatch, execution: "e", connector: "fake/1", collections: collections,
      at: attempt.clock.now, maximumValueBytes: maximumValueBytes)
  }

  private func records(_ keys: String...) -> [Record] {
    keys.map { Record(key: $0, bytes: Array("{}".utf8), call: 0) }
  }

  private func headers(_ batch: [OutgoingMessage]?) -> [String] {
    batch?.map { message in
      String(decoding: message.headers.first?.value ?? [], as: UTF8.self)
        .replacing("run=01JD0000000000000000000002;attempt=1;exec=e;", with: "")
    } ?? []
  }

  @Test func theStartIsAcknowledgedBeforeAnythingFollows() throws {
    var publication = publication()
    _ = try publication.publish(records("x"), to: "a")
    #expect(headers(publication.nextBatch()) == ["kind=scan.started"])
    #expect(publication.nextBatch() == nil)
    publication.batchAcknowledged()
    #expect(headers(publication.nextBatch()) == ["collection=a;seq=0;call=0;key=x"])
  }

  @Test func sequencesAreDensePerCollection() throws {
    var publication = started()
    _ = try publication.publish(records("x", "y"), to: "a")
    _ = try publication.publish(records("p"), to: "b")
    let ticket = try publication.publish(records("z"), to: "a")
    #expect(
      headers(publication.nextBatch()) == [
        "collection=a;seq=0;call=0;key=x", "collection=a;seq=1;call=0;key=y",
        "collection=b;seq=0;call=0;key=p", "collection=a;seq=2;call=0;key=z",
      ])
    #expect(!publication.isAcknowledged(ticket))
    publication.batchAcknowledged()
    #expect(publication.isAcknowledged(ticket))
  }

  @Test func aCollectionEndsAfterItsRecordsAreAcknowledged() throws {
    var publication = started()
    _ = try publication.publish(records("x"), to: "a")
    let ended = try publication.end("a", .complete, calls: CallLog())
    _ = try publication.publish(records("p"), to: "b")
    #expect(ended.records == 1)
    #expect(headers(publication.nextBatch()) == ["collection=a;seq=0;call=0;key=x"])
    #expect(publication.nextBatch() == nil)
    publication.batchAcknowledged()
    #expect(headers(publication.nextBatch()) == ["kind=collection.ended;collection=a"])
    publication.batchAcknowledged()
    #expect(headers(publication.nextBatch()) == ["collection=b;seq=0;call=0;key=p"])
  }

  @Test func nothingFollowsAnEnd() throws {
    var publication = started()
    _ = try publication.end("a", .complete, calls: CallLog())
    #expect(throws: ExtractionError.self) { try publication.publish(records("x"), to: "a") }
    #expect(throws: ExtractionError.self) {
      try publication.end("a", .complete, calls: CallLog())
    }
    #expect(throws: ExtractionError.self) { try publication.close(ended) }
    _ = try publication.end("b", .complete, calls: CallLog())
    try publication.close(ended)
    #expect(throws: ExtractionError.self) { try publication.close(ended) }
    var last: [String] = []
    while let batch = publication.nextBatch() {
      last = headers(batch)
      publication.batchAcknowledged()
    }
    #expect(last == ["kind=scan.ended"])
  }

  @Test func aRecordThatIsTooLargeBecomesAMarker() throws {
    var publication = started()
    let large = Record(key: "big", bytes: [UInt8](repeating: 0x20, count: 1001), call: 0)
    _ = try publication.publish([large] + records("x"), to: "a")
    let values = publication.nextBatch()?.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    #expect(values == [#"{"sv0:oversized":{"bytes":1001}}"#, "{}"])
    let ended = try publication.end("a", .complete, calls: CallLog())
    #expect(ended.outcome == .partial)
    #expect(ended.records == 2)
    #expect(ended.message?.contains("big") == true)
  }

  @Test func aRecordThatIsTooLargeMakesADeltaPartial() throws {
    var publication = started()
    let large = Record(key: "big", bytes: [UInt8](repeating: 0x20, count: 1001), call: 0)
    _ = try publication.publish([large], to: "a")
    let ended = try publication.end("a", .changes(from: "t1", to: "t2"), calls: CallLog())
    #expect(ended.outcome == .partial)
    #expect(ended.kind == .delta && ended.from == "t1" && ended.token == "t2")
    #expect(ended.message?.contains("big") == true)
  }

  @Test func batchesAreBounded() throws {
    var publication = publication(["a"], maximumValueBytes: 8 << 20)
    _ = publication.nextBatch()
    publication.batchAcknowledged()
    let megabyte = [UInt8](repeating: 0x20, count: 1 << 20)
    _ = try publication.publish(
      (0..<6).map { Record(key: "\($0)", bytes: megabyte, call: 0) }, to: "a")
    #expect(publication.nextBatch()?.count == 4)
    publication.batchAcknowledged()
    #expect(publication.nextBatch()?.count == 2)
  }

  @Test(arguments: [
    ([Outcome.complete, .unchanged, .unsupported], Outcome.complete), ([], .complete),
    ([.denied, .denied], .denied), ([.denied, .complete], .partial),
    ([.failed, .denied], .partial), ([.throttled], .throttled),
  ])
  func theScansOutcomeFollowsItsCollections(_ outcomes: [Outcome], _ combined: Outcome) {
    #expect(Outcome.combined(outcomes) == combined)
  }

  private func started() -> AttemptPublication {
    var publication = publication()
    _ = publication.nextBatch()
    publication.batchAcknowledged()
    return publication
  }

  private var ended: ScanEnded {
    ScanEnded(
      outcome: .complete, records: 0, calls: 0, retries: 0, throttledMilliseconds: 0,
      at: attempt.clock.now)
  }
}
