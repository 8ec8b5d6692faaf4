import Foundation
import JSONReader
import Model
import Testing

@testable import Evaluation

/// The published bytes. `ocsf-json-schema` and `jsonschema` (PyPI) accept the golden event: class
/// `detection_finding` of OCSF 1.5.0 with the profile `cloud`.
@Suite struct OCSFTests {
  static var estate: Estate {
    var estate = Estate()
    let role = estate.role("hello-role", policies: [Policy.everything])
    estate.function("hello", role: role, url: "NONE", policy: PublicTriggerTests.urlPolicy)
    return estate
  }

  private func change() throws -> FindingChange {
    try #require(
      Self.estate.evaluation.changes(since: []).first { $0.key.rule == "public-trigger" })
  }

  @Test func theEventIsTheGoldenOneByteForByte() throws {
    let golden = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/public-trigger.json")
    let expected = try String(decoding: Data(contentsOf: golden), as: UTF8.self)
    #expect(try change().event.text + "\n" == expected)
  }

  @Test func theLifeIsToldInOCSFsWords() throws {
    let change = try change()
    let expected: [(FindingState, activity: Int64, status: Int64)] = [
      (.new, 1, 1), (.updated, 2, 1), (.reopened, 2, 1), (.suppressed, 2, 3), (.resolved, 3, 4),
    ]
    for (state, activity, status) in expected {
      var life = change.life
      life.state = state
      let event = OCSF.event(OCSF.content(of: change.event, missing: []), life)
      #expect(event["activity_id"] == .integer(activity))
      #expect(event["type_uid"] == .integer(200_400 + activity))
      #expect(event["status_id"] == .integer(status))
      #expect(event["status_detail"] == .string(state.rawValue))
    }
  }

  @Test func theContentOfAPublishedEventIsTheContentThatWasPublished() throws {
    let change = try change()
    let finding = try #require(Self.estate.findings("public-trigger").first)
    #expect(OCSF.content(of: change.event, missing: finding.missing) == OCSF.content(finding))
    #expect(OCSF.digest(OCSF.content(finding)) == change.life.digest)
    #expect(OCSF.inputs(of: change.event) == finding.inputs)
  }

  @Test func aPublishedChainReadsLikeTheOneItWasMadeFrom() throws {
    let finding = try #require(Self.estate.findings("public-trigger").first)
    let lines = try ChainText.lines(event: change().event.bytes)
    #expect(lines == ChainText.lines(finding.chain))
    #expect(lines[0] == "1. anyone, authenticated or not: principalSet (sv0.anyone) anyone")
  }
}
