import Extraction
import HTTPTypes
import Model
import PipelineTesting
import Synchronization
import Testing

/// What the engine does beyond one listing: regions, redirects, activity.
@Suite struct ReadingTests {
  @Test func aRegionThatIsOffIsUnsupported() async {
    let aws = FakeAWS { operation, _ in
      guard operation == "ec2:DescribeRegions" else { return nil }
      return Answer(
        "<DescribeRegionsResponse><regionInfo><item><regionName>me-south-1</regionName>"
          + "<optInStatus>not-opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>")
    }
    let published = await aws.attempt(
      collections: ["aws.sqs.*", "aws.iam.accessKey"],
      settings: ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1", "me-south-1"]]
    ).run()
    #expect(published.outcome(of: "aws.sqs.queue@me-south-1") == .unsupported)
    #expect(published.outcome(of: "aws.sqs.queue@eu-west-1") == .complete)
    #expect(published.outcome(of: "aws.iam.accessKey") == .complete)
  }

  private static func twoRegions(
    _ other: String, _ replacing: @escaping @Sendable (String, ScriptedTransport.Call) -> Answer?
  ) async -> PublishedAttempt {
    await FakeAWS { operation, call in
      operation == "ec2:DescribeRegions" ? FakeAWS.denial(operation) : replacing(operation, call)
    }.attempt(
      collections: ["aws.sqs.queue", "aws.sns.topic"],
      settings: ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1", .string(other)]]
    ).run()
  }

  /// Where the list of regions may not be read, a region that refuses what the home region accepts.
  @Test(arguments: [
    ("InvalidClientTokenId", "sns:ListTopics"), ("UnrecognizedClientException", "sqs:ListQueues"),
    ("AuthFailure", "sns:ListTopics"),
  ])
  func aRegionThatKnowsNoCredentialsIsOff(_ code: String, _ first: String) async {
    let published = await Self.twoRegions("me-south-1") { operation, call in
      call.request.authority?.contains("me-south-1") == true
        ? FakeAWS.refusal(operation, code: code) : nil
    }
    for collection in ["aws.sqs.queue", "aws.sns.topic"] {
      let end = published.end(of: "\(collection)@me-south-1")
      #expect(end?.outcome == .unsupported)
      #expect(end?.message?.contains("me-south-1 is not switched on") == true)
      #expect(published.outcome(of: "\(collection)@eu-west-1") == .complete)
    }
    #expect(published.ended?.outcome == .complete)
  }

  @Test func credentialsThatNobodyKnowsAreNoRegionThatIsOff() async {
    let asked = Mutex(0)
    let published = await Self.twoRegions("me-south-1") { operation, call in
      if operation == "sts:GetCallerIdentity" {
        // They are good when the scan begins.
        let count = asked.withLock { count in
          count += 1
          return count
        }
        return count == 1 ? nil : FakeAWS.refusal(operation, code: "InvalidClientTokenId")
      }
      return call.request.authority?.contains("me-south-1") == true
        ? FakeAWS.refusal(operation, code: "InvalidClientTokenId") : nil
    }
    #expect(published.outcome(of: "aws.sqs.queue@me-south-1") == .failed)
    #expect(published.outcome(of: "aws.sqs.queue@eu-west-1") == .complete)
  }

  /// It is on in every account.
  @Test func aRegionThatCannotBeOffFailsWhereItRefusesCredentials() async {
    let published = await Self.twoRegions("us-west-2") { operation, call in
      call.request.authority?.contains("us-west-2") == true
        ? FakeAWS.refusal(operation, code: "UnrecognizedClientException") : nil
    }
    #expect(published.outcome(of: "aws.sqs.queue@us-west-2") == .failed)
  }

  @Test(arguments: ["OptInRequired", "SubscriptionRequiredException", "UnknownOperationException"])
  func aServiceThatAnAccountHasNotIsUnsupported(_ code: String) async {
    let published = await Self.twoRegions("me-south-1") { operation, call in
      operation == "sqs:ListQueues" && call.request.authority?.contains("me-south-1") == true
        ? FakeAWS.refusal(operation, code: code, status: 400) : nil
    }
    #expect(published.outcome(of: "aws.sqs.queue@me-south-1") == .unsupported)
    #expect(published.outcome(of: "aws.sns.topic@me-south-1") == .complete)
    #expect(published.outcome(of: "aws.sqs.queue@eu-west-1") == .complete)
  }

  @Test func aBucketIsAskedWhereS3SaysThatItIs() async {
    let aws = FakeAWS { operation, call in
      guard operation == "s3:GetBucketPolicy", call.path.contains("assets") else { return nil }
      guard call.request.authority == "s3.us-west-2.amazonaws.com" else { return nil }
      return Answer(
        301, headers: ["x-amz-bucket-region": "eu-north-1"],
        "<Error><Code>PermanentRedirect</Code></Error>")
    }
    let published = await aws.attempt(collections: ["aws.s3.bucketPolicy"]).run()
    let end = published.end(of: "aws.s3.bucketPolicy")
    #expect(end?.outcome == .complete)
    #expect(end?.records == 2)
    #expect(
      end?.calls.map(\.url).contains("https://s3.eu-north-1.amazonaws.com/assets") == true)
  }

  @Test func eventsAreReadFromWhereTheLastLookEnded() async {
    let aws = FakeAWS { operation, call in
      guard operation == "cloudtrail:LookupEvents" else { return nil }
      // 09:45, a quarter of an hour before the token.
      return call.body.contains(#""StartTime":1795254300"#)
        ? nil : FakeAWS.refusal(operation, code: "InvalidTimeRangeException")
    }
    var attempt = aws.attempt(collections: ["aws.cloudtrail.event"])
    attempt.dispatch.tokens = ["aws.cloudtrail.event@eu-west-1": "2026-11-21T10:00:00Z"]
    let published = await attempt.run()
    let end = published.end(of: "aws.cloudtrail.event@eu-west-1")
    #expect(end?.outcome == .complete, "\(end?.message ?? "")")
    #expect(end?.kind == .activity)
    #expect(end?.token != nil)
    #expect(end?.records == 3)
  }

  /// `GetAgentVersion` takes no draft, which `ListAgentVersions` has too.
  @Test func aDraftIsNotAskedForAsAVersion() async {
    let published = await FakeAWS().attempt(collections: ["aws.bedrock.agentVersion"]).run()
    let end = published.end(of: "aws.bedrock.agentVersion@eu-west-1")
    #expect(end?.outcome == .complete)
    let asked = end?.calls.filter { $0.operation == "bedrock-agent:GetAgentVersion" } ?? []
    #expect(Set(asked.compactMap { $0.url.split(separator: "/").last }) == ["1", "2"])
  }

  @Test(arguments: [
    ("aws.s3vectors.bucket", "https://s3vectors.eu-west-1.api.aws/", "eu-west-1"),
    (
      "aws.s3.multiRegionAccessPoint", "https://111122223333.s3-control.us-west-2.amazonaws.com/",
      "us-west-2"
    ),
    ("aws.s3.accessPoint", "https://111122223333.s3-control.eu-west-1.amazonaws.com/", "eu-west-1"),
    ("aws.s3.bucket", "https://s3.us-east-1.amazonaws.com/", "us-east-1"),
  ])
  func aCallGoesToItsHostSignedForItsRegion(
    _ collection: String, _ start: String, _ region: String
  ) async {
    let aws = FakeAWS()
    let transport = aws.transport
    var attempt = aws.attempt(collections: [collection])
    attempt.transport = transport
    let published = await attempt.run()
    let call = published.collections.first?.calls.first
    #expect(call?.url.hasPrefix(start) == true, "\(call?.url ?? "")")
    let signed = transport.calls.last?.header("authorization") ?? ""
    #expect(signed.contains("/\(region)/s3"), "\(signed)")
  }
}
