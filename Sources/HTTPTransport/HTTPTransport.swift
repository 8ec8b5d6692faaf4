/// # HTTPTransport
///
/// One HTTP client for every platform's API, webhooks and token endpoints: HTTP/1.1 over TLS 1.2
/// or newer, through libcurl. The only importer of `CCurl`.
///
/// ```swift
/// let client = try HTTPClient(HTTPConfiguration())
/// let request = HTTPRequest(
///   method: .get, scheme: "https", authority: "graph.microsoft.com", path: "/v1.0/users?$top=999",
///   headerFields: [.authorization: "Bearer \(token)"])
/// let (response, body) = try await client.execute(request, body: [], limits: HTTPLimits())
/// …
/// await client.close()
/// ```
///
/// Threading: `HTTPClient` is shared freely. One thread of its own runs all transfers
/// (`curl_multi_socket_action`); callers suspend, no thread of theirs waits. Cancelling the task stops the
/// transfer and closes its connection.
///
/// What never happens:
/// - A certificate goes unchecked: there is no switch for it.
/// - `http://` leaves the machine; even to a loopback address it needs
///   `allowPlainHTTPToLoopback`.
/// - A redirect is followed to another scheme, host or port, or with a header that could be a
///   credential.
/// - A response, a queue or a wait grows without a limit. A compressed body counts as what it
///   decompresses to.
/// - An error shows a path, query string, header or body.
///
/// One thing that may surprise: when the server has closed an idle connection, libcurl sends the
/// request again on a new one, POST included, provided that nothing of a response had come.

public import HTTPTypes

/// Sends requests and returns whole responses, over kept-alive connections.
///
/// Keep one for the life of the process: it owns the connections. When the last reference goes
/// the transfers' thread ends by itself; `close()` also waits for it.
public final class HTTPClient: Sendable {
  private let configuration: HTTPConfiguration
  private let loop: TransferLoop

  /// Starts the client's thread; opens no connection yet.
  ///
  /// - Throws: `HTTPError` of kind `invalidConfiguration` when the file with certificate
  ///   authorities cannot be used, `failed` when libcurl or the thread does not start.
  public init(_ configuration: HTTPConfiguration = HTTPConfiguration()) throws(HTTPError) {
    self.configuration = configuration
    self.loop = try TransferLoop.start(configuration)
  }

  deinit { loop.requestClose() }

  /// Sends a request and returns the final response with its whole body.
  ///
  /// `request` needs `scheme` and `authority`; a `path` (with the query) is sent byte for byte.
  /// The client writes `host`, `content-length`, `transfer-encoding`, `connection`, `expect` and
  /// `accept-encoding` itself and refuses them in the request. A compressed body arrives
  /// decompressed and the response then has neither `content-encoding` nor `content-length`.
  ///
  /// - Parameters:
  ///   - body: what to send; empty for GET and HEAD.
  /// - Throws: `HTTPError`. Any status is a response, 3xx too unless `limits.redirects` lets it be
  ///   followed.
  public func execute(
    _ request: HTTPRequest, body: [UInt8] = [], limits: HTTPLimits = HTTPLimits()
  ) async throws(HTTPError) -> (HTTPResponse, [UInt8]) {
    let deadline = ContinuousClock.now + limits.total
    var target = try Target(
      request, allowPlainHTTPToLoopback: configuration.allowPlainHTTPToLoopback)
    var exchange = try Exchange(
      request, body: body, target: target, userAgent: configuration.userAgent, limits: limits,
      deadline: deadline)
    var redirectsLeft = limits.redirects
    while true {
      let (response, bytes) = try await loop.perform(exchange)
      guard limits.redirects > 0, let location = redirectLocation(response) else {
        return (response, bytes)
      }
      guard redirectsLeft > 0 else {
        throw HTTPError(
          .redirectRefused, host: target.name, detail: "more than \(limits.redirects)")
      }
      redirectsLeft -= 1
      target = try target.redirected(to: location, method: request.method)
      exchange = exchange.redirected(to: target)
    }
  }

  /// Ends running and waiting requests with `.closed`, closes all connections and returns when
  /// the thread has ended. May be called again.
  public func close() async {
    await loop.close()
  }
}
