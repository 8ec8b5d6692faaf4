internal import Evaluation
internal import JSONReader
internal import Loading
internal import Model
internal import Pipeline
internal import Scheduling
internal import Synchronization

/// Does what a schedule's actions say.
final class Director: Sendable {
  /// A scan that somebody asked for.
  struct Request: Sendable, Equatable {
    var tenant: String
    var id: String
    var account: String?
    /// Whether the broker has it.
    var isSent = false
  }

  private struct State {
    var requests: [Request] = []
    var unlisted: Set<Int> = []
    var users = 0
    var replays = 0
    var pending = 0
  }

  private let installation: Installation
  private let state = Mutex(State())
  private var kernel: Kernel { installation.kernel }
  private var world: World { installation.world }

  init(_ installation: Installation) { self.installation = installation }

  var requests: [Request] { state.withLock { $0.requests } }
  /// Orders that are not carried out yet.
  var pending: Int { state.withLock { $0.pending } }

  /// What there is before anything happens.
  func setUp() {
    for tenant in 0..<world.tenants {
      apply(connectionOf: tenant)
      for account in 0..<world.accounts {
        for collection in SimulatedCollection.allCases {
          let key = self.key(tenant, account, collection.rawValue)
          let count =
            switch collection {
            case .role, .policy: world.objects
            case .user, .group: min(1, world.objects)
            case .activity: 0
            }
          for object in 0..<count { installation.platform.put(Names.object(object), in: key) }
        }
      }
    }
  }

  /// Plans all actions.
  func direct(_ schedule: Schedule) {
    for timed in schedule.actions {
      state.withLock { $0.pending += 1 }
      kernel.schedule(after: .milliseconds(timed.at)) {
        self.kernel.trace("director", timed.action.description)
        self.perform(timed.action)
        self.state.withLock { $0.pending -= 1 }
      }
    }
  }

  private func perform(_ action: Action) {
    switch action {
    case .crash(let process): with(process) { kernel.crash($0) }
    case .pause(let process, let time):
      with(process) { life in
        kernel.pause(life)
        kernel.schedule(after: .milliseconds(time)) { self.kernel.resume(life) }
      }
    case .stop(let process): with(process) { kernel.stop($0) }
    case .evict(let process): with(process) { installation.broker.evict($0) }
    case .replace(let process, let time):
      with(process) { life in
        kernel.pause(life)
        kernel.start(process)
        kernel.schedule(after: .milliseconds(time)) { self.kernel.resume(life) }
      }
    case .crashDatabase: installation.database.crash()
    case .rebalance(let group): installation.broker.rebalance(group)
    case .forget(let topic, let share): forget(topic, share)
    case .recreate(let topic): installation.broker.recreate(topic)
    case .jump(let hours): kernel.jump(.seconds(hours * 3600))
    case .scan, .repeatScan, .cancel, .retire, .decide, .list, .replay: order(action)
    case .release, .suppress: answer(action)
    case .put, .remove, .fill, .trouble, .repeatObject, .expireTokens: change(action)
    }
  }

  private func with(_ process: String, _ body: (LifeID) -> Void) {
    if let life = kernel.current(process) { body(life) }
  }

  private func forget(_ topic: String, _ share: Int) {
    for number in 0..<Int32(world.partitions) {
      let partition = TopicPartition(topic: topic, partition: number)
      let kept = installation.broker.kept(partition)
      installation.broker.forget(
        partition, below: kept.lowerBound + Int64(kept.count * share / 100))
    }
  }

  // MARK: On the platform

  private func change(_ action: Action) {
    let platform = installation.platform
    switch action {
    case .put(let tenant, let account, let collection, let object, let isMalformed):
      platform.put(
        Names.object(object), in: key(tenant, account, collection), isMalformed: isMalformed)
    case .remove(let tenant, let account, let collection, let object):
      platform.remove(Names.object(object), from: key(tenant, account, collection))
    case .fill(let tenant, let account, let collection, let count):
      let key = key(tenant, account, collection)
      for object in platform.objects(of: key).dropFirst(count) {
        platform.remove(object, from: key)
      }
      for object in 0..<count where !platform.objects(of: key).contains(Names.object(object)) {
        platform.put(Names.object(object), in: key)
      }
    case .trouble(let tenant, let account, let collection, let kind):
      guard let trouble = SimulatedPlatform.Trouble(rawValue: kind) else { return }
      platform.change(key(tenant, account, collection)) { $0.trouble.append(trouble) }
    case .repeatObject(let tenant, let account, let collection):
      platform.change(key(tenant, account, collection)) { $0.repeats = true }
    case .expireTokens(let tenant, let account):
      let key = key(tenant, account, SimulatedCollection.policy.rawValue)
      platform.change(key) { $0.oldestToken = $0.changes.count }
    default: break
    }
  }

  private func key(_ tenant: Int, _ account: Int, _ collection: String) -> CollectionKey {
    CollectionKey(
      scope: Names.scope(tenant % world.tenants, account % world.accounts).description,
      collection: collection)
  }

  // MARK: By users

  private func order(_ action: Action) {
    switch action {
    case .scan(let tenant, let account):
      let number = state.withLock { state in
        state.requests.append(
          Request(
            tenant: Names.tenant(tenant % world.tenants), id: "request-\(state.requests.count)",
            account: account.map { Names.account($0 % world.accounts) }))
        return state.requests.count - 1
      }
      send(number)
    case .repeatScan(let number):
      if number < requests.count { send(number) }
    case .cancel(let number):
      guard number < requests.count else { return }
      let request = requests[number]
      asUser { [self] context in
        let scan = installation.database.reading { state in
          state.scans.rows { $1.request.tenant == request.tenant && $1.requestID == request.id }
            .first?
            .row.scan
        }
        guard let scan else { return }
        let cancellation = Cancellation(store: installation.queue(context), now: context.now)
        _ = try await cancellation.cancel(scan: scan, tenant: request.tenant, by: "user")
      }
    case .retire(let tenant, let account, let collection):
      let scope = Names.scope(tenant % world.tenants, account % world.accounts)
      asUser { [self] context in
        let retirement = Retirement(store: installation.loading(context), now: context.now)
        _ = try await retirement.retire(scope, collection: collection, by: "user")
      }
    case .decide(let tenant, let account, let collection, let confirmed):
      let scope = Names.scope(tenant % world.tenants, account % world.accounts)
      asUser { [self] context in
        let suspects = SuspectRemovals(store: installation.loading(context), now: context.now)
        _ = try await suspects.decide(
          confirmed ? .confirmed : .rejected, scope, collection, epoch: nil, by: "user")
      }
    case .replay(let tenant, let account):
      replay(Names.scope(tenant % world.tenants, account % world.accounts))
    case .list(let tenant, let account, let isListed):
      let number = (tenant % world.tenants) << 16 | account % world.accounts
      state.withLock { state in
        if isListed { state.unlisted.remove(number) } else { state.unlisted.insert(number) }
      }
      apply(connectionOf: tenant % world.tenants)
    default: break
    }
  }

  private func answer(_ action: Action) {
    switch action {
    case .release(let tenant, let account):
      let name = Names.tenant(tenant % world.tenants)
      let scope = account.map { Names.scope(tenant % world.tenants, $0 % world.accounts) }
      asUser { [self] context in
        let orders = FindingOrders(store: installation.evaluation(context), now: context.now)
        let release = FindingRelease(scope: scope?.description)
        _ = try await orders.release(release, of: name, by: "user")
      }
    case .suppress(let tenant, let number, let hours):
      let name = Names.tenant(tenant % world.tenants)
      asUser { [self] context in
        let open = installation.database.reading { state in
          state.findings.rows { id, change in id.tenant == name && change.life.state.isOpen }
        }
        guard !open.isEmpty else { return }
        let orders = FindingOrders(store: installation.evaluation(context), now: context.now)
        let suppression = Suppression(
          owner: "team", reason: "known", endsAt: context.now() + .seconds(3600 * hours + 30))
        _ = try await orders.suppress(
          open[number % open.count].key.uid, suppression, of: name, by: "user")
      }
    default: break
    }
  }

  private func send(_ number: Int) {
    let request = requests[number]
    asUser { [self] context in
      let value = ScanRequest(
        tenant: request.tenant, connection: Names.connection,
        scopes: request.account.map { [$0] } ?? [], reason: "simulated", requestedBy: "user")
      let event = CloudEvent(
        id: request.id, source: "simulation", type: CloudEventType.scanRequested,
        time: context.now())
      let message = OutgoingMessage(
        topic: Topic.scanRequest, key: Array("\(request.tenant)/\(Names.connection)".utf8),
        value: value.json.bytes, headers: event.headers)
      let producer = context.producer(installation.broker)
      // Time may jump while it is on its way.
      while true {
        do {
          try await producer.produce(message)
          break
        } catch SimulatedFailure.refused {
          try await context.sleep(.seconds(1))
        }
      }
      state.withLock { $0.requests[number].isSent = true }
    }
  }

  /// As `sv0 replay` does it. What goes wrong on the way ends it.
  private func replay(_ scope: Scope) {
    let number = state.withLock { state in
      state.replays += 1
      return state.replays
    }
    kernel.launch("replay-\(number)") { [self] context in
      let replays = installation.replays(context)
      let replay: Replay
      do {
        replay = try await replays.begin(scope, by: "user")
      } catch is SchedulingError, is SimulatedFailure {
        return
      }
      do {
        let emission = ScopeEmission(
          of: replay, by: replays,
          from: SimulatedKeptRecords(broker: installation.broker, process: context),
          through: installation.producer(context), now: context.now)
        _ = try await emission.run()
      } catch is SchedulingError, is SimulatedFailure {
        _ = try? await replays.abandon(replay, because: "it failed")
      }
    }
  }

  /// A person at a terminal: nothing happens to them but latency.
  private func asUser(_ body: @escaping @Sendable (ProcessContext) async throws -> Void) {
    let name = state.withLock { state in
      state.users += 1
      state.pending += 1
      return "user-\(state.users)"
    }
    kernel.launch(name) { context in
      defer { self.state.withLock { $0.pending -= 1 } }
      try await body(context)
    }
  }

  private func apply(connectionOf tenant: Int) {
    let unlisted = state.withLock { $0.unlisted }
    let accounts = (0..<world.accounts).filter { !unlisted.contains(tenant << 16 | $0) }
      .map { Names.account($0) }
    let json: JSON = [
      "tenant": .string(Names.tenant(tenant)), "connection": .string(Names.connection),
      "platform": "aws", "settings": ["accounts": .strings(accounts)],
      "credentials": ["type": "environment"],
    ]
    do {
      let document = try ConnectionDocument(json)
      installation.database.transaction("user.connection") {
        $0.store(document, at: kernel.now)
      }
    } catch {
      // An empty list of accounts is refused: the connection stays as it was.
      guard accounts.isEmpty else { return kernel.problem("the connection is refused: \(error)") }
    }
  }
}
