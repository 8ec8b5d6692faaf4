import Foundation
import Model
import Testing

extension EndToEnd.Scanned {
  /// The commands' answers and exit codes.
  @Suite struct ToolTests {
    private let stack: Stack

    init() throws { stack = try .current }

    /// Nobody listens on port 1.
    private let nowhere = [
      "SV0_KAFKA": "127.0.0.1:1", "SV0_POSTGRES": "postgresql://sv0@127.0.0.1:1/sv0",
      "SV0_POSTGRES_OWNER": "postgresql://sv0@127.0.0.1:1/sv0",
    ]

    @Test(arguments: [
      ["no-such-command"], ["graph", "nodes", "--no-such-option"], ["catalog", "no-such-platform"],
      ["extractor"], ["scan", "start", "--connection", "aws-prod", "--timeout", "soon"],
      ["findings", "show", "no-such-finding"], ["local", "up", "--with", "no-such-server"],
      ["graph", "nodes", "--tenant", "no tenant"], ["path", "anyone", "no-such-name"],
    ])
    func wrongUsageExits64(_ arguments: [String]) async throws {
      let outcome = try await stack.sv0(arguments)
      #expect(outcome.status == 64, "\(outcome.errors)")
      #expect(!outcome.errors.isEmpty)
    }

    /// At once, because the broker is asked for as long as it may be starting.
    @Test func anUnreachableServerExits69() async throws {
      let commands = [
        ["migrate"], ["topics", "apply"], ["topics", "diff"], ["graph", "nodes"], ["findings"],
        ["deadletter", "list"],
      ]
      try await withThrowingTaskGroup { group in
        for command in commands {
          group.addTask { (command, try await stack.sv0(command, nowhere)) }
        }
        for try await (command, outcome) in group {
          #expect(outcome.status == 69, "\(command): \(outcome.output)\(outcome.errors)")
          #expect(outcome.errors.contains("127.0.0.1"), "\(command): \(outcome.errors)")
        }
      }
    }

    @Test func whatIsDoneAlreadyIsNotDoneAgain() async throws {
      let owner = ["SV0_POSTGRES_OWNER": stack.owner]
      #expect(
        try await stack.sv0(["migrate"], owner).succeeded("migrate").output == "nothing to do\n")
      #expect(try await stack.sv0(["topics", "apply"]).succeeded("").output == "nothing to do\n")
      #expect(
        try await stack.sv0(["topics", "diff"]).succeeded("diff").output == "no difference\n")
    }

    @Test func theCatalogNamesEveryCollectionWithItsPermissions() async throws {
      let catalog = try await stack.json(["catalog", "aws"])
      let names = catalog.compactMap { $0["collection"]?.string }
      #expect(names.count == catalog.count && Set(names).count == names.count)
      let scanned = try await stack.query("SELECT DISTINCT collection FROM sv0.run_collections")
      #expect(
        Set(scanned.map { $0.prefix { $0 != "@" } }.map(String.init)).isSubset(of: names))
      #expect(catalog.allSatisfy { $0.text.contains(#""permission":""#) })
    }

    @Test func theAccountsAreListedWithTheirNewestRun() async throws {
      let scopes = try await stack.json(["scope", "list"])
      #expect(
        scopes.compactMap { $0["scope"]?.string } == ["acme/aws-prod/aws/\(stack.account.id)"])
      #expect(scopes.allSatisfy { $0["state"] != nil && $0["unlistedSince"] == nil })
    }

    @Test func aScanOfNobodysConnectionIsRejected() async throws {
      let outcome = try await stack.sv0(
        ["scan", "start", "--connection", "no-such-connection", "--wait", "--timeout", "60s"])
      #expect(outcome.status == 65, "\(outcome.errors)")
      #expect(outcome.errors.contains("no-such-connection"))
    }
  }

  /// Every problem of a file is listed at once, with its place and what is accepted instead.
  @Suite struct ConfigurationTests {
    private let stack: Stack

    init() throws { stack = try .current }

    private func problems(
      _ command: [String], _ yaml: String, _ expected: [(line: Int, key: String, accepted: String)],
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      let path = try stack.write(yaml, to: "broken-\(command[0]).yaml")
      let outcome = try await stack.sv0(command + [path])
      #expect(outcome.status == 78, "\(outcome.errors)", sourceLocation: sourceLocation)
      let lines = outcome.errors.split(separator: "\n")
      for problem in expected {
        let place = "\(path):\(problem.line): \(problem.key): "
        let found = lines.filter { $0.contains(place) && $0.contains(problem.accepted) }
        #expect(
          found.count == 1, "\(place)…\(problem.accepted)… in\n\(outcome.errors)",
          sourceLocation: sourceLocation)
      }
      #expect(lines.count == expected.count, "\(outcome.errors)", sourceLocation: sourceLocation)
    }

    @Test func aBrokenConnectionFile() async throws {
      try await problems(
        ["connection", "apply", "-f"],
        """
        tenant: no tenant
        connection: aws-prod
        platform: mainframe
        nickname: prod
        settings:
          accounts: []
          roleName: SecurityV0ReadOnly
        credentials: {type: environment}
        """,
        [
          (1, "tenant", "A-Z a-z 0-9"), (3, "platform", "aws"), (4, "nickname", "credentials"),
          (6, "settings.accounts", "at least one"),
        ])
    }

    @Test func aConnectionFileThatTheConnectorRefuses() async throws {
      try await problems(
        ["connection", "apply", "-f"],
        """
        tenant: acme
        connection: aws-prod
        platform: aws
        settings:
          accounts: ["12"]
          roleName: SecurityV0ReadOnly
          regions: [atlantis-1]
          endpoint: http://aws.example.com
        credentials: {type: assume_role, externalId: "plain text", base: {type: environment}}
        collections: {enable: [aws.nothing]}
        """,
        [
          (5, "settings.accounts[0]", "12 digits"), (7, "settings.regions", "region"),
          (8, "settings.endpoint", "loopback"), (9, "credentials.externalId", "env:"),
          (10, "collections.enable[0]", "aws.iam.role"),
        ])
    }

    @Test func aBrokenSinkFile() async throws {
      try await problems(
        ["sink", "apply", "-f"],
        """
        tenant: acme
        name: no name
        type: pigeon
        settings: {url: "ftp://example.com"}
        secret: plain
        from: yesterday
        """,
        [
          (2, "name", "A-Z a-z 0-9"), (3, "type", "webhook"), (4, "settings.url", "https URL"),
          (5, "secret", "env:"), (6, "from", "end or beginning"),
        ])
    }

    @Test func aBrokenSettingsFile() async throws {
      try await problems(
        ["run", "--config"],
        """
        log:
          level: loud
          format: xml
        http: {listen: everywhere}
        evaluator:
          quiet: soon
        scheduler: {attempts: 0}
        colour: blue
        """,
        [
          (2, "log.level", "notice"), (3, "log.format", "json"),
          (4, "http.listen", "127.0.0.1:9464"), (6, "evaluator.quiet", "250ms"),
          (7, "scheduler.attempts", "1 to 100"), (8, "colour", "kafkaProperties.NAME"),
        ])
    }

    @Test func brokenVariablesAreListedTogether() async throws {
      let outcome = try await stack.sv0(
        ["run"], ["SV0_LOG_LEVEL": "loud", "SV0_SCHEDULER_LEASE": "long"])
      #expect(outcome.status == 78)
      #expect(outcome.errors.contains("SV0_LOG_LEVEL: expected one of"))
      #expect(outcome.errors.contains("SV0_SCHEDULER_LEASE: expected a duration"))
    }
  }
}
