/// The headers that make a message of a public topic a CloudEvent.
///
/// Source: CloudEvents 1.0, Kafka protocol binding, binary content mode.
public struct CloudEvent: Sendable, Hashable {
  /// Unique per `source`; repeats carry the same id.
  public var id: String
  /// A URI reference that names the producer (`sv0://acme/scheduler`).
  public var source: String
  public var type: String
  public var time: Timestamp

  public init(id: String, source: String, type: String, time: Timestamp) {
    self.id = id
    self.source = source
    self.type = type
    self.time = time
  }

  public var headers: [MessageHeader] {
    [
      MessageHeader("ce_specversion", "1.0"), MessageHeader("ce_id", id),
      MessageHeader("ce_source", source), MessageHeader("ce_type", type),
      MessageHeader("ce_time", time.description),
      MessageHeader("content-type", "application/json"),
    ]
  }
}

/// Types of the CloudEvents on public topics.
public enum CloudEventType {
  public static let scanRequested = "io.securityv0.scan.requested.v1"
  public static let runChanged = "io.securityv0.run.changed.v1"
  public static let findingChanged = "io.securityv0.finding.changed.v1"
}
