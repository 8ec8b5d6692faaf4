import Extraction
import Foundation
import Model
import Testing

@testable import AWSConnector

/// The bookkeeping of operations, and the permissions that follow from the catalog.
@Suite struct CoverageTests {
  private struct Row {
    var need, operation, signingName, host, method, path, target, cursor, action: String
  }

  /// The table of operations where it is at hand: `SV0_SHARED`, or `shared` beside the repository.
  private static let table: [Row] = {
    let repository = RecordFixture.folder.appending(path: "../../..").standardized
    let shared =
      ProcessInfo.processInfo.environment["SV0_SHARED"].map { URL(filePath: $0) }
      ?? repository.appending(path: "../shared").standardized
    let file = shared.appending(path: "platforms/aws-operations.csv")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.split(whereSeparator: \.isNewline).dropFirst().compactMap { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard fields.count > 25 else { return nil }
      return Row(
        need: fields[1], operation: "\(fields[3]):\(fields[4])", signingName: fields[7],
        host: String(fields[9].split(separator: "/").dropFirst().first ?? ""), method: fields[11],
        path: fields[12], target: fields[13], cursor: fields[18], action: fields[25])
    }
  }()

  /// The IAM action of each operation of the table.
  static let actions: [String: String] = Dictionary(
    table.map { ($0.operation, $0.action) }
  ) { first, _ in first }

  /// Passes without the table too.
  @Test func everyNeededOperationIsAccountedFor() {
    let known = Set(AWSCoverage.all.map(\.operation))
    for row in Self.table where ["core", "path"].contains(row.need) {
      #expect(known.contains(row.operation), "\(row.operation)")
    }
  }

  /// What is called is called as AWS's service models and its table of permissions say.
  @Test func callsAreThoseOfTheTable() {
    for row in Self.table {
      guard let operation = CatalogMatch.operation(row.operation) else { continue }
      #expect(operation.action == row.action, "\(row.operation)")
      #expect(operation.service.signingName == row.signingName, "\(row.operation)")
      let cursor = operation.paging?.input.replacing("-", with: "") ?? ""
      // Of some only the newest is asked for.
      if operation.fixed["maxResults"] != 1 {
        #expect(cursor.lowercased() == row.cursor.lowercased(), "\(row.operation)")
      }
      if !["s3", "s3control"].contains(row.operation.prefix { $0 != ":" }) {
        #expect(operation.service.host(in: "us-east-1") == row.host, "\(row.operation)")
      }
      switch operation.service.wire {
      case .query, .ec2: continue
      case .json(let target, _): #expect("\(target).\(operation.name)" == row.target)
      case .restJSON, .restXML:
        #expect((operation.method == .get ? "GET" : "POST") == row.method, "\(row.operation)")
        #expect(Self.shape(operation.path) == Self.shape(row.path), "\(row.operation)")
      }
    }
  }

  /// A path whose placeholders have no names.
  private static func shape(_ path: String) -> String {
    path.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("{") ? "{}" : String($0) }.joined(separator: "/")
  }

  @Test func nothingIsAccountedForTwice() {
    let others =
      Array(AWSCoverage.covered.keys) + AWSCoverage.exempted.flatMap(\.operations)
    #expect(Set(others).count == others.count)
    #expect(AWSCoverage.inCatalog.isDisjoint(with: others))
  }

  /// By AWS's service models: `shapes.py` next to this file.
  @Test func whatCoversHasTheField() throws {
    let known = AWSCoverage.inCatalog.union(AWSCoverage.authenticating)
    var lines = ""
    for (operation, cover) in AWSCoverage.covered.sorted(by: { $0.key < $1.key }) {
      #expect(known.contains(cover.by), "\(operation) by \(cover.by)")
      lines += "\(cover.by) \(cover.field)\n"
    }
    let environment = try #require(
      ProcessInfo.processInfo.environment["SV0_VENV"],
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)")
    let (process, input, output) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = [
      URL(filePath: #filePath).deletingLastPathComponent().appending(path: "shapes.py").path
    ]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
    try input.fileHandleForWriting.close()
    let lacking = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(String(decoding: lacking, as: UTF8.self) == "")
  }

  /// What the records and golden files are made from has the shapes of AWS's service models:
  /// `answers.py` next to this file.
  @Test func theFakeAccountAnswersAsAWSDoes() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: RecordFixture.folder.path)
      .filter { $0.hasPrefix("answers.") }.sorted()
    let program = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "answers.py")
    let output = try RoleTemplateTests.python(
      [program.path] + names.map { RecordFixture.folder.appending(path: $0).path })
    #expect(!names.isEmpty && output == "")
  }

  /// As `sv0 catalog aws` prints them.
  @Test func theCatalogSaysHowACollectionIsReadAndWhyACallIsNotMade() {
    let catalog = FakeAWS.connector.catalog
    let source = "systems-manager/latest/APIReference/API_DescribeParameters.html"
    let expected: JSON = [
      "collection": "aws.ssm.parameter", "regional": true, "kind": "full",
      "redaction": "allowed patterns: dropped",
      "operations": [
        [
          "service": "ssm", "operation": "DescribeParameters", "regional": true,
          "permission": "ssm:DescribeParameters",
          "source": .string("https://docs.aws.amazon.com/" + source),
          "pagination": ["cursor": "NextToken", "next": "NextToken", "limit": 50],
        ]
      ],
    ]
    #expect(catalog.collections.first { $0.name == "aws.ssm.parameter" }?.json == expected)
    let coverage = Dictionary(
      uniqueKeysWithValues: catalog.coverage.map { ($0.operation, $0.json) })
    #expect(coverage["ssm:DescribeParameters"]?["coverage"]?.string == "called")
    #expect(coverage["sts:AssumeRole"]?["coverage"]?.string == "authentication")
    let covered: JSON = [
      "operation": "iam:GetRole", "coverage": "coveredBy",
      "coveredBy": "iam:GetAccountAuthorizationDetails",
      "field": "RoleDetailList.AssumeRolePolicyDocument",
    ]
    #expect(coverage["iam:GetRole"] == covered)
    #expect(coverage["kms:Decrypt"]?["reason"]?.string?.contains("archive") == true)
  }

  /// What is granted by default is what the default collections call: no more, no less.
  @Test func permissionsFollowFromTheCatalog() {
    let catalog = FakeAWS.connector.catalog
    let all = catalog.permissions()
    let agreed = catalog.permissions { !$0.isRoadmap }
    #expect(all == Set(all).sorted { $0.precedes($1) })
    #expect(Set(agreed).isSubset(of: all))
    #expect(agreed.contains("s3:ListAllMyBuckets") && !agreed.contains("kms:GetKeyPolicy"))
    #expect(all.contains("kms:GetKeyPolicy") && !all.contains("sts:AssumeRole"))
    let writing = ["Create", "Delete", "Put", "Update", "Start", "Attach", "Invoke", "Run", "Send"]
    for permission in all {
      let name = permission.split(separator: ":").last ?? ""
      #expect(!writing.contains { name.hasPrefix($0) }, "\(permission)")
    }
  }
}
