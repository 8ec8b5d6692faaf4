import Extraction
import HTTPTypes
import Model
import PipelineTesting
import Testing

@Suite struct FailureTests {
  private static let functions = [
    "aws.lambda.function@eu-west-1", "aws.lambda.policy@eu-west-1", "aws.lambda.url@eu-west-1",
  ]
  private static let identities = [
    "aws.iam.role", "aws.iam.user", "aws.iam.group", "aws.iam.policy",
  ]
  private static let organization = [
    "aws.organizations.organization", "aws.organizations.account", "aws.organizations.policy",
  ]
  /// Which collections end otherwise than complete when an operation is denied.
  static let reach = [
    ("GetAccountAuthorizationDetails", identities), ("ListUsers", ["aws.iam.accessKey"]),
    ("ListAccessKeys", ["aws.iam.accessKey"]), ("DescribeOrganization", organization),
    ("ListAccounts", ["aws.organizations.account"]),
    ("ListPolicies", ["aws.organizations.policy"]),
    ("DescribePolicy", ["aws.organizations.policy"]),
    ("ListTargetsForPolicy", ["aws.organizations.policy"]), ("ListFunctions", functions),
    ("GetPolicy", ["aws.lambda.policy@eu-west-1"]),
    ("GetFunctionUrlConfig", ["aws.lambda.url@eu-west-1"]),
    ("ListEventSourceMappings", ["aws.lambda.eventSourceMapping@eu-west-1"]),
  ]

  @Test(arguments: reach)
  func aDeniedCallEndsOnlyWhatItFeeds(_ operation: String, _ affected: [String]) async {
    let attempt = FakeAWS.answering(operation, FakeAWS.denial(operation)).attempt()
    let published = await attempt.run()
    for collection in CollectionTests.all.keys {
      let isAffected = affected.contains(collection)
      #expect(
        published.outcome(of: collection) == (isAffected ? .denied : .complete), "\(collection)")
      let action = "\(FakeAWS.services[operation] ?? ""):\(operation)"
      #expect(published.end(of: collection)?.missing == (isAffected ? [action] : []))
    }
    #expect(published.ended?.outcome == .partial)
    #expect(
      ConnectorConformance.violations(
        of: published, by: FakeAWS.connector, dispatch: attempt.dispatch, secrets: FakeAWS.secrets)
        == [])
  }

  @Test func keysGoWithoutTheirLastUseWhereThatIsDenied() async {
    let published = await FakeAWS.answering(
      "GetAccessKeyLastUsed", FakeAWS.denial("GetAccessKeyLastUsed")
    ).attempt(collections: ["aws.iam.accessKey"]).run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .partial)
    #expect(published.end(of: "aws.iam.accessKey")?.missing == ["iam:GetAccessKeyLastUsed"])
    #expect(published.records.first?.text.contains("AccessKeyLastUsed") == false)
  }

  @Test(arguments: ["ListFunctions", "ListUsers", "ListAccounts"])
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
      "ListUsers", FakeAWS.refusal("ListUsers", code: "Throttling", status: 400)
    ).attempt().run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .throttled)
    #expect(published.end(of: "aws.iam.accessKey")?.calls.count == 8)
    #expect(published.outcome(of: "aws.iam.role") == .complete)
  }

  @Test func anExpiredSessionIsRenewedOnce() async {
    let aws = FakeAWS.answering(
      "ListFunctions",
      first: [FakeAWS.refusal("ListFunctions", code: "ExpiredTokenException", status: 403)])
    let published = await aws.attempt(collections: ["aws.lambda.function"]).run()
    #expect(published.ended?.outcome == .complete)
    #expect(published.ended?.calls == 5)  // AssumeRole twice, the account, the listing twice.
  }

  @Test func aSessionThatStaysExpiredFails() async {
    let published = await FakeAWS.answering(
      "ListFunctions", FakeAWS.refusal("ListFunctions", code: "ExpiredTokenException", status: 403)
    ).attempt(collections: ["aws.lambda.function"]).run()
    #expect(published.outcome(of: "aws.lambda.function@eu-west-1") == .failed)
    #expect(published.end(of: "aws.lambda.function@eu-west-1")?.calls.count == 2)
  }

  @Test(arguments: [
    "", "{", "<html><body>oops</body></html>", #"{"Functions": 7}"#, #"{"Functions":[{}]}"#, "[]",
  ])
  func aMalformedAnswerEndsItsCollections(_ body: String) async {
    let published = await FakeAWS.answering("ListFunctions", Answer(200, body)).attempt().run()
    for collection in Self.functions { #expect(published.outcome(of: collection) == .failed) }
    #expect(published.outcome(of: "aws.iam.role") == .complete)
    #expect(published.faults == [])
  }

  @Test func aCursorThatComesAgainEndsItsCollection() async {
    let published = await FakeAWS.answering(
      "ListEventSourceMappings", Answer(#"{"EventSourceMappings":[],"NextMarker":"again"}"#)
    ).attempt().run()
    let end = published.end(of: "aws.lambda.eventSourceMapping@eu-west-1")
    #expect(end?.outcome == .failed)
    #expect(end?.calls.count == 2)
  }

  @Test func aListThatIsCutWithoutACursorIsNotComplete() async {
    let published = await FakeAWS.answering(
      "ListUsers", FakeAWS.xml("ListUsers", "<IsTruncated>true</IsTruncated><Users/>")
    ).attempt(collections: ["aws.iam.accessKey"]).run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .failed)
  }

  @Test func anHTMLPageInsteadOfAnErrorIsTolerated() async {
    let page = Answer(
      404, headers: ["content-type": "text/html"], "<html><p>Not <b>Found</b></html>")
    let published = await FakeAWS.answering("GetPolicy", page).attempt().run()
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
      "ListUsers", FakeAWS.refusal("ListUsers", code: "SignatureDoesNotMatch", message: echo)
    ).attempt().run()
    #expect(published.outcome(of: "aws.iam.accessKey") == .failed)
    #expect(!published.everything.contains(FakeAWS.sessionToken))
  }
}
