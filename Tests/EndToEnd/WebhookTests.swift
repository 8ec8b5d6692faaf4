import Model
import Testing

extension EndToEnd.Scanned {
  /// What a receiver of findings sees.
  @Suite struct WebhookTests {
    @Test func everyFindingIsDeliveredSignedAndAgainAfterAnError() async throws {
      let stack = try Stack.current
      try await stack.findingsArePublished()
      let published = try await Topics(stack.kafka).messages(of: Topic.findings)
      let source = "sv0://\(Stack.tenant)/evaluator"
      let expected = published.filter { $0.header("ce_source") == source }
        .compactMap { $0.header("ce_id") }
      #expect(expected.count >= 6)
      let deliveries = try await wait(for: "every finding at the webhook") {
        let deliveries = try stack.deliveries()
        let accepted = Set(deliveries.filter { $0.status == 204 }.map(\.id))
        return accepted.isSuperset(of: expected) ? deliveries : nil
      }
      // 401 is a signature that the library of standardwebhooks.com refuses.
      #expect(deliveries.allSatisfy { [204, 500].contains($0.status) })
      for delivery in deliveries { #expect(delivery.id == delivery.version) }
      for id in expected {
        // The receiver answers 500 to the first delivery of each message.
        let statuses = deliveries.filter { $0.id == id }.map(\.status)
        #expect(statuses.prefix(2) == [500, 204], "\(id)")
      }
    }
  }
}
