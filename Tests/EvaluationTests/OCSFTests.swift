import Foundation
import JSONReader
import Model
import Testing

@testable import Evaluation

/// The published bytes: class `detection_finding` of OCSF 1.5.0 with the profile `cloud`.
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

  /// Of every rule that finds something here, in every state.
  @Test func eventsAreValidByOCSFsOwnSchema() throws {
    var estate = Self.estate
    estate.role("speaker", policies: [Policy.document(Policy.allow("polly:*"))])
    estate.end("aws.iam.group", .denied, missing: ["iam:ListGroups"])
    var changes = estate.evaluation.changes(since: [])
    estate.end("aws.iam.group", .complete)
    changes += estate.evaluation(at: Estate.now, settled: Settled())
      .changes(since: [])
    #expect(Set(changes.map(\.key.rule)).isSuperset(of: ["coverage", "summary", "public-trigger"]))
    let answer = Suppression(owner: "team", reason: "known", endsAt: Estate.now)
    let events = changes.flatMap { change in
      FindingState.allCases.map { state in
        var life = change.life
        life.state = state
        return OCSF.event(OCSF.content(of: change.event, missing: ["iam:Get"]), life, answer)
      }
    }
    #expect(try Self.problems(of: changes.map(\.event) + events) == "")
    #expect(try Self.problems(of: [["message": "x", "severity_id": 7]]) != "")
  }

  private struct Missing: Error, CustomStringConvertible {
    let description =
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)"
  }

  /// What OCSF's schema says of events, in lines; empty when they are valid.
  private static func problems(of events: [JSON]) throws -> String {
    guard let environment = ProcessInfo.processInfo.environment["SV0_VENV"] else { throw Missing() }
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let input = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(events.map(\.text).joined(separator: "\n").utf8).write(to: input)
    defer { try? FileManager.default.removeItem(at: input) }
    let process = Process()
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = [folder.appending(path: "ocsf.py").path]
    process.standardInput = try FileHandle(forReadingFrom: input)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
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
