import Foundation
import Logging
import Model
import Testing

@testable import sv0

@Suite struct SettingsTests {
  /// A file that lives as long as the body.
  private func withFile<Value>(_ text: String, _ body: (String) throws -> Value) throws -> Value {
    let file = FileManager.default.temporaryDirectory.appending(path: "sv0-\(UUID()).yaml")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    return try body(file.path)
  }

  @Test func theEnvironmentWinsOverTheFile() throws {
    let settings = try withFile(
      """
      kafka: one:9092
      postgres: postgres://sv0@db/sv0
      kafkaProperties:
        security.protocol: ssl
      log: {level: debug}
      evaluator: {quiet: 2s}
      """
    ) { path in
      try Settings(
        path: path,
        environment: [
          "SV0_KAFKA": "two:9092", "SV0_KAFKA_SSL_CA_LOCATION": "/ca", "SV0_INSTANCE": "a",
          "PATH": "/bin",
        ])
    }
    #expect(settings.kafka == "two:9092")
    #expect(settings.kafkaProperties == ["security.protocol": "ssl", "ssl.ca.location": "/ca"])
    #expect(settings.instance == "a")
    #expect(settings.logLevel == .debug)
    #expect(settings.evaluatorQuiet == .seconds(2))
  }

  @Test func everyProblemIsListedAtOnceWithItsPlaceAndWhatIsAccepted() throws {
    let text = """
      kafka: one:9092
      log:
        level: loud
      http: {listen: nowhere}
      scheduler:
        attempts: 0
      colour: red
      """
    let (path, failure) = try withFile(text) { path in
      (
        path,
        #expect(throws: Failure.self) {
          try Settings(path: path, environment: ["SV0_EVALUATOR_QUIET": "soon"])
        }
      )
    }
    let lines = try #require(failure?.description).split(separator: "\n").map(String.init)
    #expect(failure?.code == .configuration)
    #expect(lines.count == 5)
    for (place, hint) in [
      ("\(path):3: log.level:", "trace, debug, info"), ("\(path):4: http.listen:", "host:port"),
      ("\(path):6: scheduler.attempts:", "1 to 100"), ("\(path):7: colour:", "is unknown"),
      ("SV0_EVALUATOR_QUIET:", "10s"),
    ] {
      #expect(lines.contains { $0.hasPrefix(place) && $0.contains(hint) }, "\(place)")
    }
  }

  @Test(arguments: [
    ("250ms", Duration.milliseconds(250) as Duration?), ("10s", .seconds(10)),
    ("5m", .seconds(300)), ("24h", .seconds(86400)), ("7d", .seconds(604_800)), ("10", nil),
    ("s", nil), ("-1s", nil), ("1.5s", nil), ("99999999999999999999s", nil),
  ])
  func durationsAreWhatTheySay(_ text: String, _ duration: Duration?) {
    #expect(Duration(parsing: text) == duration)
  }

  @Test func quotedNumbersStayTextAndLinesAreFound() throws {
    let file = try YAMLFile(
      path: "f.yaml",
      text: """
        settings:
          accounts: ["011122223333", {id: 5}]
          on: true
          none:
        """)
    #expect(file.value["settings"]?["accounts"] == ["011122223333", ["id": 5]])
    #expect(file.value["settings"]?["on"] == true)
    #expect(file.value["settings"]?["none"] == .null)
    #expect(file.line(of: "settings.on") == 3)
    #expect(file.line(of: "settings.accounts[1].missing") == 2)
  }

  @Test func whatIsNotYAMLIsRefusedWithItsLineAndWithoutItsText() throws {
    let failure = #expect(throws: Failure.self) {
      try YAMLFile(path: "f.yaml", text: "a: 1\nsecret: [unclosed\n")
    }
    let text = try #require(failure?.description)
    #expect(text.hasPrefix("f.yaml:"))
    #expect(!text.contains("secret"))
  }

  @Test func aMissingSettingSaysHowToSetIt() throws {
    let settings = try Settings(path: nil, environment: [:])
    let failure = #expect(throws: Failure.self) { try settings.requireKafka() }
    #expect(failure?.description.contains("SV0_KAFKA") == true)
  }
}
