import Model
import Pipeline
import PipelineTesting
import Scheduling
import Synchronization
import Testing

@Suite("Organizations")
struct OrganizationTests {
  private let organization: [DiscoveredAccount] = [
    DiscoveredAccount(id: "111122223333"),
    DiscoveredAccount(id: "222233334444", obstacle: "suspended"),
    DiscoveredAccount(id: "444455556666"), DiscoveredAccount(id: "999900001111"),
  ]

  @Test("A request covers the accounts there are now; what cannot be read is skipped and said")
  func discovers() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      let accounts = Mutex(organization)
      let requests = fixture.requests { settings, credentials in
        #expect(settings["regions"] == ["eu-west-1"] && settings["organization"] == .null)
        #expect(credentials["roleArn"]?.string == Fixture.discoveryRole)
        return .accounts(accounts.withLock { $0 })
      }
      try await requests.handle([fixture.request("1", "acme", "org")])
      let runs = try await fixture.runs()
      #expect(
        runs.map { "\($0.scope.suffix(12)) \($0.state) \($0.reason ?? "")" } == [
          "111122223333 queued ", "222233334444 skipped the account is suspended",
          "444455556666 queued ",
        ])
      accounts.withLock { $0.append(DiscoveredAccount(id: "777788889999")) }
      try await requests.handle([fixture.request("2", "acme", "org")])
      let latest = try await fixture.runs().filter { $0.scope.hasSuffix("777788889999") }
      #expect(latest.map(\.state) == ["queued"])
    }
  }

  @Test("An account that left the organization is listed with the time, until it is back")
  func leaves() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      let accounts = Mutex(organization)
      let requests = fixture.requests { _, _ in .accounts(accounts.withLock { $0 }) }
      func unlisted() async throws -> [String] {
        try await ListedScope.all(of: "acme", in: fixture.pool).compactMap { scope in
          scope.unlistedSince.map { "\(scope.scope.suffix(12)) \($0)" }
        }
      }
      try await requests.handle([fixture.request("1", "acme", "org")])
      #expect(try await unlisted().isEmpty)
      let left = fixture.clock.now + .seconds(60)
      fixture.clock.advance(by: .seconds(60))
      accounts.withLock { $0.removeAll { $0.id == "444455556666" } }
      // Also where another account is asked for; the time is that of the first listing without it.
      try await requests.handle([
        fixture.request("2", "acme", "org", scopes: ["111122223333"])
      ])
      fixture.clock.advance(by: .seconds(60))
      try await requests.handle([fixture.request("3", "acme", "org")])
      #expect(try await unlisted() == ["444455556666 \(left)"])
      // Nothing of it is taken away, and nothing of another connection.
      #expect(try await fixture.runs().count { $0.scope.hasSuffix("444455556666") } == 1)
      try await requests.handle([fixture.request("4")])
      #expect(try await unlisted() == ["444455556666 \(left)"])
      // A listing that failed says nothing.
      try await fixture.requests { _, _ in .failed(reason: "it was denied") }
        .handle([fixture.request("5", "acme", "org")])
      #expect(try await unlisted() == ["444455556666 \(left)"])
      accounts.withLock { $0 = organization }
      try await requests.handle([fixture.request("6", "acme", "org")])
      #expect(try await unlisted().isEmpty)
    }
  }

  @Test("One account can be asked for; one that is excluded or not there is refused")
  func asksForOne() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      let requests = fixture.requests { _, _ in .accounts(organization) }
      try await requests.handle([
        fixture.request("1", "acme", "org", scopes: ["444455556666"]),
        fixture.request("2", "acme", "org", scopes: ["999900001111"]),
        fixture.request("3", "acme", "org", scopes: ["123412341234"]),
      ])
      #expect(try await fixture.runs().map(\.scope) == ["acme/org/aws/444455556666"])
      #expect(
        try await fixture.scans() == [
          "accepted: ",
          "rejected: account 999900001111 is not in the connection's organization, or excluded "
            + "from it",
          "rejected: account 123412341234 is not in the connection's organization, or excluded "
            + "from it",
        ])
    }
  }

  @Test("Accounts that cannot be listed reject the scan, with the reason")
  func cannotBeListed() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      let requests = fixture.requests { _, _ in .failed(reason: "it was denied") }
      try await requests.handle([
        fixture.request("1", "acme", "org"), fixture.request("2"),
      ])
      #expect(
        try await fixture.scans() == [
          "rejected: the accounts of the organization could not be listed: it was denied",
          "accepted: ",
        ])
    }
  }

  @Test("A worker that stops while it asks has admitted nothing")
  func stops() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      let (asking, asked) = AsyncStream.makeStream(of: Void.self)
      let requests = fixture.requests { _, _ in
        asked.yield()
        // Until it is cancelled.
        try? await Task.sleep(for: .seconds(600))
        return .failed(reason: "cancelled")
      }
      let handling = Task { try await requests.handle([fixture.request("1", "acme", "org")]) }
      for await _ in asking { break }
      handling.cancel()
      await #expect(throws: CancellationError.self) { try await handling.value }
      #expect(try await fixture.scans().isEmpty)
    }
  }

  @Test("Its runs are dispatched with the role in their account, unless excluded meanwhile")
  func dispatches() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization()
      try await fixture.requests { _, _ in .accounts(organization) }
        .handle([fixture.request("1", "acme", "org")])
      try await fixture.connectOrganization(excluding: ["444455556666"])
      _ = try await fixture.dispatcher.turn()
      _ = try await fixture.relay().turn()
      let sent = fixture.producer.messages.compactMap { message in
        message.value.flatMap { try? Dispatch(reading: $0, platform: .aws) }
      }
      #expect(
        sent.map { $0.credentials["roleArn"]?.string ?? "" }
          == ["arn:aws:iam::111122223333:role/SecurityV0ReadOnly"])
      #expect(try await fixture.runs().map(\.state) == ["dispatched", "skipped", "cancelled"])
    }
  }
}

extension Fixture {
  static let discoveryRole = "arn:aws:iam::999900001111:role/SecurityV0OrgDiscovery"

  static func organization(excluding excluded: [JSON] = ["999900001111"]) -> JSON {
    var file = connection("acme", "org")
    file["settings"]["accounts"] = []
    file["settings"]["organization"] = [
      "discoveryRole": .string(discoveryRole), "exclude": .array(excluded),
    ]
    return file
  }

  func connectOrganization(
    excluding excluded: [JSON] = ["999900001111"], schedule: JSON = .null
  ) async throws {
    var file = Self.organization(excluding: excluded)
    if schedule != .null { file["schedule"] = schedule }
    try await ConnectionDocument(file).store(in: pool, at: clock.now, by: "test")
  }
}
