/// What holds for every request of one client.
public struct HTTPConfiguration: Sendable, Equatable {
  /// Where requests go through.
  public enum Proxy: Sendable, Equatable {
    /// Straight to the host, whatever `https_proxy` and its relatives say.
    case none
    /// As `https_proxy`, `all_proxy` and `no_proxy` say when the request starts. Never for plain
    /// HTTP.
    case environment
  }

  /// Whether `http://` works, to a loopback address only: for tests and local demonstrations.
  public var allowPlainHTTPToLoopback: Bool
  /// PEM file with certificate authorities to trust besides the system's.
  public var extraCertificateAuthoritiesFile: String?
  public var proxy: Proxy
  /// Sent when a request has no `user-agent` of its own.
  public var userAgent: String
  /// Transfers under way at one time.
  public var maximumTransfers: Int
  /// Transfers under way at one time to the same scheme, host and port.
  public var maximumTransfersPerHost: Int
  /// Requests waiting for a transfer to end; one more is refused with `.overloaded`.
  public var maximumQueued: Int

  public init(
    allowPlainHTTPToLoopback: Bool = false, extraCertificateAuthoritiesFile: String? = nil,
    proxy: Proxy = .none, userAgent: String = "sv0", maximumTransfers: Int = 64,
    maximumTransfersPerHost: Int = 16, maximumQueued: Int = 4096
  ) {
    self.allowPlainHTTPToLoopback = allowPlainHTTPToLoopback
    self.extraCertificateAuthoritiesFile = extraCertificateAuthoritiesFile
    self.proxy = proxy
    self.userAgent = userAgent
    self.maximumTransfers = maximumTransfers
    self.maximumTransfersPerHost = maximumTransfersPerHost
    self.maximumQueued = maximumQueued
  }
}

/// How much one request may take. Reaching a limit ends it with an error that names the limit.
public struct HTTPLimits: Sendable, Equatable {
  /// Bytes of the response's body, counted after decompression.
  public var responseBytes: Int
  /// Bytes of the status line and all header lines of one response, interim ones included.
  public var headerBytes: Int
  /// From the call to the last byte, with waiting for a free transfer and redirects.
  public var total: Duration
  /// Name resolution, TCP and TLS together.
  public var connect: Duration
  /// How long fewer than `idleBytesPerSecond` may pass in either direction; whole seconds,
  /// rounded up. Waiting for a slow server's first byte counts.
  public var idle: Duration
  /// The speed below which a transfer counts as idle.
  public var idleBytesPerSecond: Int
  /// Redirects to follow. 0 returns the redirect itself as the response.
  public var redirects: Int

  public init(
    responseBytes: Int = 16 << 20, headerBytes: Int = 64 << 10, total: Duration = .seconds(60),
    connect: Duration = .seconds(10), idle: Duration = .seconds(30), idleBytesPerSecond: Int = 64,
    redirects: Int = 0
  ) {
    self.responseBytes = responseBytes
    self.headerBytes = headerBytes
    self.total = total
    self.connect = connect
    self.idle = idle
    self.idleBytesPerSecond = idleBytesPerSecond
    self.redirects = redirects
  }
}
