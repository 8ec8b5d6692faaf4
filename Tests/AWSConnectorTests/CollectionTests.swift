import AWSConnector
import Extraction
import Model
import PipelineTesting
import Synchronization
import Testing

@Suite struct CollectionTests {
  @Test func theConnectorDescribesItself() {
    #expect(ConnectorConformance.violations(of: FakeAWS.connector) == [])
    let role = FakeAWS.connector.catalog.collections.first { $0.name == "aws.iam.role" }
    #expect(
      role?.operations.map(\.source) == [
        "https://docs.aws.amazon.com/IAM/latest/APIReference/"
          + "API_GetAccountAuthorizationDetails.html"
      ])
  }

  @Test func composedRecordsHaveTheirParts() async {
    let published = await FakeAWS().attempt().run()
    #expect(
      published.records(of: "aws.iam.accessKey").map(\.text) == [
        #"{"AccessKeyMetadata":{"UserName":"ci","AccessKeyId":"AKIACI","Status":"Active"},"#
          + #""UserArn":"arn:aws:iam::111122223333:user/ci","#
          + #""AccessKeyLastUsed":{"ServiceName":"s3","LastUsedDate":"2026-11-20T00:00:00Z"}}"#
      ])
    #expect(
      published.records(of: "aws.lambda.policy@eu-west-1").map(\.text) == [
        #"{"FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:one","#
          + #""Policy":"{\"Statement\": []}","RevisionId":"r1"}"#
      ])
    #expect(
      published.records(of: "aws.organizations.policy").first?.text.hasSuffix(
        #""Targets":[{"TargetId":"r-1","Type":"ROOT"}]}"#) == true)
  }

  @Test func environmentValuesBecomeShapes() async {
    let published = await FakeAWS().attempt(collections: ["aws.lambda.function"]).run()
    let record = published.records(of: "aws.lambda.function@eu-west-1").first
    #expect(
      record?.text.contains(
        #""Environment":{"Variables":{"E":"empty","TABLE":"reference","TOKEN":"opaque"}}"#) == true)
    #expect(published.started?.collections == ["aws.lambda.function@eu-west-1"])
  }

  @Test func recordsPointToTheirCalls() async {
    let published = await FakeAWS().attempt(collections: ["aws.lambda.policy"]).run()
    let end = published.end(of: "aws.lambda.policy@eu-west-1")
    #expect(end?.calls.map(\.operation) == ["lambda:ListFunctions", "lambda:GetPolicy"])
    #expect(published.records.map(\.call) == [1])
    #expect(
      end?.calls.last?.url
        == "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/one/policy")
  }

  @Test func aMemberAccountCannotListTheOrganization() async {
    let aws = FakeAWS.answering(
      "organizations:DescribeOrganization",
      Answer(#"{"Organization":{"Arn":"arn:o","MasterAccountId":"999900001111"}}"#))
    let published = await aws.attempt(collections: ["aws.organizations.*"]).run()
    #expect(
      published.outcomes == [
        "aws.organizations.organization": .complete, "aws.organizations.account": .unsupported,
        "aws.organizations.policy": .unsupported,
        "aws.organizations.resourceControlPolicy": .unsupported,
        "aws.organizations.organizationalUnit": .unsupported,
        "aws.organizations.delegatedAdministrator": .unsupported,
        "aws.organizations.resourcePolicy": .unsupported,
        "aws.organizations.serviceAccess": .unsupported,
      ])
    #expect(published.ended?.outcome == .complete)
  }

  @Test func noOrganizationIsAnAnswer() async {
    let aws = FakeAWS.answering(
      "organizations:DescribeOrganization",
      FakeAWS.refusal(
        "organizations:DescribeOrganization", code: "AWSOrganizationsNotInUseException"))
    let published = await aws.attempt(collections: ["aws.organizations.*"]).run()
    #expect(Set(published.outcomes.values) == [.complete])
    #expect(published.records.isEmpty)
  }

  @Test func whatAFunctionDoesNotHaveIsNoRecord() async {
    let none = FakeAWS.refusal("lambda:GetPolicy", code: "ResourceNotFoundException", status: 404)
    let aws = FakeAWS { operation, _ in
      ["lambda:GetPolicy", "lambda:GetFunctionUrlConfig"].contains(operation) ? none : nil
    }
    let published = await aws.attempt(collections: ["aws.lambda.*"]).run()
    #expect(published.outcome(of: "aws.lambda.policy@eu-west-1") == .complete)
    #expect(published.outcome(of: "aws.lambda.url@eu-west-1") == .complete)
    #expect(published.records(of: "aws.lambda.policy@eu-west-1").isEmpty)
  }

  @Test func pagesAreFollowedToTheEnd() async {
    let aws = FakeAWS { operation, call in
      guard operation == "lambda:ListEventSourceMappings" else { return nil }
      switch call.path.split(separator: "?").last {
      case "Marker=a%2Fb": return Answer(#"{"EventSourceMappings":[],"NextMarker":"c"}"#)
      case "Marker=c": return Answer(#"{"EventSourceMappings":[{"UUID":"u-2"}],"NextMarker":""}"#)
      default: return Answer(#"{"EventSourceMappings":[{"UUID":"u-1"}],"NextMarker":"a/b"}"#)
      }
    }
    let published = await aws.attempt(collections: ["aws.lambda.eventSourceMapping"]).run()
    #expect(published.records.map(\.key) == ["u-1", "u-2"])
    #expect(published.records.map(\.call) == [0, 2])
  }

  /// However long a list is, no more of it is held than a page: the next is asked for when all
  /// that was on the last has been taken.
  @Test func aLongListIsReadPageByPage() async {
    let (pages, size) = (50, 20)
    let producer = RecordingProducer()
    let taken = Mutex<[Int]>([])
    let aws = FakeAWS { operation, call in
      guard operation == "lambda:ListEventSourceMappings" else { return nil }
      let page = call.path.split(separator: "=").last.flatMap { Int($0) } ?? 0
      let published = PublishedAttempt(producer.messages, log: []).records.count
      taken.withLock { $0.append(published) }
      let items = (0..<size).map { #"{"UUID":"u-\#(page * size + $0)"}"# }
      let next = page + 1 < pages ? #""\#(page + 1)""# : "null"
      return Answer(
        #"{"EventSourceMappings":[\#(items.joined(separator: ","))],"NextMarker":\#(next)}"#)
    }
    let published = await aws.attempt(
      collections: ["aws.lambda.eventSourceMapping"], producer: producer
    ).run()
    #expect(published.records.count == pages * size)
    #expect(taken.withLock(\.self) == (0..<pages).map { $0 * size })
  }
}
