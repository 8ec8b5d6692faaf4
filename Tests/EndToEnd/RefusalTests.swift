import Foundation
import Model
import Testing

extension EndToEnd.Scanned {
  /// Parts of an account that cannot be read: nothing is removed for it, and everybody is told.
  @Suite struct RefusalTests {
    private static let functions = "aws.lambda.function@\(Account.region)"
    private static let fannedOut = ["aws.lambda.policy", "aws.lambda.url"].map {
      "\($0)@\(Account.region)"
    }
    private let stack: Stack

    init() throws { stack = try .current }

    @Test func aRefusedListingDeletesNothingAndSaysWhatIsMissing() async throws {
      let before = try await stack.openRows()
      try stack.aws.fail([FaultProxy.listFunctions: .deny])
      let scan = try await stack.scan("aws.lambda.*")
      #expect(scan.status == 1)
      let outcomes = try CollectionOutcome.all(in: scan)
      for collection in [Self.functions] + Self.fannedOut {
        #expect(outcomes[collection]?.outcome == "denied", "\(collection)")
        #expect(outcomes[collection]?.missing == ["lambda:ListFunctions"], "\(collection)")
        #expect(outcomes[collection]?.message.isEmpty == false, "\(collection)")
      }
      #expect(outcomes["aws.lambda.eventSourceMapping@\(Account.region)"]?.outcome == "complete")
      #expect(try await stack.openRows() == before)

      let function = stack.account.function("invoice-webhook")
      let finding = try await stack.finding(of: function, rule: "public-trigger")
      #expect(finding.state != "resolved")
      #expect(finding.missing.contains { $0.contains(Self.functions) }, "\(finding.missing)")

      try stack.aws.fail()
      _ = try await stack.scan("aws.lambda.*").succeeded("the scan with the permission")
      #expect(try await stack.openRows() == before)
      #expect(try await stack.finding(of: function, rule: "public-trigger").missing == [])
    }

    @Test func anUnreachableListingFailsAndDeletesNothing() async throws {
      let before = try await stack.openRows(tenant: Unreachable.tenant)
      #expect(before.count > 100)
      let unreachable = try #require(Unreachable.begun)
      let status = try await unreachable.scan.ended(within: .seconds(120))
      #expect(status == 1)
      let outcomes = try CollectionOutcome.all(
        in: Outcome(status: status, output: unreachable.scan.written, errors: ""))
      for collection in [Self.functions] + Self.fannedOut {
        #expect(outcomes[collection]?.outcome == "failed", "\(collection)")
        #expect(outcomes[collection]?.missing == [], "\(collection)")
        #expect(outcomes[collection]?.message.isEmpty == false, "\(collection)")
      }
      #expect(outcomes["aws.lambda.eventSourceMapping@\(Account.region)"]?.outcome == "complete")
      #expect(try await stack.openRows(tenant: Unreachable.tenant) == before)
    }
  }
}

/// A scan whose listing of functions gets no answer. It gives up only after a minute of trying, so
/// it begins with the suites and goes on beside them.
struct Unreachable: Sendable {
  @TaskLocal static var begun: Unreachable?
  static let tenant = "unreachable"

  let aws: FaultProxy
  let scan: Child

  init(_ stack: Stack) async throws {
    aws = try await FaultProxy("unreachable", before: stack.account.moto, in: stack.folder)
    try await stack.applyConnection(tenant: Self.tenant, endpoint: aws.endpoint)
    _ = try await stack.scan("aws.lambda.*", tenant: Self.tenant).succeeded("the scan before")
    try aws.fail([FaultProxy.listFunctions: .cut])
    scan = try stack.start(
      "unreachable", Stack.scanning(["aws.lambda.*"], tenant: Self.tenant))
  }

  func stop() async throws {
    try await finally(aws.stop) {
      scan.signal(SIGKILL)
      _ = try await scan.ended()
    }
  }
}

/// How a collection ended, as `scan start --wait` prints it.
struct CollectionOutcome {
  let outcome: String
  let missing: [String]
  let message: String

  static func all(in scan: Outcome) throws -> [String: CollectionOutcome] {
    let pairs = try scan.json.map { line in
      (
        line["collection"]?.string ?? "?",
        CollectionOutcome(
          outcome: line["outcome"]?.string ?? "?", missing: line["missing"]?.strings ?? ["?"],
          message: line["message"]?.string ?? "")
      )
    }
    return Dictionary(pairs) { $1 }
  }
}

/// A finding as it is now.
struct CurrentFinding {
  let state: String
  let missing: [String]
}

extension Stack {
  func finding(of subject: String, rule: String) async throws -> CurrentFinding {
    let findings = try await json(["findings", "--all"])
    let found = findings.first { event in
      guard case .array(let resources)? = event["resources"] else { return false }
      return resources.first?["uid"]?.string == subject
        && event["unmapped"]?["rule"]?.string == rule
    }
    let more = try #require(found?["unmapped"], "\(rule) of \(subject) is gone")
    return CurrentFinding(
      state: more["state"]?.string ?? "?", missing: more["missing"]?.strings ?? [])
  }

  /// Every open node and edge, with its content's hash.
  func openRows(tenant: String = tenant) async throws -> [String] {
    try await query(
      """
      SELECT collection, object, id, encode(hash, 'hex') FROM sv0.nodes
      WHERE tenant = '\(tenant)' AND closed_epoch IS NULL
      UNION ALL
      SELECT collection, object, kind || ' ' || from_id || ' ' || to_id || ' ' || discriminator,
        encode(hash, 'hex') FROM sv0.edges WHERE tenant = '\(tenant)' AND closed_epoch IS NULL
      ORDER BY 1, 2, 3
      """)
  }
}

extension JSON {
  /// The texts of an array.
  var strings: [String] {
    guard case .array(let elements) = self else { return [] }
    return elements.compactMap(\.string)
  }
}
