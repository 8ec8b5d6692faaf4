import Foundation
import Model
import Testing

extension EndToEnd {
  /// An organization of two hundred accounts, and two extractors that share it.
  @Suite(.organization(accounts: 200), .organizationWorkers) struct OrganizationTests {
    private let stack: Stack
    private let workers: Workers
    private let organization: Organization
    /// Each look is a process of its own, and two hundred accounts take a while.
    private let pause = Duration.milliseconds(500)

    init() throws {
      stack = try .current
      workers = try .current
      organization = try .current
    }

    @Test func killingAnExtractorLosesNothingAndRepeatsOnlyWhatItHadInWork() async throws {
      let suspended = try #require(organization.accounts.last)
      try await organization.change("close", suspended)
      try await connect()
      try await scan()
      try await wait(until: "forty accounts to be read", upTo: .seconds(120), every: pause) {
        try await count("runs WHERE state NOT IN ('queued', 'dispatched', 'leased', 'skipped')")
          >= 40
      }
      try await workers.killAndRestart("extractor-b")
      let readable = organization.accounts.count - 1
      try await wait(until: "all accounts to be applied", upTo: .seconds(180), every: pause) {
        try await count("runs WHERE state IN ('applied', 'evaluated')") >= readable
      }
      // Nothing is lost: every account's user, key and queue are in the graph, once.
      let nodes = try await stack.query(
        """
        SELECT type, count(*), count(DISTINCT scope) FROM sv0.nodes WHERE closed_epoch IS NULL
        AND type IN ('aws.iam.accessKey', 'aws.sqs.queue') GROUP BY 1 ORDER BY 1
        """)
      #expect(
        nodes == [
          "aws.iam.accessKey|\(readable)|\(readable)", "aws.sqs.queue|\(readable)|\(readable)",
        ])
      #expect(
        try await count("run_collections WHERE outcome <> 'complete'") == 0)
      // Four at a time is what an extractor has in work.
      let repeated = try await stack.query(
        "SELECT count(*) FROM sv0.runs WHERE failures > 0 AND state <> 'skipped'")
      #expect((Int(repeated.first ?? "") ?? 99) <= 4)
      #expect(
        try await stack.query("SELECT scope, reason FROM sv0.runs WHERE state = 'skipped'")
          == ["acme/organization/aws/\(suspended)|the account is suspended"])
      try await aNewAccountIsPickedUp()
      try await wait(until: "everything to be judged", upTo: .seconds(120), every: pause) {
        try await count("runs WHERE state NOT IN ('evaluated', 'skipped')") == 0
      }
      try await stack.findingsArePublished()
    }

    private func aNewAccountIsPickedUp() async throws {
      let new = try #require(try await organization.change("add").first)
      try await scan("--account", new)
      try await wait(until: "the new account to be applied", upTo: .seconds(60), every: pause) {
        try await count(
          "runs WHERE scope LIKE '%/\(new)' AND state IN ('applied', 'evaluated')") == 1
      }
    }

    private func connect() async throws {
      let path = try stack.write(
        """
        tenant: acme
        connection: organization
        platform: aws
        settings:
          organization:
            discoveryRole: arn:aws:iam::\(organization.accounts[0]):role/Discovery
          roleName: SecurityV0ReadOnly
          regions: [\(Account.region)]
          endpoint: \(stack.aws.endpoint)
        credentials:
          {type: assume_role, externalId: "env:END_TO_END_EXTERNAL_ID", base: {type: environment}}
        """, to: "organization.yaml")
      _ = try await stack.sv0(["connection", "apply", "-f", path]).succeeded("connection apply")
    }

    private func scan(_ more: String...) async throws {
      _ = try await stack.sv0(
        [
          "scan", "start", "--connection", "organization", "--tenant", "acme",
          "--collection", "aws.iam.accessKey", "--collection", "aws.sqs.queue",
        ] + more
      ).succeeded("scan start")
    }

    private func count(_ rows: String) async throws -> Int {
      try #require(Int(try await stack.query("SELECT count(*) FROM sv0.\(rows)").first ?? ""))
    }
  }
}

/// An organization in a moto of its own; see `organization.py`.
final class Organization: Sendable {
  @TaskLocal static var shared: Organization?

  static var current: Organization {
    get throws { try #require(shared, "the suite has no .organization trait") }
  }

  /// The management account is the first.
  let accounts: [String]
  let moto: String
  private let folder: String

  fileprivate init(of count: Int, at moto: String, in folder: String) async throws {
    self.moto = moto
    self.folder = folder
    accounts = try await Self.python(["build", "\(count)"], moto, folder)
  }

  /// - Returns: the lines that the command prints.
  @discardableResult
  func change(_ arguments: String...) async throws -> [String] {
    try await Self.python(arguments, moto, folder)
  }

  private static func python(
    _ arguments: [String], _ moto: String, _ folder: String
  ) async throws -> [String] {
    try await Outcome.of(
      "organization", Place.python, ["\(Place.tests)/organization.py"] + arguments,
      ["SV0_MOTO": moto], in: folder
    ).succeeded("organization.py").lines
  }
}

/// Makes the organization around a suite; its stack scans it.
struct OrganizationScope: SuiteTrait, TestScoping {
  let accounts: Int

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let outer = try #require(Account.shared, "the suite is not part of EndToEnd")
    let folder = "\(outer.folder)-accounts"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let (process, moto) = try await Estate.startMoto(in: folder)
    try await finally(process.stop) {
      let organization = try await Organization(of: accounts, at: moto, in: folder)
      let account = Account(
        id: organization.accounts[0], moto: moto, folder: outer.folder)
      try await Account.$shared.withValue(account) {
        try await Organization.$shared.withValue(organization) { try await function() }
      }
    }
  }
}

extension Trait where Self == OrganizationScope {
  static func organization(accounts: Int) -> Self { OrganizationScope(accounts: accounts) }
}

extension Trait where Self == StackScope {
  /// As many runs are given out as two extractors take at a time, and a few.
  static var organizationWorkers: Self {
    StackScope(name: "organization") { stack, body in
      let workers = try await Workers(stack)
      try await finally({ try await workers.stop() }) {
        try workers.start("scheduler", ["SV0_SCHEDULER_IN_FLIGHT": "24"])
        let others = ["extractor", "extractor-b", "transformer", "loader", "evaluator"]
        for name in others { try workers.start(name) }
        try await workers.areReady(others + ["scheduler"])
        try await Workers.$shared.withValue(workers) {
          try await Stack.$shared.withValue(stack) { try await body() }
        }
      }
    }
  }
}
