import AWSConnector
import Authentication
import Extraction
import Model
import PipelineTesting
import Synchronization

typealias Answer = ScriptedTransport.Answer

/// An AWS account with a little of everything, whose answers a test can replace by operation.
struct FakeAWS: Sendable {
  static let account = "111122223333"
  static let secret = "planted-value-that-must-never-appear"
  static let secretKey = "wJalrXUtnFEMI-planted-secret-key"
  static let sessionToken = "planted-session-token"
  static let externalID = "planted-external-id"
  static let secrets = [secret, secretKey, sessionToken, externalID]

  /// Answers instead of the usual ones; `nil` falls back to those.
  var replacing: @Sendable (String, ScriptedTransport.Call) async throws -> Answer? = { _, _ in nil
  }

  static let connector = AWSConnector(
    secrets: SecretResolver(
      variable: {
        [
          "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": secretKey,
          "EXTERNAL_ID": externalID,
        ][$0]
      }, file: { _ in nil }))

  static let assumeRole: JSON = [
    "type": "assume_role", "externalId": "env:EXTERNAL_ID", "base": ["type": "environment"],
  ]

  var transport: ScriptedTransport {
    ScriptedTransport { call in
      let operation = Self.operation(of: call)
      if let answer = try await replacing(operation, call) { return answer }
      return Self.usual(operation, call)
    }
  }

  func attempt(
    credentials: JSON = assumeRole, collections: [String] = [],
    settings: JSON = ["roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"]],
    producer: RecordingProducer = RecordingProducer(), clock: ManualClock = ManualClock()
  ) -> TestAttempt {
    TestAttempt(
      connector: Self.connector, transport: transport, account: Self.account, settings: settings,
      credentials: credentials, collections: collections, producer: producer, clock: clock)
  }

  /// The AWS account where one operation answers something else.
  static func answering(_ operation: String, _ answer: Answer) -> FakeAWS {
    FakeAWS { name, _ in name == operation ? answer : nil }
  }

  /// The AWS account where an operation's first answers are others.
  static func answering(_ operation: String, first answers: [Answer]) -> FakeAWS {
    let rest = Rest(answers)
    return FakeAWS { name, _ in name == operation ? rest.next() : nil }
  }

  private final class Rest: Sendable {
    private let answers: Mutex<[Answer]>
    init(_ answers: [Answer]) { self.answers = Mutex(answers) }
    func next() -> Answer? { answers.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
  }

  /// `ListUsers`, whichever protocol it came by.
  static func operation(of call: ScriptedTransport.Call) -> String {
    if let target = call.header("x-amz-target") {
      return String(target.split(separator: ".").last ?? "")
    }
    if call.body.contains("Action=") {
      return String(
        call.body.split(separator: "&").first { $0.hasPrefix("Action=") }?.dropFirst(7) ?? "")
    }
    let path = call.path.prefix { $0 != "?" }
    if path.hasSuffix("/policy") { return "GetPolicy" }
    if path.hasSuffix("/url") { return "GetFunctionUrlConfig" }
    return path.hasSuffix("/functions") ? "ListFunctions" : "ListEventSourceMappings"
  }

  static func xml(_ operation: String, _ result: String) -> Answer {
    Answer(
      200, headers: ["x-amzn-requestid": "0a1b-2c3d"],
      """
      <\(operation)Response xmlns="https://aws.example/doc/"><\(operation)Result>\(result)\
      </\(operation)Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
      </\(operation)Response>
      """)
  }

  /// A refusal as the operation's service words it.
  static func refusal(_ operation: String, code: String, status: Int = 403, message: String = "no")
    -> Answer
  {
    if services[operation] == "lambda" {
      return Answer(
        status, headers: ["x-amzn-errortype": code + ":http://internal/"],
        "{\"Message\":\"\(message)\"}")
    }
    if services[operation] == "organizations" {
      return Answer(400, "{\"__type\":\"com.amazonaws#\(code)\",\"Message\":\"\(message)\"}")
    }
    return Answer(
      status,
      "<ErrorResponse><Error><Code>\(code)</Code><Message>\(message)</Message></Error>"
        + "</ErrorResponse>"
    )
  }

  static func denial(_ operation: String) -> Answer {
    let isQuery = ["iam", "sts"].contains(services[operation] ?? "")
    return refusal(
      operation, code: isQuery ? "AccessDenied" : "AccessDeniedException",
      message: "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: "
        + "\(services[operation] ?? ""):\(operation) on resource: * because of a policy")
  }

  static let services = [
    "AssumeRole": "sts", "GetCallerIdentity": "sts", "GetAccountAuthorizationDetails": "iam",
    "ListUsers": "iam", "ListAccessKeys": "iam", "GetAccessKeyLastUsed": "iam",
    "DescribeOrganization": "organizations", "ListAccounts": "organizations",
    "ListPolicies": "organizations", "DescribePolicy": "organizations",
    "ListTargetsForPolicy": "organizations", "ListFunctions": "lambda", "GetPolicy": "lambda",
    "GetFunctionUrlConfig": "lambda", "ListEventSourceMappings": "lambda",
  ]
}
