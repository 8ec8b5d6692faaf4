/// # Notification
///
/// Tells the systems of a tenant about its findings, each sink at its own pace.
///
/// - `SinkDocument` reads a sink file: where to, signed with what, which findings.
/// - `WebhookSink` sends one finding as a Standard Webhook.
/// - `NotificationHandler` is the worker of one sink: the handler of a `ConsumerLoop` over
///   `sv0.findings.v1`, in a consumer group of its own, so that a sink that is down delays nobody.
///
/// ```swift
/// let sink = try WebhookSink(document, transport: transport, resolver: .process, now: now)
/// let handler = NotificationHandler(document, sink: sink, now: now)
/// let consumer = try makeConsumer(group: document.consumerGroup, from: document.from)
/// let loop = ConsumerLoop(
///   name: document.consumerGroup, consumer: consumer, handler: handler, deadLetters: deadLetters,
///   health: health, log: log)
/// ```
///
/// What becomes of a delivery:
///
/// | answer | then |
/// |---|---|
/// | 2xx | delivered |
/// | 408, 429, 5xx, no answer in time, no connection, no trusted TLS | again, until it works |
/// | anything else | dead letter, and the next finding |
///
/// While a delivery is repeated, nothing later of its partition is sent, `/readyz` says why, and a
/// `Retry-After` is honoured up to a minute. A delivery may be repeated although the receiver took
/// it: `webhook-id` is then the same.
///
/// It sends through `Extraction`'s `Transport`, not `HTTPTransport`: workers do not see clients,
/// and the executable adapts the real client to that protocol anyway.
public import Model

/// Why a finding is not delivered. The text names the sink and its host, never a path, a header, a
/// body or a secret.
public struct NotificationError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The receiver cannot take it now.
    case unavailable
    /// The receiver will never take it; the status it answered.
    case refused(status: Int)
    /// The sink cannot be used as it is configured.
    case configuration
  }

  public let kind: Kind
  public let message: String
  /// How long the receiver asked to be left alone.
  public let retryAfter: Duration?

  init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
    self.kind = kind
    self.message = message
    self.retryAfter = retryAfter
  }

  public var isRetriable: Bool { kind == .unavailable }
  public var description: String { message }
}
