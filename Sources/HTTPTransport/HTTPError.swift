/// Why a request gave no response.
///
/// The text names the host, what happened and what to do. It never holds the path, the query
/// string, headers or body: credentials travel in all of them. A response with a status such as
/// 403 or 500 is a response, not an error.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// No TCP connection: refused, no route, or the proxy would not.
    case unreachable
    /// The host's (or the proxy's) name has no address, or the resolver did not answer.
    case nameNotResolved
    /// TLS failed: a certificate that is not trusted or not for this host, or no common version.
    case tlsRefused
    /// A time limit was reached.
    case timedOut(Phase)
    /// The response is larger than allowed.
    case tooLarge(Part)
    /// A redirect to another scheme, host or port, of a method other than GET and HEAD, or one
    /// more than allowed.
    case redirectRefused
    /// The connection ended before the response did.
    case connectionLost
    /// The response is not HTTP, or does not decompress.
    case malformedResponse
    /// The task was cancelled; the transfer has stopped.
    case cancelled
    /// An `http://` address that is not an allowed loopback one.
    case plainHTTPRefused
    /// The request cannot be sent as it is.
    case invalidRequest
    /// The client's configuration cannot be used.
    case invalidConfiguration
    /// The client's queue is full.
    case overloaded
    /// The client has been closed.
    case closed
    /// libcurl failed in a way that has no meaning for a caller, out of memory for one.
    case failed
  }

  /// Which time limit.
  public enum Phase: Sendable, Equatable {
    case connect, idle, total
  }

  /// Which part of a response.
  public enum Part: Sendable, Equatable {
    case headers, body
  }

  public let kind: Kind
  /// Host and, where given, port; empty when the request has none that can be read.
  public let host: String
  /// What is known beyond the kind; never the request's or response's contents.
  public let detail: String

  public init(_ kind: Kind, host: String = "", detail: String = "") {
    self.kind = kind
    self.host = host
    self.detail = detail
  }

  /// Whether the same request may succeed later without anybody changing anything.
  ///
  /// True does not say that the server has not acted on it: after `connectionLost` and `timedOut`
  /// it may have.
  public var isRetriable: Bool {
    switch kind {
    case .unreachable, .nameNotResolved, .timedOut, .connectionLost, .overloaded: true
    case .tlsRefused, .tooLarge, .redirectRefused, .malformedResponse, .cancelled,
      .plainHTTPRefused, .invalidRequest, .invalidConfiguration, .closed, .failed:
      false
    }
  }

  public var description: String {
    let place = host.isEmpty ? "" : "\(host): "
    let more = detail.isEmpty ? "" : " (\(detail))"
    return "\(place)\(event)\(more). \(advice)"
  }

  private var event: String {
    switch kind {
    case .unreachable: "no connection"
    case .nameNotResolved: "the name has no address"
    case .tlsRefused: "no trusted TLS connection"
    case .timedOut(.connect): "no connection within the limit"
    case .timedOut(.idle): "the transfer stalled longer than the limit"
    case .timedOut(.total): "no complete response within the limit"
    case .tooLarge(.headers): "the response's headers are larger than the limit"
    case .tooLarge(.body): "the response's body is larger than the limit"
    case .redirectRefused: "a redirect was not followed"
    case .connectionLost: "the connection ended before the response did"
    case .malformedResponse: "the answer is not a valid HTTP response"
    case .cancelled: "the request was cancelled"
    case .plainHTTPRefused: "plain HTTP is not used"
    case .invalidRequest: "the request cannot be sent"
    case .invalidConfiguration: "the HTTP client cannot be configured"
    case .overloaded: "too many requests are waiting"
    case .closed: "the HTTP client is closed"
    case .failed: "libcurl failed"
    }
  }

  private var advice: String {
    switch kind {
    case .unreachable: "Check that the server listens there and that a firewall lets this through."
    case .nameNotResolved: "Check the name's spelling and this machine's DNS."
    case .tlsRefused: "Check the server's certificate; add a private authority's to the CA file."
    case .timedOut: "Try again, or raise the limit if the server is known to be slow."
    case .tooLarge: "Ask for smaller pages, or raise the limit if the size is expected."
    case .redirectRefused: "Use the address that the server redirects to, if it is yours."
    case .connectionLost: "Try again; the server may have acted on the request."
    case .malformedResponse: "Check that the address is the API and no other service or proxy."
    case .cancelled, .closed: "Nothing more was sent."
    case .plainHTTPRefused: "Use https; plain HTTP is for loopback addresses in tests."
    case .invalidRequest: "Correct the request."
    case .invalidConfiguration: "Correct the configuration."
    case .overloaded: "Try again later, or start fewer requests at once."
    case .failed: "Report it with this text."
    }
  }
}
