import Model
import Pipeline
import PostgresClient
import Scheduling
import Schema
import Testing

@Suite("Admission of requests")
struct AdmissionTests {
  @Test("A request becomes a scan with a queued run per account")
  func admits() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([fixture.request("1")])
      #expect(try await fixture.scans() == ["accepted: "])
      let runs = try await fixture.runs()
      #expect(
        runs.map(\.scope) == [
          "acme/aws-prod/aws/111122223333", "acme/aws-prod/aws/444455556666",
        ])
      #expect(runs.allSatisfy { $0.state == "queued" && $0.epoch == 1 && $0.attempt == 0 })
      #expect(runs.allSatisfy { ULID.isValid($0.run) })
    }
  }

  @Test("The same request again changes nothing, also when several arrive at once")
  func repeated() async throws {
    try await Fixture.with { fixture in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<6 {
          group.addTask { try await fixture.requests.handle([fixture.request("1")]) }
        }
        try await group.waitForAll()
      }
      #expect(try await fixture.runs().map(\.epoch) == [1, 1])
      #expect(try await fixture.scans() == ["accepted: "])
    }
  }

  @Test("While a scope is pending another run of it is skipped, and says for what")
  func overlap() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([
        fixture.request("1", scopes: ["111122223333"]), fixture.request("2"),
      ])
      let runs = try await fixture.runs()
      #expect(runs.map(\.state) == ["queued", "skipped", "queued"])
      #expect(runs.map(\.epoch) == [1, 2, 1])
      #expect(runs[1].reason == "run \(runs[0].run) of this scope is not finished")
      try await fixture.execute("UPDATE sv0.runs SET state = 'extracted' WHERE state = 'queued'")
      try await fixture.requests.handle([fixture.request("3", scopes: ["111122223333"])])
      #expect(
        try await fixture.runs().map(\.state) == ["extracted", "skipped", "queued", "extracted"])
    }
  }

  @Test("Many requests for the same scopes at once leave one pending run and dense epochs")
  func concurrent() async throws {
    try await Fixture.with { fixture in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<8 {
          let scopes = ["444455556666", "111122223333"]
          group.addTask {
            try await fixture.requests.handle([
              fixture.request("\(index)", scopes: index % 2 == 0 ? scopes : scopes.reversed())
            ])
          }
        }
        try await group.waitForAll()
      }
      let runs = try await fixture.runs()
      #expect(runs.map(\.epoch) == Array(1...8) + Array(1...8))
      #expect(runs.count { $0.state == "queued" } == 2)
      #expect(runs.count { $0.state == "skipped" } == 14)
    }
  }

  @Test("What a request asks for and cannot have is a rejected scan with the reason")
  func rejected() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([
        fixture.request("1", "acme", "gcp"),
        fixture.request("2", scopes: ["999999999999"]),
        fixture.request("3", collections: ["aws.iam.*", "aws.s3.bucket"]),
        fixture.request("4", "nobody", "aws-prod"),
      ])
      #expect(try await fixture.runs().isEmpty)
      let scans = try await fixture.scans()
      #expect(scans[0].hasPrefix("rejected: tenant acme has no connection gcp"))
      #expect(scans[1].hasPrefix("rejected: account 999999999999 is not one of"))
      #expect(scans[2].hasPrefix("rejected: collection aws.s3.bucket is not known"))
      #expect(scans[3].hasPrefix("rejected: tenant nobody has no connection"))
    }
  }

  @Test("A region's collection is accepted, and one that the connection disables is not")
  func collections() async throws {
    try await Fixture.with { fixture in
      try await fixture.connect(
        "acme", "narrow", accounts: ["777788889999"],
        collections: ["enable": [], "disable": ["aws.lambda.*"]])
      try await fixture.requests.handle([
        fixture.request("1", collections: ["aws.lambda.function@eu-west-1"]),
        fixture.request("2", "acme", "narrow", collections: ["aws.lambda.function@eu-west-1"]),
      ])
      #expect(
        try await fixture.scans() == [
          "accepted: ",
          "rejected: the connection disables every collection that was asked for, or has not "
            + "enabled it: what `sv0 catalog` calls roadmap is off until collections.enable names "
            + "it",
        ])
    }
  }

  @Test("A key for one account admits that account")
  func scopeKey() async throws {
    try await Fixture.with { fixture in
      try await fixture.requests.handle([
        fixture.request(
          "1", scopes: ["111122223333"], key: "acme/aws-prod/aws/111122223333")
      ])
      #expect(try await fixture.runs().count == 1)
    }
  }

  @Test("A message whose key and request disagree, or without its headers, is a dead letter")
  func badMessages() async throws {
    try await Fixture.with { fixture in
      var noID = fixture.request("1")
      noID.headers.removeAll { $0.name == "ce_id" }
      var noValue = fixture.request("2")
      noValue.value = nil
      var extra = fixture.request("3")
      extra.value = Array(#"{"tenant":"acme","connection":"aws-prod","scope":["1"]}"#.utf8)
      for (message, expected) in [
        (noID, "malformed"), (noValue, "malformed"), (extra, "schema"),
        (fixture.request("4", key: "other/aws-prod"), "tenant"),
        (fixture.request("5", key: "acme/other"), "schema"),
        (fixture.request("6", key: "acme"), "malformed"),
        (fixture.request("7", key: "acme/aws-prod/aws/111122223333"), "schema"),
        (fixture.request("8\0"), "schema"),
      ] {
        let error = await #expect(throws: BadMessage.self) {
          try await fixture.requests.handle([message])
        }
        #expect(error?.errorClass == expected)
      }
      let scans = try await fixture.scans()
      #expect(scans.isEmpty)
    }
  }
}
