import Model
import Testing

@testable import Evaluation

/// What a system holds, by what is known of it.
@Suite struct DataClassifierTests {
  private static let account = Estate.account

  private func domains(
    _ name: String, _ type: String = "aws.s3.bucket", tags: [String: JSON] = [:],
    state: [String: JSON] = [:]
  ) -> [String] {
    var estate = Estate()
    let node = Node(
      id: "arn:aws:test:::\(name)", kind: .system, type: type, name: name,
      state: state.merging(["tags": .object(tags)]) { own, _ in own })
    estate.add(node, name, type, Self.account)
    return estate.semantics.systems.holdings["arn:aws:test:::\(name)"].map {
      "\($0.to.dropFirst(12))"
    }
  }

  @Test(arguments: [
    ("acme-hr-payroll", ["hr"]), ("acmeCustomerInvoices", ["customer", "finance"]),
    ("audit_logs2", ["logs"]), ("employee-salaries", ["hr"]),
    // Parts of words are not words.
    ("product-catalogs", []), ("shrimps", []), ("login-pages", []), ("three", []),
    // Words that mean something else as often.
    ("user-thumbnails", []), ("client-assets", []), ("health-checks", []),
  ])
  func wholeWordsOfANameSayIt(name: String, expected: [String]) {
    #expect(domains(name) == expected)
  }

  @Test func theKindOfAServiceSaysMoreThanAName() {
    #expect(domains("prod/payments/database", "aws.secretsmanager.secret") == ["secrets"])
    #expect(domains("site", "aws.ecr.repository") == ["source-code"])
    #expect(
      domains("/hr/db", "aws.ssm.parameter", state: ["type": "SecureString"]) == ["secrets"])
    #expect(domains("/hr/db", "aws.ssm.parameter", state: ["type": "String"]).isEmpty)
    #expect(domains("hr", "aws.lambda.layerVersion").isEmpty)
  }

  @Test func aTagThatNamesTheDomainWins() {
    #expect(domains("acme-hr", tags: ["Data_Domain": "Finance"]) == ["finance"])
    #expect(domains("acme-hr", tags: ["data-domain": "none"]).isEmpty)
    #expect(
      domains("x", "aws.secretsmanager.secret", tags: ["data-domain": "source-code"])
        == ["source-code"])
    // What nobody understands says nothing.
    #expect(domains("acme-hr", tags: ["data-domain": "d-17"]) == ["hr"])
  }

  @Test func aTagThatClassifiesAddsToAName() {
    #expect(domains("blobs", tags: ["data-classification": "Restricted"]) == ["confidential"])
    #expect(domains("blobs", tags: ["DataClassification": "pii"]).isEmpty)
    #expect(domains("blobs", tags: ["classification": "PII"]) == ["customer"])
    #expect(domains("acme-hr", tags: ["data-classification": "confidential"]) == ["hr"])
    #expect(domains("hr-brochures", tags: ["data-classification": "public"]).isEmpty)
    #expect(
      domains("x", "aws.kms.key", tags: ["data-classification": "public"]) == ["secrets"])
  }

  @Test func whereATrailWritesAreLogs() throws {
    var estate = Estate()
    estate.resource("arn:aws:s3:::acme-archive", "aws.s3.bucket", policy: nil)
    let trail = "arn:aws:cloudtrail:eu-west-1:\(Self.account):trail/all"
    estate.add(
      Node(id: trail, kind: .automation, type: "aws.cloudtrail.trail", name: "all"), trail,
      "aws.cloudtrail.trail@eu-west-1", Self.account)
    estate.add(
      Edge(.invokes, from: trail, to: "arn:aws:s3:::acme-archive", discriminator: "archive"),
      trail, "aws.cloudtrail.trail@eu-west-1", Self.account)
    let hop = try #require(estate.semantics.systems.holdings["arn:aws:s3:::acme-archive"].first)
    #expect(hop.to == "data-domain:logs")
    let chain = estate.graph.chain(AuthorityPath([hop]))
    #expect(
      chain.map(\.sentence) == [
        "acme-archive: system (aws.s3.bucket) arn:aws:s3:::acme-archive",
        "all invokes acme-archive", "acme-archive holds logs data: all writes to it",
        "data-domain:logs: data domain (logs)",
      ])
    #expect(chain[2].basis == .structural && chain[2].isDerived && !chain[2].receipts.isEmpty)
  }
}
