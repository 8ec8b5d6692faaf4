/// # Authentication
///
/// How a connector gets credentials without any message, log line or error ever holding one.
///
/// - A connection's settings name secrets by `SecretReference` (`env:NAME`, `file:/path`); a
///   `SecretResolver` reads them where the worker runs.
/// - A `CredentialStrategy` obtains a credential and says how long it lives. Strategies compose:
///   one that exchanges a credential for another takes its base as a value.
/// - A `CredentialCache` keeps what a strategy obtained, lets one refresh run at a time and
///   refreshes before the end.
/// - `RequestSigner` signs requests, so that connectors need no cryptography of their own.
/// - `ConfigurationReader` reads settings and lists every problem, not just the first.
///
/// ```swift
/// let resolver = SecretResolver.process
/// let token = try resolver.secret(SecretReference("env:TOKEN"))
/// let cache = CredentialCache(strategy, now: now)
/// let grant = try await cache.current()
/// ```
///
/// Threading: everything here is a value or an actor.
public import Model

/// Why no credential could be had. Never carries a secret.
public struct AuthenticationError: ClassifiedError, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// A reference cannot be read where the worker runs.
    case unresolved
    /// What was obtained cannot be used: expired at once, or for another account.
    case unusable
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var isRetriable: Bool { false }
  public var description: String { message }
}

/// Something that lasts until a time.
public struct Expiring<Value: Sendable>: Sendable {
  public var value: Value
  /// `nil` means that nothing says when it ends.
  public var expires: Timestamp?

  public init(_ value: Value, expires: Timestamp? = nil) {
    self.value = value
    self.expires = expires
  }
}

/// One way to obtain a credential.
public protocol CredentialStrategy<Credential>: Sendable {
  associatedtype Credential: Sendable

  /// Obtains a credential anew; caching is the caller's.
  func obtain() async throws -> Expiring<Credential>
}
