import Model
import Pipeline
import Scheduling

@testable import Simulation

extension StoreStory {
  mutating func store(_ tenant: String, accounts: [String]) -> StoreCall {
    let document = Self.connection(tenant, accounts: accounts, disabled: random.chance(10))
    let at = now
    return StoreCall("store connection of \(tenant) with \(accounts)") { stores, _ in
      try await stores.queue.store(try document.get(), at: at)
      return "stored"
    }
  }

  private static func connection(
    _ tenant: String, accounts: [String], disabled: Bool
  ) -> Result<ConnectionDocument, any Error> {
    Result {
      try ConnectionDocument([
        "tenant": .string(tenant), "connection": "prod", "platform": "aws",
        "settings": ["accounts": .strings(accounts), "regions": ["r1"]],
        "credentials": ["type": "environment"],
        "collections": ["disable": disabled ? ["aws.use"] : []],
        "schedule": accounts.count == 1 ? ["every": "24h"] : .null,
      ])
    }
  }

  mutating func schedule(_ state: DatabaseState) -> StoreCall {
    switch random.below(100) {
    case 0..<20: request(state)
    case 20..<40: dispatch()
    case 40..<76: progress(state)
    case 76..<86: expire(state)
    case 86..<90: cancel(state)
    case 90..<95: replay(state)
    case 95..<97:
      store(
        "acme", accounts: random.pick([Self.accounts, [Self.accounts[0]], [Self.accounts[1]]]))
    default: list(state)
    }
  }

  /// - Parameter scope: all of that one; `nil` for anything.
  mutating func request(_ state: DatabaseState, of scope: Scope? = nil) -> StoreCall {
    let known = Self.known
    requests += random.chance(90) ? 1 : 0
    let tenant = random.chance(80) ? "acme" : "bolt"
    var request = ScanRequest(
      tenant: tenant, connection: random.chance(97) ? "prod" : "none",
      scopes: random.pick([
        [], [Self.accounts[0]], [Self.accounts[0]], [Self.accounts[0]], [Self.accounts[0]],
        [Self.accounts[0]], [Self.accounts[0]], [Self.accounts[1]],
        random.chance(20) ? ["333333333333"] : [],
      ]),
      collections: random.pick([
        [], [], [], ["aws.iam.*"], ["aws.lambda.function"], ["aws.lambda.function@r1"],
        random.chance(20) ? ["gone"] : [],
      ]), reason: "test", priority: random.pick(Priority.allCases), requestedBy: "somebody")
    if let scope {
      request = ScanRequest(
        tenant: scope.tenant, connection: scope.connection, scopes: [scope.account],
        reason: "test", requestedBy: "somebody")
    }
    let text = request.json.text
    let message = Message(
      topic: Topic.scanRequest, partition: 0, offset: 0, timestamp: now,
      key: Array("\(request.tenant)/\(request.connection)".utf8), value: Array(text.utf8),
      headers: [
        MessageHeader("ce_id", "request-\(requests)"), MessageHeader("ce_source", "test"),
        MessageHeader("ce_specversion", "1.0"),
        MessageHeader("ce_type", CloudEventType.scanRequested),
      ])
    let at = now
    return StoreCall("admit request-\(requests) \(text)") { stores, ids in
      let admission = Admission(knownCollections: [.aws: known]) { ids.next(at: $0) }
      let result = try await stores.queue.admit(
        try IdentifiedRequest(message), by: admission, at: at)
      return "\(result)"
    }
  }

  mutating func dispatch() -> StoreCall {
    var limits = Self.limits
    limits.inFlight = random.pick([1, 3, 3, 3, 8])
    limits.inFlightPerTenant = limits.inFlight == 8 ? 2 : 8
    let dispatching = Dispatching(
      platform: .aws, rawPartitions: 2, knownCollections: Self.known, limits: limits)
    let at = now
    return StoreCall("dispatch, \(limits.inFlight) in flight, \(limits.inFlightPerTenant) of one") {
      stores, _ in
      "\(try await stores.queue.dispatch(dispatching, at: at))"
    }
  }

  private mutating func change(
    _ run: StoredRun, _ events: [RunMachine.Event], _ reports: [CollectionReport] = []
  ) -> StoreCall {
    let (at, limits) = (now, Self.limits)
    return StoreCall("change \(run.run) by \(events) \(reports)") { stores, _ in
      let changed = try await stores.queue.change(run.key, at: at) { stored in
        var change = RunChange(.ignore)
        for event in events {
          change.action = max(
            change.action, stored.machine.handle(event, at: at, limits: limits))
        }
        if change.action > .ignore { change.collections = reports }
        return change
      }
      return "\(String(describing: changed))"
    }
  }

  private mutating func progress(_ state: DatabaseState) -> StoreCall {
    let underWay = state.runs.all.map(\.row).filter { [.dispatched, .leased].contains($0.state) }
    let any = state.runs.all.map(\.row)
    guard let run = random.chance(85) ? pick(underWay) ?? pick(any) : pick(any) else {
      return dispatch()
    }
    let attempt = run.stored.machine.attempt + (random.chance(8) ? random.below(3) - 1 : 0)
    let outcome = random.pick(Outcome.allCases)
    var events: [RunMachine.Event] = []
    var reports: [CollectionReport] = []
    for _ in 0...random.below(3) {
      let phase: Progress.Phase
      switch random.below(10) {
      case 0..<4: phase = .heartbeat
      case 4..<7:
        let report = CollectionReport(
          collection: random.pick(Self.known).name, attempt: attempt, outcome: outcome,
          records: Int64(random.below(3)), missing: outcome == .denied ? ["iam:List"] : [],
          message: random.chance(30) ? "because" : nil)
        reports.append(report)
        phase = .collectionEnded(
          collection: report.collection, outcome: outcome, records: report.records,
          missing: report.missing, message: report.message)
      default: phase = .ended(outcome: random.chance(80) ? .complete : .failed, message: nil)
      }
      events.append(
        .progress(
          Progress(
            run: run.stored.run, attempt: attempt, phase: phase,
            records: Int64(random.below(50)), calls: Int64(random.below(9)), at: now)))
    }
    return change(run.stored, events, reports)
  }

  private mutating func expire(_ state: DatabaseState) -> StoreCall {
    let silent = state.silentRuns(at: now, limit: 100).compactMap { state.runs[$0]?.stored }
    guard let run = pick(silent) else { return list(state) }
    if random.chance(90) { plans = [.dispatch, .drop] }
    return change(run, [.timePassed])
  }

  private mutating func cancel(_ state: DatabaseState) -> StoreCall {
    guard let run = pick(state.runs.all.map(\.row.stored)) else { return request(state) }
    return change(run, [.cancelled(reason: "cancelled by somebody")])
  }

  private mutating func replay(_ state: DatabaseState) -> StoreCall {
    guard let scope = pick(state.scopes.all.compactMap { Scope($0.key) }) else {
      return request(state)
    }
    let (at, limits) = (now, Self.limits)
    return StoreCall("replay \(scope)") { stores, ids in
      let admission = ReplayAdmission(
        scope: scope, requestedBy: "somebody", rawPartitions: 2, limits: limits
      ) { ids.next(at: $0) }
      return "\(try await stores.queue.admit(admission, at: at))"
    }
  }

  private mutating func list(_ state: DatabaseState) -> StoreCall {
    let (at, limit) = (now, 1 + random.below(3))
    let scan = pick(state.scans.all.map(\.key))
    if let scan, random.chance(50) {
      return StoreCall("runs of \(scan)") { stores, _ in
        let runs = try await stores.queue.runs(ofScan: scan.scan, tenant: scan.tenant)
        let others = try await stores.queue.runs(ofScan: scan.scan, tenant: "other")
        return "\(String(describing: runs)) \(String(describing: others))"
      }
    }
    if limit == 3 {
      return StoreCall("scheduled connections") { stores, _ in
        "\(try await stores.queue.scheduledConnections().map(\.0))"
      }
    }
    return StoreCall("silent runs, \(limit)") { stores, _ in
      "\(try await stores.queue.silentRuns(at: at, limit: limit))"
    }
  }

  mutating func relay(_ state: DatabaseState) -> StoreCall {
    let lease = RelayLease(
      name: random.chance(50) ? "outbox" : "status", holder: random.chance(80) ? "one" : "two")
    let at = now
    switch random.below(10) {
    case 0..<3: return outbox(lease)
    case 3..<5:
      let places = (0..<state.outbox.count).filter { _ in random.chance(50) }
      return StoreCall("delete from the outbox \(places)") { stores, _ in
        let ids = try await stores.outboxIDs()
        try await stores.queue.deleteOutbox(places.map { ids[$0] } + [1 << 40])
        return "deleted"
      }
    case 5:
      return StoreCall("renew \(lease)") { stores, _ in
        "\(try await stores.queue.renew(lease, at: at))"
      }
    case 6..<8:
      let limit = 1 + random.below(5)
      return StoreCall("unpublished runs, \(limit), under \(lease)") { stores, _ in
        let runs = try await stores.queue.unpublishedRuns(limit: limit, under: lease, at: at)
        return "\(String(describing: runs))"
      }
    default:
      let runs = state.runs.all.map(\.row).filter { _ in random.chance(70) }.map { run in
        PublishedRun(run: run.stored.key, version: max(1, run.version - Int64(random.below(3))))
      }
      return StoreCall("mark published under \(lease) \(runs)") { stores, _ in
        "\(try await stores.queue.markPublished(runs, under: lease, at: at))"
      }
    }
  }

  private mutating func outbox(_ lease: RelayLease) -> StoreCall {
    let dispatches = Topic.scanDispatch(.aws)
    let topics = random.pick([[dispatches], [Topic.findings], [dispatches, Topic.findings]])
    let limit = OutboxLimit(
      messages: 1 + random.below(8), bytes: random.pick([1, 900, 5000, 1 << 20]))
    let at = now
    return StoreCall("outbox of \(topics) up to \(limit) under \(lease)") { stores, _ in
      let entries = try await stores.queue.outbox(of: topics, upTo: limit, under: lease, at: at)
      let places = try await stores.outboxIDs()
      let found = entries.map { entries in
        entries.map { "\(places.firstIndex(of: $0.id) ?? -1) \($0.tenant) \($0.message.inOrder)" }
      }
      return "\(String(describing: found))"
    }
  }
}

extension OutgoingMessage {
  /// Headers have no order in the outbox.
  fileprivate var inOrder: OutgoingMessage {
    var message = self
    message.headers.sort { $0.name < $1.name }
    return message
  }
}
