import Foundation
import Model
import Testing

extension EndToEnd {
  /// Suites around one account that has been scanned once.
  @Suite(.scannedStack("scanned")) enum Scanned {}
}

extension EndToEnd.Scanned {
  /// The graph against the account.
  @Suite struct GraphTests {
    private let stack: Stack

    init() throws { stack = try .current }

    @Test func theGraphIsTheAccountObjectByObject() async throws {
      async let listing = stack.account.listing()
      let nodes = try await stack.json(["graph", "nodes"]).map { node in
        ["node"] + ["kind", "type", "id", "name"].map { node[$0]?.string ?? "?" }
      }
      let edges = try await stack.json(["graph", "edges"]).map { edge in
        ["edge"] + ["kind", "from", "to", "discriminator"].map { edge[$0]?.string ?? "?" }
      }
      let graph = Set((nodes + edges).map { $0.joined(separator: "\t") })
      #expect(graph.count == nodes.count + edges.count, "an object is listed twice")
      let account = try await listing
      #expect(account.subtracting(graph).sorted() == [], "missing in the graph")
      #expect(graph.subtracting(account).sorted() == [], "not in the account")
      #expect(account.count > 300)
    }

    @Test func aScanWithoutChangeWritesNothing() async throws {
      let before = try await Written(stack)
      _ = try await stack.scan().succeeded("the scan")
      let after = try await Written(stack)
      #expect(after == before)
      #expect(before.nodes.first?.hasPrefix("0|") == false)
    }

    @Test func aDeletedRoleIsClosedAndItsFindingResolved() async throws {
      let role = stack.account.role("vendor-metrics")
      let ours = "tenant = '\(Stack.tenant)'"
      let said = try await stack.query(
        """
        SELECT 'node', id FROM sv0.nodes
        WHERE \(ours) AND object = '\(role)' AND closed_epoch IS NULL
        UNION ALL SELECT 'edge', kind || from_id || to_id FROM sv0.edges
        WHERE \(ours) AND object = '\(role)' AND closed_epoch IS NULL ORDER BY 1, 2
        """)
      #expect(said.count == 3 + 3)  // role, trust, inline policy; their edges and the owner's
      let version =
        try await stack.query(
          "SELECT graph_version FROM sv0.tenants WHERE \(ours)"
        ).first ?? ""

      try await stack.account.change("delete-role", "vendor-metrics")
      _ = try await stack.scan().succeeded("the scan")

      let closed = try await stack.query(
        """
        SELECT 'node', id FROM sv0.nodes WHERE \(ours) AND closed_version > \(version)
        UNION ALL SELECT 'edge', kind || from_id || to_id FROM sv0.edges
        WHERE \(ours) AND closed_version > \(version) ORDER BY 1, 2
        """)
      #expect(closed == said, "exactly what the role's record said is closed")
      let opened = try await stack.query(
        """
        SELECT id FROM sv0.nodes WHERE \(ours) AND opened_version > \(version)
        UNION ALL SELECT to_id FROM sv0.edges WHERE \(ours) AND opened_version > \(version)
        """)
      #expect(opened == [])
      let finding = try await wait(for: "the webhook to hear that it is resolved") {
        try stack.deliveries().last { $0.subject == role && $0.status == 204 }
          .flatMap { $0.state == "resolved" ? $0 : nil }
      }
      #expect(finding.rule == "external-trust")
    }
  }

  /// What a scan may have written, down to the database's row versions.
  struct Written: Equatable {
    let nodes, edges, findings, documents: [String]
    let digest: String
    let published: Int

    init(_ stack: Stack) async throws {
      try await stack.findingsArePublished()
      nodes = try await Self.rows("nodes", stack)
      edges = try await Self.rows("edges", stack)
      findings = try await Self.rows("finding_versions", stack)
      documents = try await Self.rows("documents", stack)
      digest = try await stack.sv0(["graph", "digest"]).succeeded("graph digest").output
      let source = "sv0://\(Stack.tenant)/evaluator"
      published = try await Topics(stack.kafka).messages(of: Topic.findings)
        .count { $0.header("ce_source") == source }
    }

    private static func rows(_ table: String, _ stack: Stack) async throws -> [String] {
      try await stack.query(
        """
        SELECT count(*), md5(string_agg(ctid::text || xmin::text, ',' ORDER BY ctid))
        FROM sv0.\(table) WHERE tenant = '\(Stack.tenant)'
        """)
    }
  }
}

/// A delivery to the webhook whose signature was verified.
struct Delivery {
  let id: String
  let status: Int
  let body: JSON

  var version: String { body["metadata"]?["uid"]?.string ?? "?" }
  var tenant: String { body["metadata"]?["tenant_uid"]?.string ?? "?" }
  var rule: String { body["unmapped"]?["rule"]?.string ?? "?" }
  var state: String { body["unmapped"]?["state"]?.string ?? "?" }
  var subject: String {
    guard case .array(let resources)? = body["resources"] else { return "?" }
    return resources.first?["uid"]?.string ?? "?"
  }
}

extension Stack {
  /// What the webhook received so far, in order.
  func deliveries() throws -> [Delivery] {
    let bytes = FileManager.default.contents(atPath: "\(folder)/received.ndjson") ?? Data()
    let text = String(decoding: bytes, as: UTF8.self)
    let whole = text.prefix(upTo: text.lastIndex(of: "\n") ?? text.startIndex)
    return try Outcome(status: 0, output: String(whole), errors: "").json.map { line in
      guard case .integer(let status)? = line["status"] else { throw Unmet("a status") }
      return Delivery(
        id: line["id"]?.string ?? "?", status: Int(status), body: line["body"] ?? .null)
    }
  }

  /// Waits until every version of a finding is on its topic.
  func findingsArePublished() async throws {
    try await wait(until: "the outbox to be empty") {
      try await query("SELECT count(*) FROM sv0.outbox") == ["0"]
    }
  }
}
