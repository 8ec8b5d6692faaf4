public import Model

/// What a connector implements whose platform has organizations of accounts.
///
/// It runs where scans are admitted, so the credentials must be usable there.
public protocol AccountDiscovery: Sendable {
  /// Lists an organization's accounts, those too that cannot be read now.
  ///
  /// - Parameters:
  ///   - settings: the connection's, without what says which accounts it has.
  ///   - credentials: the connection's, naming the role that may list accounts.
  /// - Throws: what `CollectionFailure(_:)` can tell; `CancellationError`.
  func accounts(
    settings: JSON, credentials: JSON, in context: AttemptContext
  ) async throws -> [DiscoveredAccount]
}
