public import Model
public import PostgresClient

/// Requests the scans that connections' schedules ask for.
///
/// Invariants:
/// 1. In each slot of a schedule an account is requested once, when its moment has come
///    (`ScanSchedule`).
/// 2. A request's id says slot and moment. Several schedulers, or one that was started again, make
///    the same requests, and what is `repeated` changes nothing.
/// 3. What was missed is made up for while its slot lasts, and not after it.
/// 4. An organization's accounts are listed once a slot: one that is new is scanned from the next
///    slot on. Failing to list them is on record once a slot, as a rejected scan, and is tried
///    again every minute; nothing else is held up.
public actor ScheduledScans {
  private struct Progress {
    var connection: ConnectionDocument
    var slot: Int64
    /// How many of the slot's moments were requested.
    var requested: Int32 = 0
    var accounts: [DiscoveredAccount]?
    var retryFrom: Timestamp?
  }

  private let store: any QueueStore
  private let admission: Admission
  private let discovery: OrganizationDiscovery
  private let now: @Sendable () -> Timestamp
  private var progress: [FairOrder.Connection: Progress] = [:]

  /// - Parameters:
  ///   - knownCollections: what each platform's connector offers, without regions.
  ///   - accounts: lists an organization's accounts.
  ///   - makeID: a new id for the time given.
  public init(
    pool: PostgresPool, knownCollections: [Platform: [OfferedCollection]],
    accounts: [Platform: AccountListing.Source],
    makeID: @escaping @Sendable (Timestamp) throws -> ULID,
    now: @escaping @Sendable () -> Timestamp
  ) {
    store = PostgresQueueStore(pool: pool)
    admission = Admission(knownCollections: knownCollections, makeID: makeID)
    discovery = OrganizationDiscovery(sources: accounts)
    self.now = now
  }

  /// One turn; there is never more to do right now.
  public func turn() async throws -> Bool {
    let documents = try await store.scheduledConnections()
    var present: Set<FairOrder.Connection> = []
    for (connection, text) in documents {
      present.insert(connection)
      // One that this version cannot read is refused whenever somebody requests it.
      guard let document = try? ConnectionDocument(stored: text, of: connection.connection),
        let schedule = document.schedule
      else { continue }
      try await request(document, schedule, as: connection)
    }
    progress = progress.filter { present.contains($0.key) }
    return false
  }

  private func request(
    _ connection: ConnectionDocument, _ schedule: ScanSchedule, as key: FairOrder.Connection
  ) async throws {
    let time = now()
    let slot = schedule.slot(at: time)
    var state = progress[key] ?? Progress(connection: connection, slot: slot)
    if state.connection != connection || state.slot != slot {
      state = Progress(connection: connection, slot: slot)
    }
    defer { progress[key] = state }
    let begun = schedule.begun(in: slot, at: time)
    guard state.requested < begun, state.retryFrom.map({ $0 <= time }) ?? true else { return }
    let id = schedule.beginning(of: slot).description
    guard let accounts = try await accounts(&state, failing: "\(id)/accounts", at: time) else {
      return
    }
    let moments = Dictionary(grouping: accounts) { account in
      schedule.moment(
        of: Scope(
          tenant: connection.tenant, connection: connection.connection,
          platform: connection.platform, account: account.id))
    }
    while state.requested < begun {
      if let members = moments[state.requested] {
        try await admit(
          connection, "\(id)/\(state.requested)", members.map(\.id), .accounts(accounts), at: time)
      }
      state.requested += 1
    }
  }

  /// - Parameter id: of the rejected scan that says that they could not be listed.
  private func accounts(
    _ state: inout Progress, failing id: String, at time: Timestamp
  ) async throws -> [DiscoveredAccount]? {
    if let known = state.accounts { return known }
    guard state.connection.organization != nil else {
      return try state.connection.accounts(asked: [], discovered: [])
    }
    let listing = try await discovery.accounts(of: state.connection)
    guard case .accounts(let found) = listing else {
      try await admit(state.connection, id, [], listing, at: time)
      state.retryFrom = time + .seconds(60)
      return nil
    }
    let accounts = try state.connection.accounts(asked: [], discovered: found)
    state.accounts = accounts
    return accounts
  }

  private func admit(
    _ connection: ConnectionDocument, _ id: String, _ accounts: [String],
    _ listing: AccountListing, at time: Timestamp
  ) async throws {
    let request = ScanRequest(
      tenant: connection.tenant, connection: connection.connection, scopes: accounts,
      reason: "schedule", requestedBy: "sv0 scheduler")
    do {
      let result = try await store.admit(
        IdentifiedRequest(
          source: "sv0://\(connection.tenant)/\(connection.connection)/schedule", id: id,
          request: request),
        by: admission.knowing(listing, of: connection), at: time)
      tally("sv0_scan_requests_total", ("result", result.rawValue))
    } catch is DiscoveryNeeded {
      // The connection was replaced meanwhile: its next turn begins anew.
    }
  }
}
