import Extraction
import JSONReader
import Model
import PipelineTesting
import Synchronization
import Testing

@testable import AWSConnector

/// One object that cannot be read is a gap of its own; the others are read, in their order, a few
/// at a time.
@Suite(.timeLimit(.minutes(1))) struct GapTests {
  private static let function = "aws.lambda.function@eu-west-1"
  private static let policy = "aws.lambda.policy@eu-west-1"

  private static func functions(_ names: [String]) -> Answer {
    let items = names.map { name in
      #"{"FunctionName":"\#(name)","FunctionArn":"\#(arn(name))"}"#
    }
    return Answer(#"{"Functions":[\#(items.joined(separator: ","))]}"#)
  }

  private static func arn(_ name: String) -> String {
    "arn:aws:lambda:eu-west-1:\(FakeAWS.account):function:\(name)"
  }

  @Test(arguments: [
    "{}", "null", "7", #"{"FunctionName":"x","FunctionArn":""}"#,
    #"{"FunctionName":["x"],"FunctionArn":["x"]}"#,
  ])
  func anItemWithoutItsKeyMakesItsCollectionPartial(_ item: String) async {
    let good = #"{"FunctionName":"one","FunctionArn":"\#(Self.arn("one"))"}"#
    let published = await FakeAWS.answering(
      "lambda:ListFunctions", Answer(#"{"Functions":[\#(item),\#(good),\#(item)]}"#)
    ).attempt(collections: ["aws.lambda.*"]).run()
    let end = published.end(of: Self.function)
    #expect(end?.outcome == .partial)
    #expect(end?.message?.hasPrefix("2 objects could not be read, the first: ") == true)
    #expect(published.records(of: Self.function).map(\.key) == [Self.arn("one")])
    #expect(published.records(of: Self.policy).map(\.key) == [Self.arn("one")])
    #expect(published.outcome(of: "aws.lambda.eventSourceMapping@eu-west-1") == .complete)
  }

  /// Its record says no more than its key, and the transformer that it says nothing.
  @Test func anItemThatCannotBeReducedIsPublishedByItsKey() async throws {
    let published = await FakeAWS.answering(
      "apigateway:GetResources",
      Answer(
        #"{"item":[{"id":"r1","path":"/a","resourceMethods":"\#(FakeAWS.secret)"},"#
          + #"{"id":"r2","path":"/b"}]}"#)
    ).attempt(collections: ["aws.apigateway.resource"]).run()
    let collection = "aws.apigateway.resource@eu-west-1"
    #expect(published.outcome(of: collection) == .complete)
    let broken = published.records(of: collection).filter { $0.key.hasSuffix("#r1") }
    #expect(broken.first?.text == #"{"sv0:unreadable":true}"#)
    #expect(!published.everything.contains(FakeAWS.secret))
    for record in published.records(of: collection) {
      let fixture = RecordFixture(collection, key: record.key, record: Array(record.text.utf8))
      if record.key.hasSuffix("#r1") {
        #expect(throws: JSONError.self) { try fixture.assertions() }
      } else {
        _ = try fixture.assertions()
      }
    }
  }

  @Test func anAccountWithoutItsIDIsAGapOfTheOrganization() async {
    let published = await FakeAWS.answering(
      "organizations:ListAccounts", Answer(#"{"Accounts":[{},{"Id":"222233334444"}]}"#)
    ).attempt(collections: ["aws.organizations.*"]).run()
    #expect(published.outcome(of: "aws.organizations.account") == .partial)
    #expect(published.records(of: "aws.organizations.account").map(\.key) == ["222233334444"])
    #expect(published.outcome(of: "aws.organizations.serviceAccess") == .complete)
  }

  @Test func anAnswerThatCannotBeReadIsAGapOfItsParent() async {
    let aws = FakeAWS { operation, call in
      switch operation {
      case "lambda:ListFunctions": Self.functions(["one", "two", "three"])
      case "lambda:GetPolicy" where call.path.contains("two"): Answer("<html>")
      default: nil
      }
    }
    let published = await aws.attempt(collections: ["aws.lambda.*"]).run()
    #expect(published.outcome(of: Self.policy) == .partial)
    #expect(
      published.records(of: Self.policy).map(\.key) == [Self.arn("one"), Self.arn("three")])
    #expect(published.outcome(of: Self.function) == .complete)
  }

  /// A resource's own policy may keep everybody out; the others are read all the same.
  @Test func oneRefusalIsAGap() async {
    let aws = FakeAWS { operation, call in
      operation == "s3:GetBucketAcl" && call.path.contains("logs")
        ? FakeAWS.denial(operation) : nil
    }
    let published = await aws.attempt(collections: ["aws.s3.*"]).run()
    let end = published.end(of: "aws.s3.bucketAcl")
    #expect(end?.outcome == .partial)
    #expect(end?.missing == ["s3:GetBucketAcl"])
    #expect(end?.records == 1)
    #expect(published.outcome(of: "aws.s3.bucket") == .complete)
    #expect(published.outcome(of: "aws.s3.bucketPolicy") == .complete)
  }

  @Test func nobodyIsAskedForeverWhereAllIsRefused() async {
    let aws = FakeAWS { operation, _ in
      switch operation {
      case "lambda:ListFunctions": Self.functions((0..<100).map { "f\($0)" })
      case "lambda:GetPolicy": FakeAWS.denial(operation)
      default: nil
      }
    }
    let published = await aws.attempt(collections: ["aws.lambda.policy"]).run()
    let end = published.end(of: Self.policy)
    #expect(end?.outcome == .denied)
    #expect(end?.missing == ["lambda:GetPolicy"])
    #expect((end?.calls.count ?? 0) < 20)
  }

  /// The first eight calls are answered only once all eight are there, the last one first.
  @Test func parentsAreAskedAboutEightAtATimeAndTakenInOrder() async {
    let names = (0..<40).map { "f\($0)" }
    let gate = Gate(opensAt: 8)
    let aws = FakeAWS { operation, call in
      switch operation {
      case "lambda:ListFunctions": Self.functions(names)
      case "lambda:GetPolicy":
        await gate.pass { Answer(#"{"Policy":"{}","RevisionId":"\#(call.index)"}"#) }
      default: nil
      }
    }
    let published = await aws.attempt(collections: ["aws.lambda.policy"]).run()
    let records = published.records(of: Self.policy)
    #expect(records.map(\.key) == names.map(Self.arn))
    #expect(await gate.most == 8)
    // Each record names the call that returned it.
    let calls = published.end(of: Self.policy)?.calls ?? []
    for record in records {
      let name = record.key.split(separator: ":").last ?? ""
      let call = calls.first { $0.number == record.call }
      #expect(call?.url.hasSuffix("/functions/\(name)/policy") == true)
    }
  }

  private actor Gate {
    private let opensAt: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var isOpen = false
    private var inside = 0
    private(set) var most = 0

    init(opensAt: Int) { self.opensAt = opensAt }

    func pass<Result: Sendable>(_ body: @Sendable () -> Result) async -> Result {
      inside += 1
      most = max(most, inside)
      defer { inside -= 1 }
      if !isOpen {
        if inside == opensAt {
          isOpen = true
          waiting.reversed().forEach { $0.resume() }
        } else {
          await withCheckedContinuation { waiting.append($0) }
        }
      } else {
        await Task.yield()
      }
      return body()
    }
  }
}
