public import HTTPTypes
public import Model

/// Sends one request. The executable adapts the real HTTP client, tests a script.
public protocol Transport: Sendable {
  /// - Throws: `TransportError`; `CancellationError` when the task was cancelled, after the
  ///   transfer has stopped. Any status is an answer, not an error.
  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8])
}

/// How much one request may take.
public struct TransportLimits: Sendable, Equatable {
  /// Bytes of the answer's body, after decompression.
  public var responseBytes: Int
  /// From the call to the last byte.
  public var total: Duration

  public init(responseBytes: Int = 64 << 20, total: Duration = .seconds(60)) {
    self.responseBytes = responseBytes
    self.total = total
  }
}

/// Why a request has no answer. The text names the host, never a path, header or body.
public struct TransportError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The host's name has no address.
    case nameNotResolved
    /// Anything else that may pass: no connection, a time-out, a connection that ended.
    case interrupted
    /// Trying again cannot help: TLS, a limit, a malformed request.
    case refused
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var isRetriable: Bool { kind != .refused }
  public var description: String { message }
}
