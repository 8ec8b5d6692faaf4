import Foundation
import JSONReader
import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Testing

@Suite("Published status")
struct StatusTests {
  @Test("Every change is published once, and a change in between is not lost")
  func published() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1", scopes: ["111122223333"])])
      // The run changes while its first version is under way to the broker.
      let producer = RecordingProducer { _ in _ = try await fixture.dispatcher.turn() }
      _ = try await fixture.status(producer).turn()
      _ = try await fixture.status(producer).turn()
      _ = try await fixture.status(producer).turn()
      let run = try await fixture.run()
      let ids = producer.messages.map { message in
        message.headers.first { $0.name == "ce_id" }?.value.map {
          String(decoding: $0, as: UTF8.self)
        }
      }
      #expect(ids == ["\(run.run).1", "\(run.run).2"])
      #expect(producer.messages.allSatisfy { $0.key == Array(run.scope.utf8) })
      let states = try producer.messages.map {
        try JSONDocument(parsing: $0.value ?? []).root.string(at: "state")
      }
      #expect(states == ["queued", "dispatched"])
    }
  }

  @Test("What is refused is published again, by one process at a time")
  func refused() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1", scopes: ["111122223333"])])
      await #expect(throws: RefusingProducer.Refused.self) {
        try await fixture.status(RefusingProducer()).turn()
      }
      _ = try await fixture.status(holder: "two").turn()
      #expect(fixture.producer.messages.isEmpty)
      _ = try await fixture.status(holder: "one").turn()
      #expect(fixture.producer.messages.count == 1)
    }
  }

  @Test("Dispatch and status messages are as their published schemas say")
  func schemas() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      _ = try await fixture.dispatcher.turn()
      _ = try await fixture.relay().turn()
      let run = try await fixture.run()
      try await fixture.progress.handle([
        fixture.message(
          run,
          .collectionEnded(
            collection: "aws.iam.role", outcome: .denied, records: 0,
            missing: ["iam:ListRoles", "iam:GetRole"], message: "denied")),
        fixture.message(run, .ended(outcome: .failed, message: "worker was stopped")),
      ])
      _ = try await fixture.status().turn()
      #expect(
        try SchemaCheck.problems(
          fixture.producer.messages(of: Topic.scanDispatch(.aws)), "scan-dispatch") == "")
      let statuses = fixture.producer.messages(of: Topic.scanStatus)
      #expect(try SchemaCheck.problems(statuses, "scan-status") == "")
      let lost = try statuses.map { try JSONDocument(parsing: $0.value ?? []).root }
        .first { try $0.string(at: "scope") == run.scope }
      #expect(try lost?.string(at: "reason") == "attempt 1 was lost: worker was stopped")
      #expect(
        try lost?.array(at: "collections").first { _ in true }?.array(at: "missing").count == 2)
    }
  }
}

/// Checks messages with the reference validator of the Python environment.
enum SchemaCheck {
  struct Missing: Error, CustomStringConvertible {
    let description =
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)"
  }

  /// What is wrong with the messages; empty when nothing is.
  static func problems(_ messages: [OutgoingMessage], _ schema: String) throws -> String {
    guard let environment = ProcessInfo.processInfo.environment["SV0_VENV"] else { throw Missing() }
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../topics/\(schema).schema.json").standardizedFileURL
    let lines = try messages.map { message in
      JSON.members([
        "key": .string(String(decoding: message.key ?? [], as: UTF8.self)),
        "headers": .object(
          Dictionary(
            uniqueKeysWithValues: message.headers.map {
              ($0.name, .string(String(decoding: $0.value ?? [], as: UTF8.self)))
            })),
        "value": JSON(try JSONDocument(parsing: message.value ?? []).root),
      ]).text
    }
    let script = """
      import json, sys, jsonschema
      check = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
      for line in sys.argv[2:]:
          for error in check.iter_errors(json.loads(line)): print(error.json_path, error.message)
      """
    let process = Process()
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = ["-c", script, file.path] + lines
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}
