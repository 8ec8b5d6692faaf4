internal import Evaluation
package import Model
package import Scheduling

extension DatabaseState {
  package mutating func store(_ connection: ConnectionDocument, at now: Timestamp) {
    tenants.insert(
      TenantClock(
        tenant: connection.tenant, graphVersion: 0, evaluatedVersion: 0, firstChangedAt: nil,
        lastChangedAt: nil, nextDueAt: nil), as: connection.tenant)
    connections[ConnectionKey(tenant: connection.tenant, connection: connection.connection)] =
      ConnectionRow(platform: connection.platform, document: connection.json, appliedAt: now)
  }

  package func scheduledConnections() -> [(FairOrder.Connection, document: String)] {
    connections.rows { $1.document["schedule"] != nil }.map { key, row in
      (FairOrder.Connection(tenant: key.tenant, connection: key.connection), row.document.text)
    }
  }

  package mutating func admit(
    _ request: IdentifiedRequest, by admission: Admission, at now: Timestamp
  ) throws -> Admission.Result {
    let tenant = request.request.tenant
    let connection = ConnectionKey(tenant: tenant, connection: request.request.connection)
    let scan = try admission.scan(
      for: request, document: connections[connection]?.document.text, at: now)
    let isRepeated = scans.contains { key, other in
      key.tenant == tenant && other.source == scan.source && other.requestID == scan.requestID
    }
    guard !isRepeated else { return .repeated }
    scans[ScanKey(tenant: tenant, scan: scan.scan)] = scan
    guard scan.refusal == nil else { return .rejected }
    var epochs: [(scope: String, epoch: Int64)] = []
    var busy: [String: String] = [:]
    for scope in scan.scopes {
      let epoch = (scopes[scope] ?? 0) + 1
      scopes[scope] = epoch
      unlisted[scope] = nil
      epochs.append((scope, epoch))
      busy[scope] = runs.rows { $1.stored.scope == scope && $1.isPending }.first?.key.run
    }
    if let listed = scan.listed.map(Set.init) {
      let known = scopes(of: connection.connection, tenant: tenant).map(\.description)
      for scope in known where !listed.contains(scope) && unlisted[scope] == nil {
        unlisted[scope] = now
      }
    }
    for run in try admission.runs(of: scan, epochs: epochs, busy: busy) { insert(run) }
    return .accepted
  }

  package mutating func admit(
    _ replay: ReplayAdmission, at now: Timestamp
  ) throws -> ReplayAdmission.Result {
    let scope = replay.scope.description
    let unapplied = runs.rows {
      $1.stored.scope == scope && ($1.isPending || $1.state == .extracted)
    }.map(\.row.stored)
    let applied = collections.rows { key, _ in key.scope == scope }.compactMap { key, row in
      row.applied.map { listing in
        AppliedCollection(
          collection: key.collection, run: listing.run, attempt: listing.attempt,
          epoch: listing.epoch, outcome: listing.outcome, kind: listing.kind,
          records: listing.records, token: row.token, raw: listing.raw)
      }
    }
    let decision = try replay.decide(
      lastEpoch: scopes[scope], unapplied: unapplied.min { $0.epoch < $1.epoch },
      collections: applied, at: now)
    switch decision {
    case .refuse(let why): return .refused(why)
    case .admit(let scan, let run, let replay):
      scopes[scope] = replay.epoch
      scans[ScanKey(tenant: scan.request.tenant, scan: scan.scan)] = scan
      insert(run)
      return .admitted(replay)
    }
  }

  package func origin(of collection: AppliedCollection, in scope: Scope) -> AppliedOrigin? {
    let key = CollectionKey(scope: scope.description, collection: collection.collection)
    guard let row = collections[key] else { return nil }
    let calls = calls[
      RunCollectionKey(
        run: RunKey(tenant: scope.tenant, run: collection.run), collection: collection.collection)]
    return AppliedOrigin(
      knownAt: row.completedAt ?? row.outcomeAt,
      calls: calls.flatMap { $0.attempt == collection.attempt ? $0.calls : nil } ?? [])
  }

  private mutating func insert(_ run: NewRun) { runs[run.run.key] = RunRecord(run) }

  package mutating func dispatch(_ dispatching: Dispatching, at now: Timestamp) -> [RunKey] {
    guard runs.contains(where: { $1.state == .queued }) else { return [] }
    let ofPlatform = runs.rows { Scope($1.stored.scope)?.platform == dispatching.platform }
      .map(\.row)
    var inFlight: [FairOrder.Connection: Int] = [:]
    for run in ofPlatform where [.dispatched, .leased].contains(run.state) {
      inFlight[run.connection, default: 0] += 1
    }
    let queued = ofPlatform.filter { run in
      run.state == .queued
        && scans[ScanKey(tenant: run.stored.tenant, scan: run.stored.scan)] != nil
    }
    let order = FairOrder.sorted(
      queued.map { run in
        FairOrder.Run(
          key: run.stored.key, connection: run.connection.connection, priority: run.priority,
          allocatedAt: run.allocatedAt)
      }, inFlight: inFlight, roomPerTenant: dispatching.roomPerTenant)
    let room = dispatching.room(inFlight: inFlight.values.reduce(0, +))
    let chosen = order.prefix(room).compactMap(queuedRun)
    for queued in chosen {
      let decision = dispatching.decide(queued, at: now)
      store(decision.run, decision.action, at: now)
      if let message = decision.message { promise(message, of: queued.run.tenant, at: now) }
    }
    return chosen.map(\.run.key)
  }

  private func queuedRun(_ key: RunKey) -> QueuedRun? {
    guard let run = runs[key]?.stored, let scope = Scope(run.scope),
      let scan = scans[ScanKey(tenant: run.tenant, scan: run.scan)]
    else { return nil }
    let connection = ConnectionKey(tenant: run.tenant, connection: scope.connection)
    var tokens: [String: String] = [:]
    for (key, row) in collections.rows(where: { key, _ in key.scope == run.scope }) {
      tokens[key.collection] = row.token
    }
    return QueuedRun(
      run: run, request: scan.request.json.bytes,
      document: connections[connection]?.document.text, tokens: tokens)
  }

  package func silentRuns(at now: Timestamp, limit: Int) -> [RunKey] {
    runs.rows { _, run in run.stored.machine.leaseUntil.map { $0 <= now } ?? false }
      .sorted { left, right in
        let (first, second) = (left.row.leaseUntil, right.row.leaseUntil)
        return first == second ? RunKey.precedes(left.key, right.key) : first < second
      }.prefix(limit).map(\.key)
  }

  package mutating func change(
    _ key: RunKey, at now: Timestamp, _ decide: (inout StoredRun) throws -> RunChange
  ) throws -> ChangedRun? {
    guard var run = runs[key]?.stored else { return nil }
    let change = try decide(&run)
    var action = change.action
    for report in change.collections {
      let place = RunCollectionKey(run: key, collection: report.collection)
      guard runCollections[place] != report else { continue }
      runCollections[place] = report
      action = max(action, .store)
    }
    store(run, action, at: now)
    return ChangedRun(run: run, action: change.action)
  }

  /// What a machine asked for.
  private mutating func store(_ run: StoredRun, _ action: RunMachine.Action, at now: Timestamp) {
    switch action {
    case .ignore: return
    case .renewLease:
      var machine = runs[run.key]?.stored.machine ?? run.machine
      machine = RunMachine(
        state: machine.state, attempt: machine.attempt, failures: machine.failures,
        isHeard: machine.isHeard, leaseUntil: run.machine.leaseUntil, records: machine.records,
        calls: machine.calls, reason: machine.reason)
      runs[run.key]?.stored.machine = machine
      return
    case .store, .storeAndWithdraw, .storeFailure: runs[run.key]?.store(run.machine, at: now)
    }
    if action == .storeAndWithdraw, let scope = Scope(run.scope) {
      withdraw([run.dispatchKey], on: Topic.scanDispatch(scope.platform), of: run.tenant)
    }
    if action == .storeFailure {
      runs[run.key]?.graphVersion = tenants[run.tenant]?.changed(at: now)
      failCollections(of: run, because: run.machine.reason ?? "", at: now)
    }
  }

  package func runs(ofScan scan: String, tenant: String) -> [StoredRun]? {
    guard scans[ScanKey(tenant: tenant, scan: scan)] != nil else { return nil }
    return runs.rows { $0.tenant == tenant && $1.stored.scan == scan }.map(\.row.stored)
      .sorted { $0.scope.precedes($1.scope) }
  }
}

extension RunRecord {
  fileprivate var leaseUntil: Timestamp {
    stored.machine.leaseUntil ?? Timestamp(milliseconds: .max)
  }

  fileprivate var connection: FairOrder.Connection {
    FairOrder.Connection(
      tenant: stored.tenant, connection: Scope(stored.scope)?.connection ?? "")
  }
}
