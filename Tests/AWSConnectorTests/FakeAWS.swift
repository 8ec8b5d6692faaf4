import Authentication
import Extraction
import Model
import PipelineTesting
import Synchronization

@testable import AWSConnector

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

  static let settings: JSON = [
    "roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"],
    "trailBucket": ["name": "trail", "region": "eu-central-1"],
  ]
  static let assumeRole: JSON = [
    "type": "assume_role", "externalId": "env:EXTERNAL_ID", "base": ["type": "environment"],
  ]

  var transport: ScriptedTransport {
    ScriptedTransport { call in
      let operation = CatalogMatch.operation(of: call)?.fullName ?? ""
      if let answer = try await replacing(operation, call) { return answer }
      return Self.usual(operation, call)
    }
  }

  func attempt(
    credentials: JSON = assumeRole, collections: [String] = [],
    settings: JSON = settings,
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

  static func xml(_ operation: String, _ result: String) -> Answer {
    let name = operation.split(separator: ":").last ?? ""
    return Answer(
      200, headers: ["x-amzn-requestid": "0a1b-2c3d"],
      """
      <\(name)Response xmlns="https://aws.example/doc/"><\(name)Result>\(result)\
      </\(name)Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
      </\(name)Response>
      """)
  }

  /// A refusal as the operation's service words it.
  static func refusal(_ operation: String, code: String, status: Int = 403, message: String = "no")
    -> Answer
  {
    switch CatalogMatch.operation(operation)?.service.wire {
    case .restJSON:
      Answer(
        status, headers: ["x-amzn-errortype": code + ":http://internal/"],
        "{\"Message\":\"\(message)\"}")
    case .json: Answer(400, "{\"__type\":\"com.amazonaws#\(code)\",\"Message\":\"\(message)\"}")
    case .ec2:
      Answer(
        status,
        "<Response><Errors><Error><Code>\(code)</Code><Message>\(message)</Message></Error>"
          + "</Errors><RequestID>r</RequestID></Response>")
    case .restXML:
      Answer(status, "<Error><Code>\(code)</Code><Message>\(message)</Message></Error>")
    case .query, nil:
      Answer(
        status,
        "<ErrorResponse><Error><Code>\(code)</Code><Message>\(message)</Message></Error>"
          + "</ErrorResponse>")
    }
  }

  static func denial(_ operation: String) -> Answer {
    let known = CatalogMatch.operation(operation)
    let code =
      switch known?.service.wire {
      case .json, .restJSON: "AccessDeniedException"
      case .ec2: "UnauthorizedOperation"
      default: "AccessDenied"
      }
    return refusal(
      operation, code: code,
      message: "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: "
        + "\(known?.action ?? operation) on resource: * because of a policy")
  }
}
