import Extraction
import JSONReader
import Model
import Testing

@testable import AWSConnector

/// What the golden files cannot show: that order does not matter, and what is refused.
@Suite struct NormalizerTests {
  @Test(arguments: RecordFixture.all)
  func orderOfListsDoesNotMatter(_ fixture: RecordFixture) throws {
    let expected = try fixture.fragment().bytes
    var random = SeededRandom(state: 7)
    for round in 0..<20 {
      let permuted = try fixture.permuted(by: &random)
      #expect(try permuted.fragment().bytes == expected, "seed 7, round \(round)")
    }
  }

  @Test(arguments: RecordFixture.all)
  func recordUnderAnotherKeyIsRefused(_ fixture: RecordFixture) {
    var other = fixture
    other.key += "x"
    #expect(throws: JSONError.self) { try other.assertions() }
  }

  @Test(arguments: RecordFixture.all)
  func nothingIsAssertedOutsideOfTheObject(_ fixture: RecordFixture) throws {
    let assertions = try fixture.assertions()
    let own = Set(assertions.nodes.map(\.id))
    for node in assertions.nodes {
      let isOwn = node.id.hasPrefix(fixture.key) || node.id.hasSuffix(":" + fixture.key)
      #expect(isOwn, "\(node.id)")
    }
    for digest in assertions.nodes.compactMap({ $0.state["document"]?.string }) {
      #expect(assertions.documents.contains { $0.digest == digest })
    }
    #expect(own.count == assertions.nodes.count)
  }

  /// Activity is what dormancy is judged by: of an event, and of a report on an identity.
  @Test(arguments: [
    ("aws.cloudtrail.event", 1), ("aws.iam.lastAccessed", 1),
  ])
  func whatWasUsedIsSaid(_ collection: String, _ minimum: Int) throws {
    let records = RecordFixture.all.filter {
      $0.collection.prefix { $0 != "@" } == collection
    }
    let activity = try records.flatMap { try $0.assertions().activity }
    #expect(activity.count >= minimum)
    #expect(activity.allSatisfy { $0.subject.hasPrefix("arn:aws:") })
  }

  struct Malformed: Sendable, CustomStringConvertible {
    let fixture: String
    let text: String
    let replacement: String
    /// What a person reads about it.
    let error: String

    init(_ fixture: String, _ text: String, _ replacement: String, _ error: String) {
      self.fixture = fixture
      self.text = text
      self.replacement = replacement
      self.error = error
    }

    var description: String { "\(fixture): \(error)" }
  }

  @Test(arguments: [
    Malformed(
      "aws.iam.role.minimal", #""AssumeRolePolicyDocument""#, #""Other""#,
      #""$.AssumeRolePolicyDocument": expected a value, found nothing"#),
    Malformed(
      "aws.iam.role.minimal", "%7B", "%7",
      #""$.AssumeRolePolicyDocument": expected percent-encoded text, "#
        + "found a % without two hexadecimal digits"),
    Malformed(
      "aws.iam.role.minimal", "Statement", "Statements",
      #""$.AssumeRolePolicyDocument$.Statement": expected a value, found nothing"#),
    Malformed(
      "aws.iam.role.minimal", "Allow", "allow",
      #""$.AssumeRolePolicyDocument$.Statement[0].Effect": expected Allow or Deny, "#
        + "found another value"),
    Malformed(
      "aws.iam.role.minimal", "Version", "Statement",
      #""$.AssumeRolePolicyDocument$": expected each name once, found a repeated one"#),
    Malformed(
      "aws.iam.role.rich", #""Key": "Owner""#, #""Key": "cost-centre""#,
      #""$.Tags[1]": expected each key once, found a repeated one"#),
    Malformed(
      "aws.iam.role.rich", "2024-02-29", "2023-02-29",
      #""$.CreateDate": expected a time, found another text"#),
    Malformed(
      "aws.iam.role.rich", #""PolicyName": "assume""#, #""PolicyName": "write-artifacts""#,
      #""$": expected one thing under each name, found two that differ"#),
    Malformed(
      "aws.iam.role.rich", "PermissionsBoundaryArn", "Arn",
      #""$.PermissionsBoundary.PermissionsBoundaryArn": expected a value, found nothing"#),
    Malformed(
      "aws.iam.policy.boundary", #""IsDefaultVersion": "true""#, #""IsDefaultVersion": "false""#,
      #""$.PolicyVersionList": expected the default version, found nothing"#),
    Malformed(
      "aws.lambda.policy.minimal", #"{\"Statement\":[]}"#, "",
      #""$.Policy": expected a policy document in JSON, found empty input"#),
    Malformed(
      "aws.lambda.policy.minimal", #"{\"Statement\":[]}"#, "null",
      #""$.Policy$": expected a policy document, found another value"#),
    Malformed(
      "aws.lambda.function.rich", #""opaque""#, #""hunter2""#,
      #""$.Environment.Variables.STRIPE_KEY": expected the shape of a value, "#
        + "found another value"),
    Malformed(
      "aws.lambda.url.minimal", "AuthType", "Type",
      #""$.AuthType": expected a value, found nothing"#),
    Malformed(
      "aws.lambda.eventSourceMapping.rich", "arn:aws:sqs", "sqs",
      #""$.EventSourceArn": expected an ARN, found another text"#),
    Malformed(
      "aws.organizations.policy.rich", #""Type": "ROOT""#, #""Type": "GALAXY""#,
      #""$.Targets[0].Type": expected ACCOUNT, ORGANIZATIONAL_UNIT or ROOT, found another word"#),
    Malformed(
      "aws.organizations.account.rich", "account/o-example1", "account",
      #""$.Arn": expected the ARN of an organization's account, found another text"#),
  ])
  func whatCannotBeReadIsRefusedWithItsPath(_ malformed: Malformed) throws {
    let fixture = try RecordFixture(named: malformed.fixture)
      .replacing(malformed.text, with: malformed.replacement)
    let error = try #require(throws: JSONError.self) { try fixture.assertions() }
    #expect(error.description.hasPrefix(malformed.error), "\(error)")
  }

  @Test func collectionOfANewerExtractorIsRefused() {
    let fixture = RecordFixture("aws.iam.nothingYet", key: "x", record: "{}".utf8)
    #expect(throws: UnknownCollection.self) { try fixture.assertions() }
  }

  @Test func numbersOfADocumentKeepTheirDigits() throws {
    let document = try RecordFixture(named: "aws.iam.role.rich").assertions().documents
      .first { $0.body.text.contains("MultiFactorAuthAge") }
    #expect(document?.body.text.contains(#"{"aws:MultiFactorAuthAge":3600.50}"#) == true)
  }

  @Test func spacingOfADocumentDoesNotMatter() throws {
    let plain = try RecordFixture(named: "aws.lambda.policy.minimal")
    let spaced = plain.replacing(#"{\"Statement\":[]}"#, with: #" {\n\"Statement\" : [ ] }\n"#)
    #expect(spaced.record != plain.record)
    #expect(try spaced.assertions() == plain.assertions())
  }

  @Test func listOfOneMayStandAlone() throws {
    let list = try RecordFixture(named: "aws.iam.group.rich")
    let record = String(decoding: list.record, as: UTF8.self)
    var alone = list
    alone.record = Array(record.filter { $0 != "[" && $0 != "]" }.utf8)
    #expect(alone.record != list.record)
    #expect(try alone.assertions() == list.assertions())
  }
}
