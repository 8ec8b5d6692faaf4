import Extraction
import HTTPTypes
import Model
import PipelineTesting
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
