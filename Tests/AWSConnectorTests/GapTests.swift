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

  @Test(arguments: [
    ("organizations:ListPolicies", #"{"Policies":[{"Id":7},{"Id":"p-1"}]}"#, "policy"),
    (
      "organizations:ListRoots",
      #"{"Roots":[{"Arn":"arn:aws:organizations::1:root/o-1/r-1"},{"Id":"r-1"}]}"#,
      "organizationalUnit"
    ),
    (
      "organizations:ListDelegatedAdministrators",
      #"{"DelegatedAdministrators":[null,{"Id":"222233334444"}]}"#, "delegatedAdministrator"
    ),
  ])
  func aMalformedObjectOfTheOrganizationIsAGapOfItsOwn(
    _ operation: String, _ body: String, _ kind: String
  ) async {
    let published = await FakeAWS.answering(operation, Answer(body))
      .attempt(collections: ["aws.organizations.*"]).run()
    let name = "aws.organizations.\(kind)"
    let end = published.end(of: name)
    #expect(end?.outcome == .partial, "\(end?.message ?? "")")
    #expect(end?.message?.hasPrefix("1 object could not be read: ") == false)
    #expect(!published.records(of: name).isEmpty)
    for end in published.collections where !end.collection.hasPrefix(name) {
      if operation == "organizations:ListPolicies" { continue }
      #expect(end.outcome == .complete, "\(end.collection)")
    }
  }

  /// The units below one whose accounts cannot be read are read.
  @Test func aUnitIsReadBelowOneThatCannotBe() async {
    let aws = FakeAWS { operation, call in
      switch operation {
      case "organizations:ListRoots": Answer(#"{"Roots":[{"Id":"r-1"}]}"#)
      case "organizations:ListOrganizationalUnitsForParent":
        Answer(
          call.body.contains("r-1")
            ? #"{"OrganizationalUnits":[{"Id":"ou-1"}]}"# : #"{"OrganizationalUnits":[]}"#)
      case "organizations:ListAccountsForParent":
        Answer(call.body.contains("r-1") ? #"{"Accounts":[{"Id":7}]}"# : #"{"Accounts":[]}"#)
      default: nil
      }
    }
    let name = "aws.organizations.organizationalUnit"
    let published = await aws.attempt(collections: [name]).run()
    #expect(published.outcome(of: name) == .partial)
    #expect(published.records(of: name).map(\.key) == ["ou-1"])
  }

  private static func answer(_ json: JSON) -> Answer { Answer(json.text) }

  private static func cluster(_ name: String) -> String {
    "arn:aws:ecs:eu-west-1:\(FakeAWS.account):cluster/\(name)"
  }

  /// Of ten clusters, asked about in one call, one makes the call fail.
  @Test(arguments: [
    Answer(400, #"{"__type":"InvalidParameterException","message":"no"}"#), Answer("<html>"),
    Answer(400, #"{"__type":"ClusterNotFoundException","message":"no"}"#),
  ])
  func oneOfABatchTaintsOnlyItself(_ answer: Answer) async {
    let aws = FakeAWS { operation, call in
      let names = (0..<10).map { Self.cluster("c\($0)") }
      switch operation {
      case "ecs:ListClusters": return Self.answer(["clusterArns": .strings(names)])
      case "ecs:DescribeClusters" where call.body.contains("/c7"): return answer
      case "ecs:DescribeClusters":
        let asked = names.filter { call.body.contains($0) }
        return Self.answer(["clusters": .array(asked.map { ["clusterArn": .string($0)] })])
      default: return nil
      }
    }
    let name = "aws.ecs.cluster@eu-west-1"
    let published = await aws.attempt(collections: ["aws.ecs.cluster"]).run()
    let isGone = answer.body.contains("NotFound")
    #expect(published.outcome(of: name) == (isGone ? .complete : .partial))
    #expect(
      published.records(of: name).map(\.key)
        == [0, 1, 2, 3, 4, 5, 6, 8, 9].map { Self.cluster("c\($0)") })
  }

  @Test func anItemThatCannotGoIntoABatchStaysOutOfIt() async {
    let aws = FakeAWS { operation, call in
      switch operation {
      case "ecs:ListClusters":
        return Answer(#"{"clusterArns":["\#(Self.cluster("a"))",7,"\#(Self.cluster("b"))"]}"#)
      case "ecs:DescribeClusters":
        let asked = ["a", "b"].map(Self.cluster).filter { call.body.contains($0) }
        return Self.answer(["clusters": .array(asked.map { ["clusterArn": .string($0)] })])
      default: return nil
      }
    }
    let name = "aws.ecs.cluster@eu-west-1"
    let published = await aws.attempt(collections: ["aws.ecs.cluster"]).run()
    #expect(published.outcome(of: name) == .partial)
    #expect(published.records(of: name).map(\.key) == ["a", "b"].map(Self.cluster))
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
      case "lambda:ListFunctions": Self.functions((0..<500).map { "f\($0)" })
      case "lambda:GetPolicy": FakeAWS.denial(operation)
      default: nil
      }
    }
    let published = await aws.attempt(collections: ["aws.lambda.policy"]).run()
    let end = published.end(of: Self.policy)
    #expect(end?.outcome == .denied)
    #expect(end?.missing == ["lambda:GetPolicy"])
    // Eight refusals are enough; as many as use up the rate were asked at the same time.
    #expect((end?.calls.count ?? 0) < 8 + 64 + 8)
  }

  /// The first calls are answered only once as many are there as use up 20 a second where an answer
  /// takes two seconds; the last one first.
  @Test func asManyParentsAreAskedAboutAsUseUpTheRateAndTakenInOrder() async {
    let names = (0..<100).map { "f\($0)" }
    let most = Int(AWSService.lambda.rate.perSecond * 2)
    let gate = Gate(opensAt: most)
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
    #expect(await gate.most == most)
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
