import Cryptography
import Foundation
import JSONReader
import KafkaClient
import Model
import Testing

@testable import LocalStack

/// A broker, a database, a failing AWS and a webhook receiver of one suite.
final class Stack: Sendable {
  @TaskLocal static var shared: Stack?

  static var current: Stack {
    get throws { try #require(shared, "the suite has no .stack trait") }
  }

  let account: Account
  let folder: String
  let kafka: String
  /// What commands and workers are given.
  let environment: [String: String]
  let owner: String
  /// Texts that must never come out anywhere.
  let secrets: [String]
  /// The AWS API that can be told to fail.
  let aws: FaultProxy
  private let receiver: Child

  static let tenant = "acme"

  private init(
    account: Account, folder: String, servers: [String: String], aws: FaultProxy,
    environment: [String: String], secrets: [String], receiver: Child
  ) throws {
    self.account = account
    self.folder = folder
    self.aws = aws
    self.environment = environment
    self.secrets = secrets
    self.receiver = receiver
    kafka = try #require(servers["SV0_KAFKA"])
    owner = try #require(servers["SV0_POSTGRES_OWNER"])
  }

  static func start(_ name: String) async throws -> Stack {
    let account = try #require(Account.shared, "the suite is not part of EndToEnd")
    let folder = "\(account.folder)-\(name)"
    let servers = try await LocalStack.up(
      directory: folder, services: [.broker, .postgres], settings: Place.serverSettings
    ).variables
    do {
      let awsSecret = "aws-secret-\(UUID().uuidString)"
      let externalID = "external-id-\(UUID().uuidString)"
      let webhookSecret = "whsec_" + Base64.encode(try SecureRandom.bytes(24))
      let environment = [
        "SV0_KAFKA": servers["SV0_KAFKA"] ?? "", "SV0_POSTGRES": servers["SV0_POSTGRES"] ?? "",
        "SV0_TENANT": tenant, "SV0_HTTP_LISTEN": "127.0.0.1:0", "SV0_EVALUATOR_QUIET": "200ms",
        "AWS_ACCESS_KEY_ID": "end-to-end", "AWS_SECRET_ACCESS_KEY": awsSecret,
        "END_TO_END_EXTERNAL_ID": externalID, "SV0_DEMO_WEBHOOK_SECRET": webhookSecret,
      ]
      let passwords = ["SV0_POSTGRES", "SV0_POSTGRES_OWNER"].compactMap {
        servers[$0].flatMap(URLComponents.init)?.password
      }
      return try Stack(
        account: account, folder: folder, servers: servers,
        aws: try await FaultProxy("aws", before: account.moto, in: folder),
        environment: environment,
        secrets: [Account.plantedSecret, awsSecret, externalID, webhookSecret] + passwords,
        receiver: try Child(
          "receiver", Place.python,
          ["\(Place.tests)/receiver.py", "\(folder)/received.ndjson"],
          ["SV0_DEMO_WEBHOOK_SECRET": webhookSecret], in: folder))
    } catch {
      try await LocalStack.down(directory: folder)
      throw error
    }
  }

  func stop() async throws {
    try await finally({ try await LocalStack.down(directory: folder) }) {
      try await finally(aws.stop, receiver.stop)
    }
  }
}

// MARK: Set-up

extension Stack {
  /// Migrates, creates the topics, applies a connection and a sink for the tenant.
  func prepare() async throws {
    let asOwner = ["SV0_POSTGRES_OWNER": owner]
    _ = try await sv0(["migrate"], asOwner).succeeded("migrate")
    _ = try await sv0(["topics", "apply"]).succeeded("topics apply")
    try await applyConnection(tenant: Self.tenant)
    try await applySink(tenant: Self.tenant)
  }

  func applyConnection(
    tenant: String, accounts: [String]? = nil, endpoint: String? = nil
  ) async throws {
    try await apply(
      "connection",
      """
      tenant: \(tenant)
      connection: aws-prod
      platform: aws
      settings:
        accounts: [\((accounts ?? [account.id]).map { "\"\($0)\"" }.joined(separator: ", "))]
        roleName: SecurityV0ReadOnly
        regions: [\(Account.region)]
        endpoint: \(endpoint ?? aws.endpoint)
      credentials:
        {type: assume_role, externalId: "env:END_TO_END_EXTERNAL_ID", base: {type: environment}}
      # What `listing.py` lists.
      collections:
        enable:
          - aws.iam.role
          - aws.iam.user
          - aws.iam.group
          - aws.iam.policy
          - aws.iam.accessKey
          - aws.lambda.function
          - aws.lambda.policy
          - aws.lambda.url
          - aws.lambda.eventSourceMapping
          - aws.organizations.account
          - aws.organizations.organization*
          - aws.organizations.policy
          - aws.organizations.resourceControlPolicy
      """)
  }

  func applySink(tenant: String) async throws {
    try await apply(
      "sink",
      """
      tenant: \(tenant)
      name: soc
      type: webhook
      settings: {url: "\(try await receiver.firstLine())"}
      secret: "env:SV0_DEMO_WEBHOOK_SECRET"
      from: beginning
      """)
  }

  private func apply(_ kind: String, _ yaml: String) async throws {
    let path = try write(yaml, to: "\(kind).yaml")
    _ = try await sv0([kind, "apply", "-f", path]).succeeded("\(kind) apply")
  }

  /// Writes a file for a command, and returns its path.
  func write(_ text: String, to name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}

// MARK: Programs

extension Stack {
  /// Runs a command of `sv0` to its end.
  func sv0(_ arguments: [String], _ more: [String: String] = [:]) async throws -> Outcome {
    try await Outcome.of(
      "sv0-\(arguments[0])", Place.sv0, arguments, environment.merging(more) { $1 }, in: folder)
  }

  /// The objects that a command prints.
  func json(_ arguments: [String]) async throws -> [JSON] {
    try await sv0(arguments + ["--output", "json"]).succeeded(arguments[0]).json
  }

  /// Starts workers, or a command that a test goes on beside.
  func start(
    _ name: String, _ arguments: [String], _ more: [String: String] = [:]
  ) throws -> Child {
    try Child(name, Place.sv0, arguments, environment.merging(more) { $1 }, in: folder)
  }

  /// Scans and waits until the findings are recorded.
  func scan(_ collections: String..., tenant: String = tenant) async throws -> Outcome {
    try await sv0(Self.scanning(collections, tenant: tenant))
  }

  static func scanning(_ collections: [String] = [], tenant: String) -> [String] {
    let chosen = collections.flatMap { ["--collection", $0] }
    return ["scan", "start", "--connection", "aws-prod", "--wait", "--timeout", "110s"]
      + ["--tenant", tenant, "--output", "json"] + chosen
  }

  /// What the database says, as its owner, one line a row.
  func query(_ sql: String) async throws -> [String] {
    try await Outcome.of(
      "psql", "\(Place.postgres)/psql", ["-XAtqc", sql, owner], [:], in: folder
    ).succeeded("psql").lines
  }
}

extension Stack {
  /// Shuts the database server down, as fast as it can be without a crash, and starts it again.
  func restartPostgres() async throws {
    let directory = try StackDirectory(path: folder)
    var state = try #require(try directory.readState())
    let index = try #require(state.servers.firstIndex { $0.service == .postgres })
    let server = state.servers[index]
    let arguments = try String(
      contentsOfFile: "/proc/\(server.process.pid)/cmdline", encoding: .utf8
    ).split(separator: "\0").map(String.init)
    await server.process.stop(signal: SIGINT)
    // It refuses to run as root.
    let user = ["--reuid=postgres", "--regid=postgres", "--init-groups"]
    let process = try Launch(
      command: (geteuid() == 0 ? ["/usr/bin/setpriv"] + user : []) + arguments,
      log: directory.log("postgres-restarted")
    ).spawn()
    state.servers[index] = StackState.Server(
      service: .postgres, process: process, isReady: true, variables: server.variables)
    // So that it is stopped with the others.
    try directory.write(state)
    try await wait(until: "Postgres to be back") { (try? await query("SELECT 1")) == ["1"] }
  }
}

extension Outcome {
  var json: [JSON] {
    get throws { try lines.map { JSON(try JSONDocument(parsing: Array($0.utf8)).root) } }
  }
}

// MARK: Suites

/// Gives a suite its own stack, and audits it at the end.
struct StackScope: SuiteTrait, TestScoping {
  let name: String
  let around: @Sendable (Stack, () async throws -> Void) async throws -> Void

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let stack = try await Stack.start(name)
    try await finally({ try await stack.stop() }) {
      try await stack.prepare()
      try await around(stack) {
        try await Stack.$shared.withValue(stack) { try await function() }
      }
      try await Audit(stack).check()
    }
  }
}

extension Trait where Self == StackScope {
  /// A stack whose workers are all in one process, and which has scanned the account once.
  static func scannedStack(_ name: String) -> Self {
    StackScope(name: name) { stack, body in
      let workers = try stack.start("workers", ["run"])
      try await finally({ try await workers.drain() }) {
        _ = try await stack.scan().succeeded("the first scan")
        let unreachable = try await Unreachable(stack)
        try await finally({ try await unreachable.stop() }) {
          try await Unreachable.$begun.withValue(unreachable) { try await body() }
        }
      }
    }
  }
}

/// Does something, and then the last thing, whatever became of the first.
func finally(
  _ last: () async throws -> Void, _ body: () async throws -> Void
) async throws {
  do { try await body() } catch {
    try await last()
    throw error
  }
  try await last()
}
