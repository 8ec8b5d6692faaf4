extension Schedule {
  /// The schedule of a seed.
  public static func random(_ seed: UInt64) -> Schedule {
    var random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 0x5EED)
    let world = World.random(&random)
    var schedule = Schedule(seed: seed, world: world)
    // A first scan of everything, so that there is something to lose.
    for tenant in 0..<world.tenants {
      schedule.actions.append(Timed(500 + random.below(3000), .scan(tenant: tenant, account: nil)))
    }
    let rounds = 1 + random.below(3)
    var time = 4000
    for _ in 0..<rounds {
      for _ in 0..<random.below(5) {
        schedule.actions.append(Timed(time + random.below(9000), world.change(&random)))
      }
      let account = random.chance(50) ? nil : random.below(world.accounts)
      time += 6000 + random.below(12_000)
      schedule.actions.append(
        Timed(time, .scan(tenant: random.below(world.tenants), account: account)))
    }
    if random.chance(25) { schedule.actions += world.landslide(after: time, &random) }
    if random.chance(30) { schedule.actions += world.replay(after: time, &random) }
    // Most of it soon after a scan was asked for, when there is something to disturb.
    let scans = schedule.actions.filter { if case .scan = $0.action { true } else { false } }
    func soon() -> Int {
      random.chance(70)
        ? random.pick(scans).at + random.below(9000) : random.below(time + 8000)
    }
    for _ in 0..<random.below(4) { schedule.actions.append(Timed(soon(), world.order(&random))) }
    for _ in 0..<random.below(7) {
      schedule.actions.append(Timed(soon(), world.disturbance(&random)))
    }
    // An extractor that is silent for longer than its lease, in the middle of an attempt.
    if random.chance(25) {
      let extractor = "extractor-\(1 + random.below(world.extractors))"
      schedule.actions.append(
        Timed(
          random.pick(scans).at + 1500 + random.below(4000),
          .pause(extractor, 22_000 + random.below(20_000))))
    }
    if random.chance(20) {
      // Some hours; or more than findings that were resolved, and facts about use, are kept for.
      let hours = random.chance(70) ? 1 + random.below(30) : 91 * 24 + random.below(100)
      schedule.actions.append(Timed(time + random.below(4000), .jump(hours)))
      schedule.actions.append(Timed(time + 5000, .scan(tenant: 0, account: nil)))
    }
    // What loses messages for good makes other checks weaker, so it is rare.
    if random.chance(6) {
      let topic = random.pick([Names.raw, Names.graph])
      let action: Action =
        random.chance(60) ? .forget(topic, 20 + random.below(80)) : .recreate(topic)
      schedule.actions.append(Timed(2000 + random.below(time), action))
    }
    // What is held is let go, early or late, and somebody answers for something.
    for _ in 0..<random.below(3) {
      schedule.actions.append(Timed(time / 2 + random.below(time), world.answer(&random)))
    }
    schedule.actions.sort { $0.at < $1.at }
    for _ in 0..<random.below(14) { schedule.faults.append(world.fault(&random)) }
    return schedule
  }
}

extension World {
  fileprivate static func random(_ random: inout SplitMix64) -> World {
    var world = World()
    world.tenants = random.chance(20) ? 2 : 1
    world.accounts = 1 + random.below(3)
    world.objects = random.below(6)
    world.partitions = 1 + random.below(3)
    world.schedulers = random.chance(35) ? 2 : 1
    world.extractors = random.chance(50) ? 2 : 1
    world.transformers = random.chance(40) ? 2 : 1
    world.loaders = random.chance(50) ? 2 : 1
    world.evaluators = random.chance(50) ? 2 : 1
    world.inFlight = 1 + random.below(4)
    world.roughness = random.chance(85) ? 1 : 0
    // Around what the scans of an account take.
    if random.chance(15) { world.staging = 2000 + random.below(12_000) }
    return world
  }

  /// Everything of a collection is gone at once, and what follows decides whether it was true.
  fileprivate func landslide(
    after time: Int, _ random: inout SplitMix64
  ) -> [Schedule.Timed] {
    let (tenant, account) = (random.below(tenants), random.below(accounts))
    let collection = random.pick([SimulatedCollection.role, .role, .user]).rawValue
    func fill(_ at: Int, _ count: Int) -> Schedule.Timed {
      Schedule.Timed(
        time + at, .fill(tenant: tenant, account: account, collection: collection, count: count))
    }
    func scan(_ at: Int) -> Schedule.Timed {
      Schedule.Timed(time + at, .scan(tenant: tenant, account: account))
    }
    var actions = [
      fill(0, 2 + random.below(24)), scan(1000), fill(20_000, random.below(2)), scan(21_000),
    ]
    if random.chance(60) {
      actions.append(
        Schedule.Timed(
          time + 40_000,
          .decide(
            tenant: tenant, account: account, collection: collection,
            confirmed: random.chance(60))))
    }
    if random.chance(50) { actions.append(fill(41_000, random.below(6))) }
    if random.chance(60) {
      actions += [Schedule.Timed(time + 42_000, .jump(20 + random.below(10))), scan(43_000)]
    } else {
      // What was resolved by then leaves its topic.
      actions += [Schedule.Timed(time + 60_000, .jump(91 * 24 + random.below(50))), scan(61_000)]
    }
    return actions
  }

  /// An account is read again once there is nothing to wait for, and scanned meanwhile.
  fileprivate func replay(after time: Int, _ random: inout SplitMix64) -> [Schedule.Timed] {
    let (tenant, account) = (random.below(tenants), random.below(accounts))
    let at = time + 12_000 + random.below(20_000)
    var actions = [Schedule.Timed(at, .replay(tenant: tenant, account: account))]
    for _ in 0..<random.below(3) {
      actions.append(Schedule.Timed(at - 2000 + random.below(8000), change(&random)))
    }
    if random.chance(60) {
      actions.append(
        Schedule.Timed(at - 1000 + random.below(12_000), .scan(tenant: tenant, account: account)))
    }
    if random.chance(40) { actions.append(Schedule.Timed(at + random.below(8000), order(&random))) }
    if random.chance(30) { actions.append(Schedule.Timed(at + random.below(8000), .crashDatabase)) }
    return actions
  }

  private func collection(_ random: inout SplitMix64) -> String {
    // Most things happen where there is most to get wrong.
    random.pick([
      SimulatedCollection.role, .role, .role, .policy, .policy, .policy, .user, .group, .activity,
    ]).rawValue
  }

  /// Something changes on the platform.
  fileprivate func change(_ random: inout SplitMix64) -> Action {
    let (tenant, account) = (random.below(tenants), random.below(accounts))
    let collection = collection(&random)
    switch random.below(22) {
    case 0..<7:
      return .put(
        tenant: tenant, account: account, collection: collection, object: random.below(6),
        isMalformed: false)
    case 7..<9:
      return .put(
        tenant: tenant, account: account, collection: collection, object: random.below(6),
        isMalformed: true)
    case 9..<12:
      return .remove(
        tenant: tenant, account: account, collection: collection, object: random.below(6))
    case 12..<14:
      return .fill(
        tenant: tenant, account: account, collection: collection,
        count: random.pick([0, 0, 0, 1, 22, 30]))
    case 14..<20:
      // A listing that breaks off is the one that is easiest to get wrong.
      let kinds = SimulatedPlatform.Trouble.allCases + [.partial, .partial, .partial]
      return .trouble(
        tenant: tenant, account: account, collection: collection,
        kind: random.pick(kinds).rawValue)
    case 20: return .repeatObject(tenant: tenant, account: account, collection: collection)
    default: return .expireTokens(tenant: tenant, account: account)
    }
  }

  /// Somebody orders something.
  fileprivate func order(_ random: inout SplitMix64) -> Action {
    let (tenant, account) = (random.below(tenants), random.below(accounts))
    switch random.below(13) {
    case 0..<2: return .repeatScan(random.below(3))
    case 2..<4: return .cancel(random.below(3))
    case 4: return .retire(tenant: tenant, account: account, collection: nil)
    case 5: return .retire(tenant: tenant, account: account, collection: collection(&random))
    case 6..<8:
      return .decide(
        tenant: tenant, account: account, collection: collection(&random),
        confirmed: random.chance(60))
    case 8: return .list(tenant: tenant, account: account, isListed: random.chance(50))
    case 9: return .scan(tenant: tenant, account: account)
    default: return .replay(tenant: tenant, account: account)
    }
  }

  /// Somebody has seen what was found.
  fileprivate func answer(_ random: inout SplitMix64) -> Action {
    let tenant = random.below(tenants)
    if random.chance(60) {
      return .release(tenant: tenant, account: random.chance(50) ? nil : random.below(accounts))
    }
    return .suppress(
      tenant: tenant, finding: random.below(8), hours: random.pick([0, 1, 24, 4000]))
  }

  /// Something breaks.
  fileprivate func disturbance(_ random: inout SplitMix64) -> Action {
    let process = random.pick(processes)
    // Shorter and longer than sessions (10 s), leases of relays (15 s) and of runs (20 s).
    let pause = random.pick([2000, 12_000, 18_000, 40_000]) + random.below(5000)
    switch random.below(12) {
    case 0..<3: return .crash(process)
    case 3..<6: return .pause(process, pause)
    case 6: return .stop(process)
    case 7: return .evict(process)
    case 8: return .replace(process, pause)
    case 9: return .crashDatabase
    default: return .rebalance(random.pick(Names.groups))
    }
  }

  fileprivate func fault(_ random: inout SplitMix64) -> Schedule.PlannedFault {
    let process = random.pick(processes + ["replay-1"])
    let call: Call =
      switch process.prefix(while: { $0 != "-" }) {
      case "extractor": random.pick([.produce, .produce, .produce, .commit, .platform])
      case "transformer": random.pick([.produce, .produce, .commit])
      case "loader": random.pick([.transaction, .transaction, .transaction, .produce, .commit])
      case "replay": random.pick([.produce, .transaction, .platform])
      case "evaluator": random.pick([.transaction, .transaction, .produce])
      default: random.pick([.transaction, .transaction, .produce, .commit])
      }
    // Faults of early calls are more likely to be reached.
    let reach = process == "replay-1" ? 6 : random.pick([10, 30, 80, 200])
    let fault: CallFault =
      call == .platform
      ? random.pick([.crashBefore, .crashAfter, .delayed, .stalled])
      : random.pick([
        .refused, .unanswered, .unanswered, .partly, .crashBefore, .crashAfter, .crashAfter,
        .delayed, .stalled, .stalled,
      ])
    return Schedule.PlannedFault(
      CallPoint(process: process, call: call, number: 1 + random.below(reach)), fault)
  }
}
