import Authentication
import Extraction
import Model
import Notification
import Pipeline
import PipelineTesting

enum Fixture {
  static let uid = "b5bb9d8014a0f9b1d61e21e796d78dcc"

  static func sink(
    url: String = "https://hooks.example.com/in", filter: JSON = [:]
  ) throws -> SinkDocument {
    try SinkDocument([
      "tenant": "acme", "name": "soc", "type": "webhook", "settings": ["url": .string(url)],
      "secret": "env:SOC_SECRET", "filter": filter,
    ])
  }

  static func resolver(_ secret: String = Receiver.secret) -> SecretResolver {
    SecretResolver(variable: { $0 == "SOC_SECRET" ? secret : nil }, file: { _ in nil })
  }

  static func handler(
    _ document: SinkDocument, _ transport: any Transport, _ clock: ManualClock = ManualClock()
  ) throws -> NotificationHandler {
    NotificationHandler(
      document,
      sink: try WebhookSink(
        document, transport: transport, resolver: resolver(), now: { clock.now }),
      now: { clock.now }, sleep: { try await clock.sleep($0) })
  }

  /// A finding's message as the evaluator publishes it, with what filters look at.
  static func message(
    uid: String = uid, version: Int64 = 1, tenant: String = "acme", eventTenant: String? = nil,
    severity: Severity = .high, rule: String = "escalation-path", state: FindingState = .new,
    offset: Int64 = 0
  ) -> Message {
    let event: JSON = [
      "class_uid": 2004, "severity_id": .integer(Int64(severity.rawValue)),
      "finding_info": ["uid": .string(uid), "analytic": ["uid": .string(rule), "type_id": 1]],
      "metadata": ["tenant_uid": .string(eventTenant ?? tenant), "version": "1.5.0"],
      "message": "Übernahme möglich: deploy → admin",
      "unmapped": [
        "state": .string(state.rawValue), "scope": "acme/aws-prod/aws/111122223333",
      ],
    ]
    let envelope = CloudEvent(
      id: "\(uid).\(version)", source: "sv0://\(tenant)/evaluator",
      type: CloudEventType.findingChanged, time: Timestamp(milliseconds: 1_795_255_190_000))
    return Message(
      topic: Topic.findings, partition: 0, offset: offset,
      timestamp: Timestamp(milliseconds: 1_795_255_190_000), key: Array(uid.utf8),
      value: event.bytes, headers: envelope.headers)
  }

  /// The error that the body throws.
  static func error(_ body: () async throws -> Void) async -> (any Error)? {
    do {
      try await body()
      return nil
    } catch {
      return error
    }
  }
}
