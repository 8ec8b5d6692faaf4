import Extraction
import Model
import Notification
import Pipeline
import PipelineTesting
import Testing

@Suite("Which findings a sink gets")
struct NotificationHandlerTests {
  /// Ids of what a sink with this filter gets of the messages.
  private func delivered(_ messages: [Message], filter: JSON = [:]) async throws -> [String] {
    let transport = ScriptedTransport { _ in .init(204, "") }
    let handler = try Fixture.handler(Fixture.sink(filter: filter), transport)
    try await handler.handle(messages)
    return transport.calls.compactMap { $0.header("webhook-id") }
  }

  @Test("Only the sink's own tenant's, and no tombstones")
  func tenants() async throws {
    var tombstone = Fixture.message(uid: "b")
    tombstone.value = nil
    tombstone.headers = []
    let ids = try await delivered([
      Fixture.message(uid: "a", tenant: "other"), tombstone, Fixture.message(uid: "c"),
    ])
    #expect(ids == ["c.1"])
  }

  @Test("A header that disagrees with the event is a dead letter and never sent")
  func disagreement() async throws {
    var otherKey = Fixture.message()
    otherKey.key = Array("else".utf8)
    var noSource = Fixture.message()
    noSource.headers.removeAll { $0.name == "ce_source" }
    var notJSON = Fixture.message()
    notJSON.value = Array("{".utf8)
    for (message, expected) in [
      (Fixture.message(eventTenant: "other"), "tenant"), (otherKey, "schema"),
      (noSource, "malformed"), (notJSON, "schema"),
    ] {
      let error = await Fixture.error { _ = try await delivered([message]) }
      #expect((error as? BadMessage)?.errorClass == expected)
    }
  }

  @Test("Filters: severity and above, rules, platforms, states")
  func filters() async throws {
    let messages = [
      Fixture.message(uid: "low", severity: .low),
      Fixture.message(uid: "high", severity: .high),
      Fixture.message(uid: "critical", severity: .critical, rule: "external-trust"),
      Fixture.message(uid: "done", severity: .critical, state: .resolved),
    ]
    #expect(
      try await delivered(messages, filter: ["severity": "high"])
        == ["high.1", "critical.1", "done.1"])
    #expect(
      try await delivered(messages, filter: ["rule": ["external-trust"]]) == ["critical.1"])
    #expect(
      try await delivered(
        messages, filter: ["severity": "high", "state": ["new", "reopened"], "platform": "aws"])
        == ["high.1", "critical.1"])
  }

  @Test("Versions that were overtaken or come again are not sent")
  func versions() async throws {
    let ids = try await delivered([
      Fixture.message(version: 2), Fixture.message(version: 1), Fixture.message(version: 2),
      Fixture.message(uid: "other", version: 1), Fixture.message(version: 3),
    ])
    #expect(ids == ["\(Fixture.uid).2", "other.1", "\(Fixture.uid).3"])
  }

  @Test("A batch that failed half way goes on where it failed")
  func halfWay() async throws {
    let transport = ScriptedTransport { call in .init(call.index == 1 ? 500 : 204, "") }
    let handler = try Fixture.handler(Fixture.sink(), transport)
    let batch = ["a", "b", "c"].map { Fixture.message(uid: $0) }
    #expect(await Fixture.error { try await handler.handle(batch) } is NotificationError)
    try await handler.handle(batch)
    #expect(
      transport.calls.compactMap { $0.header("webhook-id") } == ["a.1", "b.1", "b.1", "c.1"])
    await handler.revoked([TopicPartition(topic: Topic.findings, partition: 0)])
    try await handler.handle(batch)
    #expect(transport.calls.count == 7)
  }
}
