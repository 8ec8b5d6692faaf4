import Extraction
import Foundation
import JSONReader
import Model
import Testing

@testable import AWSConnector

/// Every record beside its fragment, in `Golden`. After an intended change:
/// `SV0_UPDATE_GOLDEN=1 swift test --filter NormalizerGoldenTests`, then read the difference.
@Suite struct NormalizerGoldenTests {
  @Test(arguments: RecordFixture.files)
  func fragmentIsTheGoldenOne(_ fixture: RecordFixture) throws {
    try expectGolden(fixture.fragment(), "\(fixture.name).fragment.json")
  }

  @Test(arguments: AWSNormalizer.kinds.keys.sorted())
  func everyKindHasARichAndALesserRecord(_ kind: String) {
    let count = RecordFixture.all.count { $0.collection.prefix { $0 != "@" } == kind }
    #expect(
      count >= (AccountTests.single.contains(kind) ? 1 : 2),
      "add a lesser object to the answers in Golden")
  }

  /// moto's XML, through the same conversion that the extractor uses.
  @Test func answerOfAnAPIServerBecomesAGraph() throws {
    let xml = try Data(
      contentsOf: RecordFixture.folder.appending(path: "GetAccountAuthorizationDetails.xml"))
    let answer = try JSONDocument(parsing: AWSXML.json(from: Array(xml))).root
    let result = try answer.value(
      at: "GetAccountAuthorizationDetailsResponse", "GetAccountAuthorizationDetailsResult")
    var fragments: [JSON] = []
    for (list, collection) in [
      ("UserDetailList", "aws.iam.user"), ("GroupDetailList", "aws.iam.group"),
      ("RoleDetailList", "aws.iam.role"), ("Policies", "aws.iam.policy"),
    ] {
      for record in try result.array(at: list) {
        let fixture = RecordFixture(
          collection, key: try record.string(at: "Arn"), record: record.verbatim)
        fragments.append(try fixture.fragment())
      }
    }
    try expectGolden(.array(fragments), "GetAccountAuthorizationDetails.fragments.json")
  }
}
