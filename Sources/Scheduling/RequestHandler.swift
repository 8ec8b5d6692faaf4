public import Model
public import Pipeline
public import PostgresClient

/// Admits scan requests: one scan per request, one run per account of it.
///
/// Invariants:
/// 1. A request that comes again (same tenant, source and id) changes nothing.
/// 2. Scan, epochs and runs of a request are stored together or not at all.
/// 3. A scope's epochs are dense: each is given out under the lock of the scope's row.
/// 4. Of a scope, at most one run is queued, dispatched or leased; another is stored as `skipped`.
/// 5. Only a message that names no scan is a dead letter; what a request asks for and cannot have
///    is a `rejected` scan with a reason; so is an organization whose accounts cannot be listed.
/// 6. Accounts are listed outside of every transaction.
public struct RequestHandler: BatchHandler {
  private let store: any QueueStore
  private let admission: Admission
  private let discovery: OrganizationDiscovery
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - knownCollections: what each platform's connector offers, without regions.
  ///   - accounts: lists an organization's accounts.
  ///   - makeID: a new id for the time given.
  public init(
    pool: PostgresPool, knownCollections: [Platform: [OfferedCollection]],
    accounts: [Platform: AccountListing.Source] = [:],
    makeID: @escaping @Sendable (Timestamp) throws -> ULID,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.init(
      store: PostgresQueueStore(pool: pool), knownCollections: knownCollections,
      accounts: accounts, makeID: makeID, now: now)
  }

  package init(
    store: any QueueStore, knownCollections: [Platform: [OfferedCollection]],
    accounts: [Platform: AccountListing.Source] = [:],
    makeID: @escaping @Sendable (Timestamp) throws -> ULID,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    discovery = OrganizationDiscovery(sources: accounts)
    admission = Admission(knownCollections: knownCollections, makeID: makeID)
    self.now = now
  }

  public func handle(_ messages: [Message]) async throws {
    for message in messages {
      let request = try IdentifiedRequest(message)
      let result = try await admit(request)
      tally("sv0_scan_requests_total", ("result", result.rawValue))
    }
  }

  private func admit(_ request: IdentifiedRequest) async throws -> Admission.Result {
    var admission = admission
    while true {
      do {
        return try await store.admit(request, by: admission, at: now())
      } catch let needed as DiscoveryNeeded {
        let listing = try await discovery.accounts(of: needed.connection)
        admission = admission.knowing(listing, of: needed.connection)
      }
    }
  }
}

/// A request with what identifies it.
package struct IdentifiedRequest: Sendable {
  package let source: String
  package let id: String
  package let request: ScanRequest

  /// A request that is no message's.
  init(source: String, id: String, request: ScanRequest) {
    self.source = source
    self.id = id
    self.request = request
  }

  package init(_ message: Message) throws(BadMessage) {
    for (name, limit) in [("ce_id", 256), ("ce_source", 1024)] {
      guard let text = message.header(name), (1...limit).contains(text.utf8.count) else {
        throw BadMessage(
          "malformed", "the header \(name) is missing, not UTF-8, or longer than \(limit) bytes")
      }
    }
    guard message.header("ce_specversion") == "1.0",
      message.header("ce_type") == CloudEventType.scanRequested
    else {
      throw BadMessage(
        "schema",
        "the headers ce_specversion and ce_type must be 1.0 and "
          + CloudEventType.scanRequested)
    }
    id = message.header("ce_id") ?? ""
    source = message.header("ce_source") ?? ""
    request = try ScanRequest(reading: message.value)
    // PostgreSQL's text cannot hold a NUL.
    guard !id.utf8.contains(0), !source.utf8.contains(0),
      !request.json.text.contains(#"\u0000"#)
    else { throw BadMessage("schema", "a NUL character is in a header or in the request") }
    try Self.check(key: message.key, against: request)
  }

  /// The key decides the partition and, by the topic's access list, who may write it: so it must
  /// say the same as the request.
  private static func check(key: [UInt8]?, against request: ScanRequest) throws(BadMessage) {
    let text = key.flatMap { String(validating: $0, as: UTF8.self) } ?? ""
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 || Scope(text) != nil else {
      throw BadMessage(
        "malformed",
        "the key is neither tenant/connection nor a scope key "
          + "tenant/connection/platform/account")
    }
    guard parts[0] == request.tenant else {
      throw BadMessage("tenant", "the key names another tenant than the request")
    }
    guard parts[1] == request.connection else {
      throw BadMessage("schema", "the key names another connection than the request")
    }
    guard parts.count == 2 || request.scopes == [parts[3]] else {
      throw BadMessage("schema", "the key names one account, and the request's scopes are others")
    }
  }
}
