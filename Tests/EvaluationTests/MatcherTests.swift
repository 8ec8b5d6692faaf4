import Model
import Testing

@testable import Evaluation

/// What is prepared of a policy says the same as the policy, on statements made up at random.
@Suite struct MatcherTests {
  private static let actions = Set(EscalationMethod.all.flatMap(\.permissions).map(\.action))
    .sorted { $0.precedes($1) }
  private static let arns = [
    "arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/ab",
    "arn:aws:iam::111122223333:user/ann", "arn:aws:lambda:eu-west-1:111122223333:function:a", "*",
  ]

  /// A text of the real ones with some of it replaced, or left out.
  private static func pattern(of texts: [String]) -> String {
    var bytes = Array((texts.randomElement() ?? "*").utf8)
    for _ in 0..<Int.random(in: 0...2) {
      let start = Int.random(in: 0...bytes.count)
      let end = Int.random(in: start...bytes.count)
      bytes.replaceSubrange(start..<end, with: Array(["*", "?", ""].randomElement()!.utf8))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func policy(_ element: String, _ resource: String) throws -> CompiledPolicy {
    let text = Policy.document("{\"Effect\":\"Allow\",\(element),\(resource)}")
    return try CompiledPolicy(parsing: Array(text.utf8), as: .identity)
  }

  @Test func aStatementKnowsWhichActionsItIsAbout() throws {
    for _ in 0..<400 {
      let patterns = (0..<Int.random(in: 1...3)).map { _ in Self.pattern(of: Self.actions) }
      let negated = Bool.random()
      let list = patterns.map { "\"\($0)\"" }.joined(separator: ",")
      let policy = try Self.policy(
        "\"\(negated ? "NotAction" : "Action")\":[\(list)]", "\"Resource\":\"*\"")
      for action in Self.actions {
        let name = Array(action.lowercased().utf8)
        let isListed = patterns.contains { matches(Array($0.lowercased().utf8)[...], name[...]) }
        let request = Request(action, on: "*", in: RequestContext())
        #expect(
          policy.statements[0].isAbout(request) == (isListed != negated), "\(patterns) \(action)")
        #expect(request.isAmong(policy.granted) == (isListed != negated), "\(patterns) \(action)")
      }
    }
  }

  /// Only what cannot be allowed is left out before it is judged.
  @Test func whatIsAllowedWasCovered() throws {
    var context = RequestContext()
    context["aws:username"] = .known(["ann"])
    for _ in 0..<2000 {
      var text = Self.pattern(of: Self.arns)
      if Bool.random() { text = text.replacing("ann", with: "${aws:username}") }
      let element = Bool.random() ? "Resource" : "NotResource"
      let statement = try Self.policy("\"Action\":\"*\"", "\"\(element)\":\"\(text)\"")
        .statements[0]
      for arn in Self.arns {
        let decision = statement.decision(Request("s3:GetObject", on: arn, in: context))
        #expect(statement.mayCover(Array(arn.utf8)) || decision == .denied, "\(text) \(arn)")
        guard !text.contains("$") else { continue }
        let isListed = matches(Array(text.utf8)[...], Array(arn.utf8)[...])
        // `?` is one character of a subject, and no subject's `*`.
        guard arn != "*" || !text.contains("?") else { continue }
        #expect((decision == .allowed) == (isListed == (element == "Resource")), "\(text) \(arn)")
      }
    }
  }
}
