import Model
import Testing

@testable import Evaluation

@Suite struct GraphTests {
  @Test func theOrderOfRowsChangesNothing() {
    var estate = Estate(accounts: [Estate.account, "444455556666"])
    let role = estate.role("deploy", policies: [Policy.everything])
    estate.role("r2", trust: Policy.document(Policy.trust(#"{"AWS":"999900001111"}"#)))
    estate.function(
      "hello", role: role, url: "NONE",
      policy: Policy.document(Policy.allow("lambda:*", to: "\"*\"")))
    estate.role("other", policies: [Policy.everything], account: "444455556666")
    let expected = estate.evaluation.changes(since: []).map(\.event.text)
    #expect(expected.count == 4)
    for _ in 0..<10 {
      estate.nodes.shuffle()
      estate.edges.shuffle()
      #expect(estate.evaluation.changes(since: []).map(\.event.text) == expected)
    }
  }

  @Test func aNameWithTwoDefinersIsAConflictAndJoinsNothing() {
    var estate = Estate()
    for id in ["one", "two"] {
      estate.add(
        Node(id: id, kind: .system, type: "test.thing", name: id, defines: ["https-host:x"]), id,
        "test.thing", Estate.account)
    }
    estate.add(Edge(.targets, from: "c", to: "https-host:x"), "c", "test.c", Estate.account)
    let graph = estate.graph
    #expect(graph.conflicts == ["https-host:x": ["one", "two"]])
    #expect(graph.node(named: "https-host:x") == nil)
    #expect(graph.edges(.targets, from: "c").first?.to == "https-host:x")
  }

  /// Every account reports the AWS-managed policies it uses; its own report is the evidence.
  @Test func aSharedNodeIsCitedFromTheSubjectsOwnScope() {
    let other = "444455556666"
    var estate = Estate(accounts: [Estate.account, other])
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    for account in [Estate.account, other] {
      estate.managed(policy, Policy.everything, awsManaged: true, account: account)
      estate.attach(policy, to: estate.role("admin", account: account), account: account)
    }
    let findings = estate.findings("unbounded-scope")
    #expect(findings.count == 2)
    for finding in findings {
      let scopes = Set(finding.chain.flatMap(\.receipts).map(\.scope))
      #expect(scopes == [finding.scope.description])
    }
    // Detaching is the change that mends it, so the cause differs by role.
    #expect(findings[0].cause != findings[1].cause)
  }
}
