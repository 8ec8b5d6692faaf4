import Evaluation
import Loading
import Model
import Scheduling

@testable import Simulation

extension StoreStory {
  private mutating func scope(_ state: DatabaseState) -> Scope {
    pick(state.scopes.all.compactMap { Scope($0.key) }) ?? main
  }

  private mutating func collection() -> String {
    random.pick(["aws.iam.role", "aws.lambda.function@r1", "aws.use"])
  }

  /// What people do.
  mutating func remove(_ state: DatabaseState) -> StoreCall {
    switch random.below(100) {
    case 0..<10: return decide(state)
    case 10..<70: return upsert(state)
    case 70..<90: return retire(state)
    default:
      let tenant = random.pick(["acme", "bolt", "none"])
      return StoreCall("suspects and scopes of \(tenant)") { stores, _ in
        let suspects = try await stores.loading.suspects(of: tenant)
        let scopes = try await stores.loading.scopes(of: "prod", tenant: tenant)
        return "\(suspects) \(scopes)"
      }
    }
  }

  mutating func decide(_ state: DatabaseState) -> StoreCall {
    let suspects = pick(["acme", "bolt"].flatMap { state.suspects(of: $0) })
    let scope = suspects.flatMap { Scope($0.scope) } ?? scope(state)
    let collection = random.chance(90) ? suspects?.collection ?? collection() : collection()
    let epoch = random.pick([nil, suspects?.epoch, 1])
    let decision: SuspectRemovals.Decision = random.chance(60) ? .confirmed : .rejected
    let at = now
    return StoreCall("\(decision) \(collection) of \(scope) in \(String(describing: epoch))") {
      stores, _ in
      let answer = try await stores.loading.decide(
        decision, scope, collection, epoch: epoch, by: "somebody", at: at)
      return "\(answer)"
    }
  }

  private mutating func retire(_ state: DatabaseState) -> StoreCall {
    var scope = scope(state)
    if random.chance(5) { scope.account = "never" }
    let collection = random.pick([nil, nil, "aws.iam.role", "aws.lambda.function", "aws.use"])
    return retire(scope, collection)
  }

  mutating func retire(_ scope: Scope, _ collection: String?) -> StoreCall {
    if collection == nil, random.chance(80) {
      plans = [.evaluate(afterDays: 0)]
      if random.chance(90) { plans.append(.evaluate(afterDays: 91)) }
      plans += [.request(scope), .dispatch] + Self.scan
    }
    let at = now
    return StoreCall("retire \(collection ?? "all") of \(scope)") { stores, _ in
      let retired = try await stores.loading.retire(
        scope, collection: collection, by: "somebody", at: at)
      return retired.map { "\($0.scope) \($0.epoch) \($0.assertions) \($0.runs.sorted())" } ?? "nil"
    }
  }

  /// A replayed record, mostly of what a collection was last applied from.
  private mutating func upsert(_ state: DatabaseState) -> StoreCall {
    let applied = state.collections.all.filter { $0.row.applied != nil }
    guard let (key, row) = pick(applied), let listing = row.applied, let scope = Scope(key.scope)
    else { return retire(state) }
    let number = listing.attempt + (random.chance(10) ? 1 : 0)
    let attempt = Attempt(scope: scope, run: listing.run, number: number)
    // Often one of which there is another record.
    let others = state.newestRecords.all.filter { $0.key.collection == key }
    let known = random.chance(70) ? pick(others) : nil
    let object = known?.key.object ?? "o\(random.below(5))"
    let sequence = max(0, (known?.row ?? Int64(random.below(30))) + Int64(random.below(5)) - 2)
    let newest = others.first { $0.key.object == object }?.row
    let age = newest.map { sequence < $0 } ?? false ? " of an older record" : ""
    var fragment = StoreListing.said(object, listing.kind, at: now, &random)
    if random.chance(10) { fragment.isRemoval = true }
    if random.chance(10) { fragment.taint = "malformed" }
    let record = StagedRecord(
      fragment, collection: random.chance(95) ? key.collection : collection(),
      sequence: sequence, call: 0)
    let replayed = ReplayedRecord(attempt: attempt, record: record, at: now)
    let claim = claim(of: Self.partition(of: key.scope))
    return StoreCall("upsert \(record.brief) of \(attempt) under \(claim)") { stores, _ in
      "\(try await stores.loading.upsert(replayed, under: claim))\(age)"
    }
  }

  /// What nobody asks for.
  mutating func sweep(_ state: DatabaseState) -> StoreCall {
    let at = now
    switch random.below(10) {
    case 0..<4: return drop(state)
    case 4:
      return StoreCall("open attempts") { stores, _ in
        let tenants = try await stores.loading.tenantsWithOpenAttempts()
        var open: [String] = []
        for tenant in tenants {
          for attempt in try await stores.loading.openAttempts(of: tenant) {
            let executions = try await stores.loading.executions(of: attempt.attempt)
            open.append("\(attempt) \(executions)")
          }
        }
        return "\(try await stores.loading.tenants()) \(tenants) \(open)"
      }
    case 5:
      let limit = StagingLimit(
        (0..<2).map { TopicPartition(topic: Self.topic, partition: $0) },
        bytes: Int64(random.below(2000)))
      return StoreCall("overload of \(limit)") { stores, _ in
        "\(String(describing: try await stores.loading.overload(of: limit)))"
      }
    case 6:
      let before = at + .seconds(-3600 * random.below(60))
      return StoreCall("age activity before \(before)") { stores, _ in
        "\(try await stores.loading.ageActivity(of: "acme", before: before, atMost: 10_000))"
      }
    case 7:
      let run = pick(state.runs.all.map(\.key))
      let tenant = random.chance(80) ? run?.tenant ?? "acme" : "bolt"
      return StoreCall("run \(run?.run ?? "none") of \(tenant)") { stores, _ in
        "\(String(describing: try await stores.loading.run(run?.run ?? "none", of: tenant)))"
      }
    default:
      return StoreCall("crash") { stores, _ in
        try await stores.crash()
        return "crashed"
      }
    }
  }

  mutating func drop(_ state: DatabaseState) -> StoreCall {
    let all = state.openAttempts.all.map(\.row)
    let old = all.filter { row in
      let run = RunKey(tenant: row.attempt.scope.tenant, run: row.attempt.run)
      return state.runs[run]?.stored.machine.attempt != row.attempt.number
    }
    guard let open = pick(old) ?? pick(all) else {
      return StoreCall("tenants") { stores, _ in "\(try await stores.loading.tenants())" }
    }
    let at = now
    let silentSince = at + .seconds(random.pick([60, 0, -60, -3600, -86400]))
    return StoreCall("drop \(open.attempt) if silent since \(silentSince)") { stores, _ in
      let why = try await stores.loading.drop(
        open.attempt, of: open.partition, silentSince: silentSince, because: "it was silent",
        at: at)
      return "\(String(describing: why))"
    }
  }

  mutating func evaluate(_ state: DatabaseState) -> StoreCall {
    let tenant = random.chance(80) ? "acme" : "bolt"
    if random.chance(10), let old = pick(oldResults) { return write(old, "old ") }
    if random.chance(12) { return order(state, tenant) }
    guard random.chance(90), let reading = state.read(tenant),
      reading.clock.isDue(at: now, quiet: .zero, maximumDelay: .zero)
    else {
      return StoreCall("clocks, and all of \(tenant)") { stores, _ in
        let reading = try await stores.evaluation.read(tenant)
        return "\(try await stores.evaluation.clocks())\n\(reading?.text ?? "nil")"
      }
    }
    let evaluation = Evaluation(of: reading.graph, at: now, settled: reading.settled)
    let changes = evaluation.changes(since: reading.findings)
    let changed = Set(changes.map(\.key.uid))
    let resolved =
      changes.map(\.life)
      + reading.findings.filter { !changed.contains($0.uid) }.map(\.life)
    let due = reading.findings.filter { finding in
      !changed.contains(finding.uid) && finding.life.tombstoneDueAt.map { $0 <= now } ?? false
    }
    let later = resolved.compactMap(\.tombstoneDueAt).filter { $0 > now }
    let result = EvaluationResult(
      clock: reading.clock, changes: changes, tombstones: due.map(\.uid).sorted(),
      judged: evaluation.newlyJudged, baselines: evaluation.newBaselines,
      paths: evaluation.newPaths(since: reading.paths),
      inputs: ["version": .integer(reading.clock.graphVersion)],
      nextDueAt: (later + [evaluation.nextDueAt].compactMap(\.self)).min(), at: now)
    oldResults.append(result)
    guard random.chance(25) else { return write(result, "") }
    // Meanwhile the graph changes.
    plans = [.load, .load, .load, .write(result)]
    return load(state) ?? dispatch()
  }

  /// Somebody lets go what is held, if anything is.
  mutating func release(_ state: DatabaseState) -> StoreCall? {
    let held = state.findings.rows { $1.life.isHeld }
    return pick(held).map { release(like: $0.row.key, $0.key.tenant) }
  }

  private mutating func release(like finding: FindingKey?, _ tenant: String) -> StoreCall {
    let release = FindingRelease(
      scope: random.chance(40) ? finding?.scope : nil,
      rule: random.chance(40) ? finding?.rule : nil)
    return record(.release(release), tenant)
  }

  private mutating func order(_ state: DatabaseState, _ tenant: String) -> StoreCall {
    let finding = pick(state.read(tenant)?.findings ?? [])
    if random.chance(50) { return release(like: finding?.key, tenant) }
    let suppression = Suppression(
      owner: "team", reason: "known", endsAt: now + .seconds(3600 * random.below(200)))
    return record(.suppress(uid: finding?.uid ?? "none", suppression), tenant)
  }

  private mutating func record(_ order: FindingOrder, _ tenant: String) -> StoreCall {
    let at = now
    if random.chance(60) { plans = [.evaluate(afterDays: 0)] }
    return StoreCall("\(order) of \(tenant)") { stores, _ in
      let count = try await stores.evaluation.record(order, of: tenant, by: "somebody", at: at)
      return "about \(count)\n\(try await stores.evaluation.read(tenant)?.text ?? "nil")"
    }
  }

  func write(_ result: EvaluationResult, _ prefix: String) -> StoreCall {
    StoreCall(
      "\(prefix)write \(result.clock), \(result.changes.count) changes, "
        + "\(result.tombstones.count) tombstones"
    ) { stores, _ in
      let written = try await stores.evaluation.write(result)
      return "\(written)\n\(try await stores.evaluation.read(result.clock.tenant)?.text ?? "nil")"
    }
  }
}
