public import Model

/// What asking for an organization's accounts came to.
public enum AccountListing: Sendable, Equatable {
  case accounts([DiscoveredAccount])
  /// Why there is no answer, for a person.
  case failed(reason: String)

  /// Asks a platform; the credentials name the role that may list accounts. It comes to an end by
  /// itself: a request waits for it, and others behind that.
  public typealias Source = @Sendable (_ settings: JSON, _ credentials: JSON) async -> Self
}

/// An organization's accounts are needed to admit a request, and not known. Nothing is written;
/// they are asked for outside of the transaction.
package struct DiscoveryNeeded: Error {
  let connection: ConnectionDocument
}

/// Lists the accounts of connections' organizations.
struct OrganizationDiscovery: Sendable {
  let sources: [Platform: AccountListing.Source]

  /// - Throws: `CancellationError`: a worker that stops has not found out anything.
  func accounts(of connection: ConnectionDocument) async throws -> AccountListing {
    guard let organization = connection.organization, let source = sources[connection.platform]
    else {
      return .failed(reason: "platform \(connection.platform.rawValue) has no organizations here")
    }
    let (settings, credentials) = connection.discovery(in: organization)
    let listing = await source(settings, credentials)
    try Task.checkCancellation()
    if case .failed = listing {
      tally("sv0_account_discoveries_failed_total", ("platform", connection.platform.rawValue))
    }
    return listing
  }
}
