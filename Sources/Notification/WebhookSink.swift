public import Authentication
internal import Cryptography
public import Extraction
internal import HTTPTypes
public import Model

/// Delivers one finding as a Standard Webhook.
///
/// Source: https://github.com/standard-webhooks/standard-webhooks, specification 1.0.0.
public struct WebhookSink: Sendable {
  private let name: String
  private let address: WebhookAddress
  private let secret: Secret
  private let transport: any Transport
  private let now: @Sendable () -> Timestamp
  /// The specification recommends 15 to 30 s; of the answer only the status matters.
  private static let limits = TransportLimits(responseBytes: 1 << 20, total: .seconds(20))
  /// The longest that a receiver may ask to be left alone.
  static let longestRetryAfter = Duration.seconds(60)

  /// Resolves the secret once: a new one needs a restart.
  ///
  /// - Throws: `NotificationError` of kind `configuration` that does not hold the secret.
  public init(
    _ document: SinkDocument, transport: any Transport, resolver: SecretResolver,
    now: @escaping @Sendable () -> Timestamp
  ) throws(NotificationError) {
    name = document.name
    address = document.address
    self.transport = transport
    self.now = now
    do {
      secret = try Self.signingKey(try resolver.secret(document.secret))
    } catch {
      throw NotificationError(.configuration, "sink \(document.name): secret: \(error)")
    }
  }

  /// Source: specification, "Signature scheme": `whsec_` and the base64 of 24 to 64 bytes.
  private static func signingKey(_ secret: Secret) throws(AuthenticationError) -> Secret {
    let text = secret.text ?? ""
    var digits = text.trimmingPrefix("whsec_")
    while !digits.utf8.count.isMultiple(of: 4) { digits += "=" }
    guard text.hasPrefix("whsec_"), let key = try? Base64.decode(String(digits)),
      (24...64).contains(key.count)
    else {
      throw AuthenticationError(
        .unusable,
        "the secret is not whsec_ followed by the base64 of 24 to 64 bytes; make one "
          + "with: echo whsec_$(openssl rand -base64 32)")
    }
    return Secret(key)
  }

  /// Sends the bytes as they are; returns once the receiver has taken them.
  ///
  /// - Parameter id: the same for every repetition.
  /// - Throws: `NotificationError`; `CancellationError`.
  func deliver(id: String, body: [UInt8]) async throws {
    let response: HTTPResponse
    do {
      (response, _) = try await transport.execute(
        request(id: id, body: body), body: body, limits: Self.limits)
    } catch let error as CancellationError {
      throw error
    } catch {
      let reason = (error as? TransportError)?.message ?? "the request failed"
      throw NotificationError(
        .unavailable, "sink \(name) cannot be reached: \(reason)")
    }
    try judge(response)
  }

  private func request(id: String, body: [UInt8]) -> HTTPRequest {
    let seconds = String(now().milliseconds / 1000)
    let signed = Array("\(id).\(seconds).".utf8) + body
    var fields: HTTPFields = [.contentType: "application/json"]
    for (name, value) in [
      ("webhook-id", id), ("webhook-timestamp", seconds),
      ("webhook-signature", "v1," + Base64.encode(HMAC.sha256(signed, key: secret))),
    ] {
      if let name = HTTPField.Name(name) { fields[name] = value }
    }
    return HTTPRequest(
      method: .post, scheme: address.scheme, authority: address.authority, path: address.path,
      headerFields: fields)
  }

  private func judge(_ response: HTTPResponse) throws(NotificationError) {
    let status = response.status.code
    switch status {
    case 200...299: return
    case 408, 429, 500...599:
      let asked = response.headerFields[.retryAfter].flatMap {
        HTTPDate.duration(ofRetryAfter: $0, at: now())
      }
      throw NotificationError(
        .unavailable, "sink \(name): \(address.host) answered \(status); it is tried again",
        retryAfter: asked.map { min($0, Self.longestRetryAfter) })
    case 300...399:
      throw NotificationError(
        .refused(status: status),
        "sink \(name): \(address.host) answered \(status), and redirects are not followed; set "
          + "settings.url to where it leads")
    default:
      throw NotificationError(
        .refused(status: status),
        "sink \(name): \(address.host) answered \(status); mend the receiver or settings.url, then "
          + "replay the dead letter")
    }
  }
}
