import Foundation
import Model
import Testing

extension EndToEnd.Scanned {
  /// The audit that every stack gets at its end finds what it looks for.
  @Suite struct ContractTests {
    private let stack: Stack

    init() throws { stack = try .current }

    @Test func everyTopicsMessagesMatchItsSchema() async throws {
      try await stack.findingsArePublished()
      let messages = try await Topics(stack.kafka).messages()
      let (problems, counts) = try await Audit(stack).schemas(messages)
      #expect(problems == [])
      for topic in [
        Topic.scanRequest, Topic.scanDispatch(.aws), Topic.scanProgress, Topic.scanStatus,
        Topic.raw(.aws), Topic.graph, Topic.snapshot, Topic.findings,
      ] {
        #expect(counts[topic, default: 0] > 0, "\(topic) holds nothing that was checked")
      }
    }

    @Test func aMessageThatBreaksItsSchemaIsFound() async throws {
      let messages = try await Topics(stack.kafka).messages(of: Topic.snapshot)
      var broken = try #require(messages.first { $0.header(Topics.injected) == nil })
      broken.key = Array("a tenant with spaces".utf8)
      let problems = try await Audit(stack).schemas([broken]).problems
      #expect(problems.count == 1 && problems.allSatisfy { $0.contains("$.key") })
    }

    /// No secret is there either: the audit at the end of the stack looks for them.
    @Test func everyPlaceThatIsSearchedForSecretsHoldsWhatTheAccountIsMadeOf() async throws {
      try await stack.findingsArePublished()
      let messages = try await Topics(stack.kafka).messages()
      let places = try await Audit(stack).everything(messages)
      for name in [
        Topic.scanRequest, Topic.scanDispatch(.aws), Topic.scanProgress, Topic.scanStatus,
        Topic.raw(.aws), Topic.graph, Topic.snapshot, Topic.findings, "the database",
        "received.ndjson", "workers.log",
      ] {
        let known = Data((name == Topic.scanRequest ? Stack.tenant : stack.account.id).utf8)
        let found = places.filter { $0.place == name && $0.data.range(of: known) != nil }
        #expect(found.count == 1, "\(name)")
      }
    }
  }
}
