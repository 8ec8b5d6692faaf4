package import Model

/// Decides what becomes of a request: a scan, and a run of each of its scopes. Pure, but for the
/// ids that it is given.
///
/// Invariants:
/// 1. A request that cannot be carried out is a scan with a refusal, and no runs.
/// 2. Of a scope, at most one run is queued, dispatched or leased: another is `skipped`, and says
///    which.
/// 3. Every scope of an accepted request gets a run and an epoch, skipped ones too: also an account
///    of an organization that cannot be read in the state that it is in.
/// 4. A request for an organization is decided with its accounts as they were listed for that very
///    connection, or not at all (`DiscoveryNeeded`).
package struct Admission: Sendable {
  private let knownCollections: [Platform: [OfferedCollection]]
  private let makeID: @Sendable (Timestamp) throws -> ULID
  private var listing: (connection: ConnectionDocument, accounts: AccountListing)?

  package enum Result: String, Sendable {
    case accepted, rejected, repeated
  }

  package init(
    knownCollections: [Platform: [OfferedCollection]],
    makeID: @escaping @Sendable (Timestamp) throws -> ULID
  ) {
    self.knownCollections = knownCollections
    self.makeID = makeID
  }

  /// The same, knowing what listing a connection's accounts came to.
  func knowing(_ accounts: AccountListing, of connection: ConnectionDocument) -> Admission {
    var admission = self
    admission.listing = (connection, accounts)
    return admission
  }

  /// - Parameter document: the connection as stored; `nil` when there is none of that name.
  /// - Throws: `DiscoveryNeeded`.
  package func scan(
    for identified: IdentifiedRequest, document: String?, at now: Timestamp
  ) throws -> NewScan {
    let id = try makeID(now).description
    var refusal: String?
    var scopes: [(key: String, obstacle: String?)] = []
    var all: [String] = []
    do {
      (scopes, all) = try self.scopes(for: identified.request, document: document)
    } catch let error as Refusal {
      refusal = error.reason
    }
    return NewScan(
      scan: id, source: identified.source, requestID: identified.id, request: identified.request,
      refusal: refusal, scopes: scopes.map(\.key),
      obstacles: Dictionary(
        uniqueKeysWithValues: scopes.compactMap { scope in scope.obstacle.map { (scope.key, $0) } }),
      listed: all, at: now)
  }

  /// - Parameters:
  ///   - epochs: the scan's scopes, each with its new epoch.
  ///   - busy: the run that is queued, dispatched or leased, of each scope that has one.
  package func runs(
    of scan: NewScan, epochs: [(scope: String, epoch: Int64)], busy: [String: String]
  ) throws -> [NewRun] {
    try epochs.map { scope, epoch in
      var machine = RunMachine()
      if let obstacle = scan.obstacles[scope] {
        machine.state = .skipped
        machine.reason = "the account is \(obstacle)"
      } else if let other = busy[scope] {
        machine.state = .skipped
        machine.reason = "run \(other) of this scope is not finished"
      }
      return NewRun(
        run: StoredRun(
          tenant: scan.request.tenant, run: try makeID(scan.at).description, scan: scan.scan,
          scope: scope, epoch: epoch, machine: machine),
        priority: scan.request.priority, at: scan.at)
    }
  }

  /// The scopes that the request is about, in the order of their keys; and all of the connection's.
  private func scopes(
    for request: ScanRequest, document: String?
  ) throws -> (asked: [(key: String, obstacle: String?)], all: [String]) {
    guard let document else {
      throw Refusal(
        "tenant \(request.tenant) has no connection \(request.connection); "
          + "`sv0 connection apply` makes one")
    }
    let connection = try ConnectionDocument(stored: document, of: request.connection)
    guard let known = knownCollections[connection.platform] else {
      throw Refusal("platform \(connection.platform.rawValue) has no connector in this scheduler")
    }
    _ = try connection.collections.patterns(asked: request.collections, known: known)
    let discovered = try discovered(by: connection)
    func key(_ account: DiscoveredAccount) -> String {
      Scope(
        tenant: request.tenant, connection: request.connection, platform: connection.platform,
        account: account.id
      ).description
    }
    let asked = try connection.accounts(asked: request.scopes, discovered: discovered)
      .map { (key: key($0), obstacle: $0.obstacle) }
    let all = try connection.accounts(asked: [], discovered: discovered).map(key)
    return (asked.sorted { $0.key.precedes($1.key) }, all)
  }

  private func discovered(by connection: ConnectionDocument) throws -> [DiscoveredAccount] {
    guard connection.organization != nil else { return [] }
    guard let listing, listing.connection == connection else {
      throw DiscoveryNeeded(connection: connection)
    }
    switch listing.accounts {
    case .accounts(let accounts): return accounts
    case .failed(let reason):
      throw Refusal("the accounts of the organization could not be listed: \(reason)")
    }
  }
}

/// A scan as it is admitted.
package struct NewScan: Sendable, Equatable {
  package let scan: String
  package let source: String
  /// With tenant and source, what a request is recognised by when it comes again.
  package let requestID: String
  package let request: ScanRequest
  /// Why it is rejected; `nil` when it is accepted.
  package let refusal: String?
  /// Keys in order; none when it is rejected.
  package let scopes: [String]
  /// Why scopes cannot be scanned now, by their keys.
  package var obstacles: [String: String] = [:]
  /// All accounts that the connection has now, as scopes in no order: what it had before and has no
  /// more is marked. `nil` where that is not known.
  package var listed: [String]?
  package let at: Timestamp
}
