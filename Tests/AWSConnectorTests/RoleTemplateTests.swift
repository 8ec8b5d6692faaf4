import Extraction
import Foundation
import JSONReader
import Model
import PipelineTesting
import Synchronization
import Testing

@testable import AWSConnector

/// What a customer deploys, against what is called.
@Suite struct RoleTemplateTests {
  private static let repository = RecordFixture.folder.appending(path: "../../..").standardized
  private static let template = repository.appending(path: "deploy/aws/read-only-role.yaml")
  /// On in no account without being asked for, so that the list of regions is read.
  private static let optIn = "me-south-1"

  /// `make catalog` renews them, `SV0_UPDATE_GOLDEN=1` too; then read the difference.
  @Test(arguments: FakeAWS.connector.documents.keys.sorted())
  func whatFollowsFromTheCatalogIsAsCommitted(_ path: String) throws {
    let file = Self.repository.appending(path: path)
    let expected = try #require(FakeAWS.connector.documents[path])
    if ProcessInfo.processInfo.environment["SV0_UPDATE_GOLDEN"] == "1" {
      try Data(expected.utf8).write(to: file)
    }
    let isSame = try String(contentsOf: file, encoding: .utf8) == expected
    #expect(isSame, "\(path) is not what the catalog says; renew it with `make catalog`")
  }

  /// The base and then each parameter: a scan of what it is for calls what it allows, no more and
  /// no less, as far as the base does not allow it already.
  @Test(arguments: [nil] + AWSRoleOption.all.map(\.name))
  func theRoleAllowsExactlyWhatAScanCalls(_ option: String?) async throws {
    let policies = try RolePolicies(Self.template)
    let granted = policies.allowed(by: option)
    let base = policies.allowed(by: nil)
    let collections = AccountTests.collections.map(\.name).filter { name in
      AWSRoleOption.all.first { $0.includes(name) }?.name == option
    }
    try #require(!collections.isEmpty && !granted.isEmpty)
    let calls = await Self.calls(reading: collections)
    for call in calls {
      #expect((granted + base).contains { $0.covers(call) }, "\(call) is not allowed")
    }
    for allowance in granted {
      #expect(calls.contains { allowance.covers($0) }, "\(allowance) is allowed and not called")
    }
  }

  @Test func everyParameterIsForCollectionsAndEveryRoadmapCollectionHasOne() throws {
    for collection in AccountTests.collections {
      let options = AWSRoleOption.all.filter { $0.includes(collection.name) }
      #expect(options.count <= 1, "\(collection.name)")
      #expect(!collection.isRoadmap || options.count == 1, "\(collection.name)")
    }
    #expect(
      try RolePolicies(Self.template).options
        == Set(AWSRoleOption.all.map(\.name)))
  }

  /// Source: IAM User Guide, "IAM and AWS STS quotas"; CloudFormation User Guide, "Quotas".
  @Test func theTemplateKeepsTheLimitsOfAWS() throws {
    let policies = try RolePolicies(Self.template)
    #expect(policies.managed.count <= 10)
    for policy in policies.managed { #expect(policy.text.utf8.count <= 6144) }
    #expect(policies.inline.values.map(\.text.utf8.count).reduce(0, +) <= 10_240)
    #expect(try Data(contentsOf: Self.template).count <= 51_200)
  }

  /// Also by an action that reads more than what it is here for.
  @Test func neitherContentsNorSecretsNorChangesAreAllowed() throws {
    let policies = try RolePolicies(Self.template)
    let contents = [
      "s3:GetObject", "s3:ListBucket", "secretsmanager:GetSecretValue",
      "secretsmanager:BatchGetSecretValue", "ssm:GetParameter", "ssm:GetParameters",
      "ssm:GetParametersByPath", "ssm:GetParameterHistory", "kms:Decrypt", "dynamodb:GetItem",
      "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:GetRecords",
      "sqs:ReceiveMessage", "lambda:GetFunction", "lambda:GetLayerVersion", "logs:GetLogEvents",
      "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetAuthorizationToken",
      "ec2:GetPasswordData", "ec2:GetConsoleOutput", "rds-data:ExecuteStatement",
      "sts:AssumeRole", "iam:PassRole", "redshift:GetClusterCredentials",
    ]
    let verbs = ["List", "Describe", "Get", "BatchGet", "Lookup", "Search", "GET"]
    // They have IAM write its own report down, and change nothing.
    let reports = ["iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails"]
    let allowed = policies.options.reduce(policies.allowed(by: nil)) {
      $0 + policies.allowed(by: $1)
    }
    for allowance in allowed {
      // Of the bucket that a customer names, what CloudTrail put there.
      let isArchive = [
        Allowance(action: "s3:ListBucket", resource: "arn:aws:s3:::\(RolePolicies.bucket)"),
        Allowance(
          action: "s3:GetObject",
          resource: "arn:aws:s3:::\(RolePolicies.bucket)/*AWSLogs/*/CloudTrail/*"),
      ].contains(allowance)
      #expect(!allowance.action.contains("*"))
      #expect(isArchive || !contents.contains(allowance.action), "\(allowance)")
      let name = allowance.action.split(separator: ":").last ?? ""
      let isRead = verbs.contains { name.hasPrefix($0) } || reports.contains(allowance.action)
      #expect(isRead, "\(allowance.action)")
      // What reads all of a service must be bounded.
      #expect(allowance.action != "apigateway:GET" || allowance.resource.contains("::/"))
    }
  }

  @Test func cfnLintHasNothingToSay() throws {
    let output = try Self.python([
      "-c", "import cfnlint.runner; cfnlint.runner.main()", "--format", "parseable",
      Self.template.path,
    ])
    #expect(output == "")
  }

  /// IAM's actions by the table of operations, where that is at hand.
  @Test func everyActionIsTheOneThatAWSNamesForItsOperation() throws {
    let actions = CoverageTests.actions
    for operation in CatalogMatch.all where !operation.fullName.hasPrefix("sts:") {
      guard let action = actions[operation.fullName] else { continue }
      #expect(operation.action == action, "\(operation.fullName)")
    }
  }

  private static func calls(reading collections: [String]) async -> Set<Allowance> {
    let calls = Mutex<Set<Allowance>>([])
    let aws = FakeAWS { name, call in
      guard let operation = CatalogMatch.operation(name), operation.service.name != "sts" else {
        return nil
      }
      let path = call.path.prefix { $0 != "?" }.split(separator: "/").drop { $0 == "v2" }
        .joined(separator: "/")
      let resource =
        switch operation.action {
        case "apigateway:GET": "arn:aws:apigateway:eu-west-1::/\(path)"
        case "s3:ListBucket", "s3:GetObject": "arn:aws:s3:::\(path)"
        default: "any"
        }
      calls.withLock {
        _ = $0.insert(Allowance(action: operation.action, resource: resource))
      }
      return name == "ec2:DescribeRegions"
        ? Answer(
          "<DescribeRegionsResponse><regionInfo><item><regionName>\(optIn)</regionName>"
            + "<optInStatus>not-opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>"
        )
        : nil
    }
    _ = await aws.attempt(
      collections: collections,
      settings: [
        "roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1", .string(optIn)],
        "trailBucket": ["name": .string(RolePolicies.bucket), "region": "eu-west-1"],
      ]
    ).run()
    return calls.withLock { $0 }
  }

  /// Runs the Python environment of the tests.
  static func python(_ arguments: [String]) throws -> String {
    let environment = try #require(
      ProcessInfo.processInfo.environment["SV0_VENV"],
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)")
    let process = Process()
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}

/// An action on a resource: what a statement allows, or what was called.
struct Allowance: Hashable {
  var action: String
  var resource: String

  /// Whether a call is allowed by it; `*` stands for any text.
  func covers(_ call: Allowance) -> Bool {
    let parts = resource.split(separator: "*", omittingEmptySubsequences: false)
    guard action == call.action, call.resource.hasPrefix(parts[0]) else { return false }
    var rest = call.resource.dropFirst(parts[0].count)
    for part in parts.dropFirst() where !part.isEmpty {
      guard let found = rest.range(of: part) else { return false }
      rest = rest[found.upperBound...]
    }
    return rest.isEmpty || resource.hasSuffix("*")
  }
}

/// The policies of the template, as cfn-lint reads it.
struct RolePolicies {
  /// What stands for the parameter that names a bucket.
  static let bucket = "trail"

  let managed: [JSON]
  /// By the parameter that switches them on.
  let inline: [String: JSON]

  init(_ template: URL) throws {
    let script = """
      import json, sys
      from cfnlint.decode import cfn_yaml
      print(json.dumps(cfn_yaml.load(sys.argv[1])))
      """
    let text = try RoleTemplateTests.python(["-c", script, template.path])
    let root = JSON(try JSONDocument(parsing: Array(text.utf8)).root)
    guard case .object(let resources) = root["Resources"] else { throw CancellationError() }
    var managed: [JSON] = []
    var inline: [String: JSON] = [:]
    for (_, resource) in resources {
      guard let document = resource["Properties"]?["PolicyDocument"] else { continue }
      switch resource["Type"] {
      case "AWS::IAM::ManagedPolicy": managed.append(document)
      default:
        let condition = try #require(resource["Condition"]?.string)
        var test = root["Conditions"]?[condition]
        if let inner = test?["Fn::Not"]?.elements?.first { test = inner }
        let option = try #require(test?["Fn::Equals"]?.elements?.first?["Ref"]?.string)
        inline[option] = document
      }
    }
    self.managed = managed
    self.inline = inline
  }

  var options: Set<String> { Set(inline.keys) }

  /// - Parameter option: `nil` for what is allowed without any.
  func allowed(by option: String?) -> [Allowance] {
    let documents = option.map { inline[$0].map { [$0] } ?? [] } ?? managed
    return documents.flatMap { $0["Statement"]?.elements ?? [] }.flatMap { statement in
      (statement["Action"]?.elements ?? []).compactMap(\.string).flatMap { action in
        (statement["Resource"]?.elements ?? []).compactMap { $0.string ?? $0["Fn::Sub"]?.string }
          .map {
            Allowance(
              action: action, resource: $0.replacing("${TrailBucket}", with: Self.bucket))
          }
      }
    }
  }
}

extension JSON {
  fileprivate var elements: [JSON]? {
    if case .array(let elements) = self { elements } else { nil }
  }
}
