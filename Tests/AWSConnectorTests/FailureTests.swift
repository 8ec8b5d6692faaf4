import Extraction
import HTTPTypes
import Model
import PipelineTesting
import Testing

@Suite struct FailureTests {
  private static let functions = [
    "aws.lambda.function@eu-west-1", "aws.lambda.policy@eu-west-1", "aws.lambda.url@eu-west-1",
  ]
  @Test func keysGoWithoutTheirLastUseWhereThatIsDenied() async {
    let published = await FakeAWS.answering(
      "iam:GetAccessKeyLastUsed", FakeAWS.denial("iam:GetAccessKeyLastUsed")
    ).attempt(collections: ["aws.iam.accessKey"]).run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .partial)
    #expect(published.end(of: "aws.iam.accessKey")?.missing == ["iam:GetAccessKeyLastUsed"])
    #expect(published.records.first?.text.contains("AccessKeyLastUsed") == false)
  }

  @Test(arguments: [
    "lambda:ListEventSourceMappings", "iam:ListUsers", "organizations:ListAccounts",
  ])
  func throttlingIsWaitedOut(_ operation: String) async {
    let throttled = FakeAWS.refusal(operation, code: "TooManyRequestsException", status: 429)
    let published = await FakeAWS.answering(operation, first: [throttled, throttled]).attempt()
      .run()
    #expect(published.ended?.outcome == .complete)
    #expect(published.ended?.retries == 2)
    #expect(published.ended?.throttledMilliseconds == 1500)
  }

  @Test func endlessThrottlingIsAnOutcome() async {
    let published = await FakeAWS.answering(
      "iam:ListUsers", FakeAWS.refusal("iam:ListUsers", code: "Throttling", status: 400)
    ).attempt().run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .throttled)
    #expect(published.end(of: "aws.iam.accessKey")?.calls.count == 8)
    #expect(published.outcome(of: "aws.iam.role") == .complete)
  }

  @Test func anExpiredSessionIsRenewedOnce() async {
    let aws = FakeAWS.answering(
      "lambda:ListFunctions",
      first: [FakeAWS.refusal("lambda:ListFunctions", code: "ExpiredTokenException", status: 403)])
    let published = await aws.attempt(collections: ["aws.lambda.function"]).run()
    #expect(published.ended?.outcome == .complete)
    #expect(published.ended?.calls == 5)  // AssumeRole twice, the account, the listing twice.
  }

  @Test func aSessionThatStaysExpiredFails() async {
    let published = await FakeAWS.answering(
      "lambda:ListFunctions",
      FakeAWS.refusal("lambda:ListFunctions", code: "ExpiredTokenException", status: 403)
    ).attempt(collections: ["aws.lambda.function"]).run()
    #expect(published.outcome(of: "aws.lambda.function@eu-west-1") == .failed)
    #expect(published.end(of: "aws.lambda.function@eu-west-1")?.calls.count == 2)
  }

  @Test(arguments: [
    "", "{", "<html><body>oops</body></html>", #"{"Functions": 7}"#, "[]",
  ])
  func aMalformedAnswerEndsItsCollections(_ body: String) async {
    let published = await FakeAWS.answering("lambda:ListFunctions", Answer(200, body)).attempt()
      .run()
    for collection in Self.functions { #expect(published.outcome(of: collection) == .failed) }
    #expect(published.outcome(of: "aws.iam.role") == .complete)
    #expect(published.faults == [])
  }

  @Test func aCursorThatComesAgainEndsItsCollection() async {
    let published = await FakeAWS.answering(
      "lambda:ListEventSourceMappings", Answer(#"{"EventSourceMappings":[],"NextMarker":"again"}"#)
    ).attempt().run()
    let end = published.end(of: "aws.lambda.eventSourceMapping@eu-west-1")
    #expect(end?.outcome == .failed)
    #expect(end?.calls.count == 2)
  }

  @Test func aListThatIsCutWithoutACursorIsNotComplete() async {
    let published = await FakeAWS.answering(
      "iam:ListUsers", FakeAWS.xml("iam:ListUsers", "<IsTruncated>true</IsTruncated><Users/>")
    ).attempt(collections: ["aws.iam.accessKey"]).run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .failed)
  }

  @Test func anHTMLPageInsteadOfAnErrorIsTolerated() async {
    let page = Answer(
      404, headers: ["content-type": "text/html"], "<html><p>Not <b>Found</b></html>")
    let published = await FakeAWS.answering("lambda:GetPolicy", page).attempt().run()
    let end = published.end(of: "aws.lambda.policy@eu-west-1")
    #expect(end?.outcome == .failed)
    #expect(end?.message?.contains("HTTP status 404") == true)
  }

  @Test func aClockThatIsWrongIsCorrectedOnce() async {
    let clock = ManualClock()
    let aws = FakeAWS { operation, call in
      let isSignedNow = call.header("x-amz-date")?.hasPrefix("20261121T09") == true
      if isSignedNow { return nil }
      var answer = FakeAWS.refusal(operation, code: "SignatureDoesNotMatch")
      answer.headers["date"] = "Sat, 21 Nov 2026 09:00:00 GMT"
      return answer
    }
    let published = await aws.attempt(collections: ["aws.iam.role"], clock: clock).run()
    #expect(published.ended?.outcome == .complete)
    #expect(published.ended?.calls == 4)
  }

  @Test func aRegionWithoutTheServiceIsUnsupported() async {
    let aws = FakeAWS { operation, call in
      if call.request.authority == "lambda.eu-west-1.amazonaws.com" {
        throw TransportError(.nameNotResolved, "lambda.eu-west-1.amazonaws.com: no address.")
      }
      return nil
    }
    let published = await aws.attempt().run()
    for collection in Self.functions { #expect(published.outcome(of: collection) == .unsupported) }
    #expect(published.ended?.outcome == .complete)
  }

  @Test func withoutNameResolutionNothingIsUnsupported() async {
    let aws = FakeAWS { _, _ in throw TransportError(.nameNotResolved, "no address.") }
    let published = await aws.attempt().run()
    #expect(Set(published.outcomes.values) == [.failed])
    #expect(published.ended?.outcome == .failed)
  }

  @Test func aServersTextIsNotRepeated() async {
    let echo = "canonical string: x-amz-security-token:\(FakeAWS.sessionToken)"
    let published = await FakeAWS.answering(
      "iam:ListUsers",
      FakeAWS.refusal("iam:ListUsers", code: "SignatureDoesNotMatch", message: echo)
    ).attempt().run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .failed)
    #expect(!published.everything.contains(FakeAWS.sessionToken))
  }
}
