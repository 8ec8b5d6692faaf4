import Foundation
import Model
import Testing

@testable import LocalStack

extension EndToEnd {
  /// The demo's organization: beside the way to an account's administrators that is open, ways that
  /// a control policy, a boundary, a condition or a switch blocks.
  @Suite(.demoOrganization, .demoScan) struct LookAlikeTests {
    private let stack: Stack

    init() throws { stack = try .current }

    @Test func onlyTheRealWayIsEffective() async throws {
      let member = stack.account.id
      let administrators = "aws:account:\(member)#administrators"
      var strengths: [String: String] = [:]
      for way in try await stack.json(["who-can", administrators]) {
        guard case .array(let hops)? = way["hops"], let start = hops.first?["from"]?.string,
          start.contains(":\(member):")
        else { continue }
        strengths[start] = way["result"]?.string
      }
      #expect(
        strengths == [
          stack.account.role("workload-admin"): "allowed",
          stack.account.role("release-runner"): "allowed",
          stack.account.function("release-runner"): "allowed",
          "arn:aws:sqs:\(Account.region):\(member):releases": "allowed",
          stack.account.role("night-operator"): "conditional",
          stack.account.function("night-operator"): "conditional",
        ])
      let findings = try await stack.query(
        """
        SELECT subject, severity FROM sv0.findings
        WHERE rule = 'escalation-path' AND scope LIKE '%/\(member)' AND state <> 'resolved'
        ORDER BY 1
        """)
      #expect(
        findings == [
          "\(stack.account.role("night-operator"))|medium",
          "\(stack.account.role("release-runner"))|high",
        ])
    }

    /// Without evaluating, and as it is found by asking.
    @Test func whoComesToTheAdministratorsIsStored() async throws {
      let member = stack.account.id
      let stored = try await stack.json([
        "exposure", "--to", "aws:account:\(member)#administrators", "--strength", "conditional",
      ]).filter { $0["identity"]?.string?.contains(":\(member):") ?? false }
      let strengths = stored.map { path in
        "\(path["identity"]?.string ?? "?") \(path["strength"]?.string ?? "?")"
      }
      #expect(
        strengths == [
          "\(stack.account.role("release-runner")) effective",
          "\(stack.account.role("workload-admin")) effective",
          "\(stack.account.function("release-runner")) effective",
          "\(stack.account.role("night-operator")) conditional",
          "\(stack.account.function("night-operator")) conditional",
        ])
      #expect(stored.allSatisfy { $0["since"]?.string != nil && $0["until"] == .null })
      let own = try await stack.sv0(["exposure", "--identity", "role/release-runner"])
        .succeeded("exposure").output
      #expect(own.contains("data-domain:hr") && own.contains("release-runner can"))
      let none = try await stack.sv0(["exposure", "--identity", "role/report-builder"])
      #expect(none.status == 1, "\(none.output)")
    }

    /// Why not, in the words of the statement that blocks it.
    @Test func whatBlocksALookAlikeIsExplained() async throws {
      let admin = stack.account.role("workload-admin")
      for (name, action, resource, reason) in [
        ("access-provisioner", "iam:PutRolePolicy", admin, "identities-stay"),
        ("report-builder", "sts:AssumeRole", admin, "permissions boundary: none of 1 allows it"),
      ] {
        let why = try await stack.sv0(["explain", "role/\(name)", action, resource])
          .succeeded("explain").output
        #expect(why.contains("\(resource): denied"), "\(name): \(why)")
        #expect(why.contains(reason), "\(name): \(why)")
      }
    }

    @Test func thePayrollIsReachedByWhoBecomesAnAdministratorOnly() async throws {
      let picture = try await stack.sv0([
        "path", "function:release-runner", "data-domain:hr", "--all", "--output", "svg",
      ]).succeeded("path").output
      #expect(picture.hasPrefix("<svg ") && picture.contains(">workload-admin</text>"))
      let none = try await stack.sv0(["path", "function:report-builder", "data-domain:hr"])
      #expect(none.status == 1, "\(none.output)")
    }
  }
}

/// Builds the demo's organization around a suite; its account is the second one.
struct DemoOrganizationScope: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let outer = try #require(Account.shared, "the suite is not part of EndToEnd")
    let folder = "\(outer.folder)-demo"
    let moto = try await LocalStack.up(
      directory: folder, services: [.moto], settings: Place.serverSettings
    ).variables["SV0_MOTO"]
    try await finally({ try await LocalStack.down(directory: folder) }) {
      let address = try #require(moto)
      var said = ""
      for script in ["estate.py", "workloads.py"] {
        said = try await Outcome.of(
          script, Place.python, ["\(Place.root)/deploy/demo/\(script)"],
          ["SV0_MOTO": address], in: folder
        ).succeeded(script).output
      }
      let member = try #require(said.firstMatch(of: /Account (\d{12})/)).1
      let account = Account(id: String(member), moto: address, folder: outer.folder)
      try await Account.$shared.withValue(account) { try await function() }
    }
  }
}

extension Trait where Self == DemoOrganizationScope {
  static var demoOrganization: Self { DemoOrganizationScope() }
}

extension Trait where Self == StackScope {
  /// Scanned once, as the demo's connection file says.
  static var demoScan: Self {
    StackScope(name: "look-alikes") { stack, body in
      let file = "\(Place.root)/deploy/demo/connection.yaml.in"
      let connection = try String(contentsOfFile: file, encoding: .utf8)
        .replacing("@MOTO@", with: stack.aws.endpoint)
        .replacing("ACME_EXTERNAL_ID", with: "END_TO_END_EXTERNAL_ID")
      let path = try stack.write(connection, to: "demo.yaml")
      _ = try await stack.sv0(["connection", "apply", "-f", path]).succeeded("connection apply")
      let workers = try stack.start("workers", ["run"])
      try await finally({ try await workers.drain() }) {
        _ = try await stack.scan().succeeded("the scan")
        try await body()
      }
    }
  }
}
