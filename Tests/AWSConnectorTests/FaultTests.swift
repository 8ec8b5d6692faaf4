import Extraction
import Model
import PipelineTesting
import Synchronization
import Testing

@testable import AWSConnector

/// An AWS that fails as AWSes do: what passes changes nothing, what stays changes only its own.
@Suite struct FaultTests {
  /// The whole account, read with nothing wrong.
  static let undisturbed = Task { await FakeAWS().attempt(collections: names).run() }
  private static let names = AccountTests.collections.map(\.name)

  /// Faults of a kind at every eighth call or so, in an order that a seed decides.
  private static func disturbed(
    _ seed: UInt64, _ fault: @escaping @Sendable (String) throws -> Answer
  ) -> FakeAWS {
    let dice = Mutex(SeededDice(seed))
    return FakeAWS { operation, _ in
      dice.withLock { $0.next() % 8 == 0 } ? try fault(operation) : nil
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func aStormOfThrottlingIsWaitedOut(_ seed: UInt64) async {
    let codes = ["ThrottlingException", "TooManyRequestsException", "SlowDown"]
    let aws = Self.disturbed(seed) {
      FakeAWS.refusal($0, code: codes[Int(seed) % 3], status: 429)
    }
    await Self.expectUndisturbed(aws) { #expect($0?.throttledMilliseconds ?? 0 > 0) }
  }

  @Test(arguments: [500, 502, 503, 504])
  func aServerThatFailsNowAndThenIsAskedAgain(_ status: Int) async {
    let aws = Self.disturbed(UInt64(status)) { _ in
      Answer(status, headers: ["content-type": "text/html"], "<html>oops</html>")
    }
    await Self.expectUndisturbed(aws) { #expect($0?.throttledMilliseconds == 0) }
  }

  @Test func connectionsThatAreCutAreMadeAgain() async {
    let aws = Self.disturbed(7) { _ in throw TransportError(.interrupted, "the connection ended") }
    await Self.expectUndisturbed(aws) { #expect($0?.retries ?? 0 > 10) }
  }

  /// Every session lasts for forty calls, many of which are under way when it ends.
  @Test func sessionsThatEndDuringTheScanAreRenewed() async {
    let sessions = Mutex((current: 0, calls: 0))
    let aws = FakeAWS { operation, call in
      if operation == "sts:AssumeRole" {
        let number = sessions.withLock { sessions in
          sessions = (sessions.current + 1, 0)
          return sessions.current
        }
        let answer = FakeAWS.usual(operation, call)
        return Answer(answer.body.replacing("planted-session-token", with: "session-\(number)"))
      }
      let isExpired = sessions.withLock { sessions in
        sessions.calls += 1
        return sessions.calls > 40
          || call.header("x-amz-security-token") != "session-\(sessions.current)"
      }
      return isExpired ? FakeAWS.refusal(operation, code: "ExpiredToken") : nil
    }
    await Self.expectUndisturbed(aws) { _ in }
    #expect(sessions.withLock(\.current) > 5)
  }

  /// Calls are under way on several connections when the clock turns out to be wrong.
  @Test func aClockThatGoesWrongDuringTheScanFailsNobody() async {
    let isWrong = Mutex(0)
    let aws = FakeAWS { operation, call in
      let calls = isWrong.withLock { count in
        count += 1
        return count
      }
      // From then on AWS is an hour ahead of the machine.
      let isSignedThen = call.header("x-amz-date")?.hasPrefix("20261121T11") == true
      guard calls > 20, !isSignedThen else { return nil }
      var answer = FakeAWS.refusal(operation, code: "RequestTimeTooSkewed")
      answer.headers["date"] = "Sat, 21 Nov 2026 11:00:01 GMT"
      return answer
    }
    let published = await aws.attempt(collections: ["aws.lambda.*", "aws.sns.*", "aws.ecs.*"]).run()
    #expect(published.ended?.outcome == .complete)
    for end in published.collections where end.outcome != .complete {
      Issue.record("\(end.collection): \(end.message ?? "")")
    }
  }

  @Test func aSessionThatEndsAfterThrottlingIsRenewed() async {
    let aws = FakeAWS.answering(
      "lambda:ListFunctions",
      first: [
        FakeAWS.refusal("lambda:ListFunctions", code: "TooManyRequestsException", status: 429),
        FakeAWS.refusal("lambda:ListFunctions", code: "ExpiredTokenException"),
      ])
    let published = await aws.attempt(collections: ["aws.lambda.function"]).run()
    #expect(published.ended?.outcome == .complete)
  }

  @Test(arguments: [
    ("with an explicit deny in a service control policy", "service control policy"),
    ("because no service control policy allows the iam:ListUsers action", "service control policy"),
    ("with an explicit deny in a resource control policy", "resource control policy"),
    ("because no permissions boundary allows the iam:ListUsers action", "permissions boundary"),
  ])
  func aDenialSaysWhichKindOfPolicyForbids(_ words: String, _ kind: String) async {
    let text =
      "User: arn:aws:sts::111122223333:assumed-role/SecurityV0ReadOnly/sv0-01J is not authorized "
      + "to perform: iam:ListUsers on resource: arn:aws:iam::111122223333:user/ \(words)"
    let published = await FakeAWS.answering(
      "iam:ListUsers", FakeAWS.refusal("iam:ListUsers", code: "AccessDenied", message: text)
    ).attempt(collections: ["aws.iam.*"]).run()
    let end = published.end(of: "aws.iam.accessKey")
    #expect(end?.outcome == .denied)
    #expect(end?.missing == ["iam:ListUsers"])
    #expect(end?.message?.contains("a \(kind) forbids it") == true, "\(end?.message ?? "")")
    #expect(published.outcome(of: "aws.iam.role") == .complete)
  }

  @Test func anAccountThatCannotBeAssumedFailsAlone() async throws {
    let aws = FakeAWS { operation, call in
      operation == "sts:AssumeRole" && call.body.contains("444455556666")
        ? FakeAWS.denial(operation) : nil
    }
    let here = aws.attempt(collections: ["aws.iam.*"])
    var there = here
    there.dispatch.run = "01JD0000000000000000000003"
    there.dispatch.scope.account = "444455556666"
    let worker = here.worker()
    let running = Task { try await worker.run() }
    try await worker.handle([here.message, there.message])
    let producer = here.producer
    @Sendable func published(_ attempt: TestAttempt) -> PublishedAttempt {
      let key = Array(attempt.dispatch.scope.description.utf8)
      return PublishedAttempt(producer.messages.filter { $0.key == key }, log: [])
    }
    let isOver = await eventually {
      [here, there].allSatisfy { published($0).ending != nil }
    }
    running.cancel()
    #expect(isOver)
    #expect(published(here).ending?.outcome == .complete)
    let failed = published(there)
    #expect(failed.ending?.outcome == .denied)
    #expect(failed.records.isEmpty)
    #expect(failed.collections.allSatisfy { $0.missing == ["sts:AssumeRole"] })
  }

  /// The account is read as if nothing had been wrong; `check` looks at how much was.
  private static func expectUndisturbed(
    _ aws: FakeAWS, _ check: (ScanEnded?) -> Void
  ) async {
    let attempt = aws.attempt(collections: names)
    let published = await attempt.run()
    for end in published.collections where end.outcome != .complete {
      Issue.record("\(end.collection): \(end.message ?? "")")
    }
    #expect(await contents(published) == contents(undisturbed.value))
    check(published.ended)
    #expect(
      ConnectorConformance.violations(
        of: published, by: FakeAWS.connector, dispatch: attempt.dispatch, secrets: FakeAWS.secrets)
        == [])
  }

  /// What was published of the collections, without which call it came from.
  static func contents(
    _ published: PublishedAttempt, where isIncluded: (String) -> Bool = { _ in true }
  ) -> [String] {
    published.records.filter { isIncluded($0.collection) }
      .map { "\($0.collection) \($0.sequence) \($0.key) \($0.text)" }.sorted()
  }
}

/// Source: SplitMix64, https://prng.di.unimi.it/splitmix64.c
private struct SeededDice {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
