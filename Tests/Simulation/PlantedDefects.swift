internal import Evaluation
internal import Loading
internal import Model
internal import Pipeline
internal import Scheduling

private struct Puzzled: Error {}

extension Defect {
  public static let all: [Defect] = inTheQueue + inTheLoader + inTheFlow + inTheEvaluator

  private static let inTheQueue: [Defect] = [
    Defect("no-overlap-policy", "A scope that is busy gets another run.", [.oneRun]) {
      $0.after = { what, before, state in
        guard what == "queue.admit" else { return }
        for (key, run) in state.runs.rows(where: { key, run in
          run.state == .skipped && before.runs[key] == nil
        }) {
          state.runs[key]?.stored.machine = RunMachine()
          _ = run
        }
      }
    },
    Defect("replay-at-once", "A replay waits for no run.", [.oneRun, .replays]) {
      $0.before = { what, state in
        guard what == "queue.admit replay" else { return }
        for (key, run) in state.runs.rows(where: { !$1.state.isFinal }) {
          _ = run
          state.runs[key]?.stored.machine = RunMachine(
            state: .cancelled, attempt: 0, failures: 0, isHeard: false, leaseUntil: nil,
            records: 0, calls: 0, reason: nil)
        }
      }
      $0.after = { what, before, state in
        guard what == "queue.admit replay" else { return }
        for (key, run) in before.runs.all { state.runs[key] = run }
      }
    },
    Defect("epoch-reused", "An epoch is given out twice.", [.epochs]) {
      $0.after = { what, before, state in
        guard what == "queue.admit" else { return }
        for (scope, epoch) in before.scopes.all where state.scopes[scope] != epoch {
          state.scopes[scope] = epoch
        }
      }
    },
    Defect("no-limit", "More runs are given out than there is room for.", [.inFlight]) {
      $0.inFlight = 1000
    },
    Defect("attempt-skipped", "An expired lease uses an attempt up.", [.attempts]) {
      $0.after = { what, before, state in
        guard what == "queue.change" else { return }
        for (key, run) in state.runs.rows(where: { $1.state == .queued })
        where before.runs[key]?.state == .dispatched || before.runs[key]?.state == .leased {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: .queued, attempt: machine.attempt + 1, failures: machine.failures,
            isHeard: machine.isHeard, leaseUntil: nil, records: machine.records,
            calls: machine.calls, reason: machine.reason)
        }
      }
    },
    Defect(
      "dispatch-apart", "A run is dispatched, and its message is forgotten.", [.dispatches]
    ) {
      $0.after = { what, before, state in
        guard what == "queue.dispatch" else { return }
        let known = Set(before.outbox.map(\.entry.id))
        state.outbox.removeAll { !known.contains($0.entry.id) }
      }
    },
    Defect("request-forgotten", "A request that comes again is a new scan.", [.requests]) {
      $0.handles = { state, message in
        guard message.topic == Topic.scanRequest,
          state.scans.contains(where: { $1.requestID == message.header("ce_id") })
        else { return message }
        var message = message
        message.headers = message.headers.map { header in
          header.name == "ce_id"
            ? MessageHeader("ce_id", "\(message.header("ce_id") ?? "")-\(message.offset)") : header
        }
        return message
      }
    },
    Defect("stale-progress", "What an older attempt says counts.", [.progress]) {
      $0.handles = { state, message in
        guard message.topic == Topic.scanProgress,
          var progress = try? Progress(reading: message.value),
          let run = state.runs.rows(where: { key, _ in key.run == progress.run }).first?.row
        else { return message }
        var message = message
        let told = progress.attempt
        progress.attempt = max(1, run.stored.machine.attempt)
        if progress.attempt != told { message.value = progress.json.bytes }
        return message
      }
    },
    Defect("no-lease", "A lease that ran out is not noticed.", [.settles]) {
      $0.after = { what, _, state in
        guard what == "queue.dispatch" || what == "queue.change" else { return }
        for (key, run) in state.runs.rows(where: { $1.stored.machine.leaseUntil != nil }) {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: machine.state, attempt: machine.attempt, failures: machine.failures,
            isHeard: machine.isHeard, leaseUntil: nil, records: machine.records,
            calls: machine.calls, reason: machine.reason)
        }
      }
    },
    Defect("deleted-early", "A promised message is deleted before it is sent.", [.outbox]) {
      $0.after = { what, _, state in
        if what == "queue.outbox" { state.outbox = [] }
      }
    },
    Defect("published-early", "A run counts as published before it is sent.", [.statuses]) {
      $0.after = { what, _, state in
        guard what == "queue.unpublishedRuns" else { return }
        for (key, run) in state.runs.all { state.runs[key]?.publishedVersion = run.version }
      }
    },
  ]

  private static let inTheLoader: [Defect] = [
    Defect(
      "position-apart", "The position moves in a transaction of its own, which is lost.",
      [.positions, .stagedOnce]
    ) {
      $0.after = { what, before, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in before.stagedPositions.all where row.next % 7 == 0 {
          state.stagedPositions[partition] = row
        }
      }
    },
    Defect(
      "staged-again", "Messages below the position are staged again.", [.stagedOnce, .positions]
    ) {
      $0.before = { what, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in state.stagedPositions.all {
          state.stagedPositions[partition]?.next = max(0, row.next - 3)
        }
      }
    },
    Defect("low-forgotten", "The durable position runs ahead of open attempts.", [.positions]) {
      $0.after = { what, _, state in
        guard what == "loading.stage" else { return }
        for (partition, row) in state.stagedPositions.all {
          state.positions[partition]?.low = row.next
        }
      }
    },
    Defect(
      "absence-on-partial", "What a listing that broke off does not name is closed.",
      [.doubt, .graph]
    ) {
      $0.before = { what, state in
        guard what == "loading.apply" else { return }
        for (key, staged) in state.staged.all {
          state.staged[key]?.ends = staged.ends.map { ended in
            var ended = ended
            if ended.outcome == .partial, ended.collection == SimulatedCollection.role.rawValue {
              ended.outcome = .complete
              ended.records = Int64(staged.records.count { $0.collection == ended.collection })
            }
            return ended
          }
        }
      }
    },
    Defect(
      "absence-on-taint", "An object that cannot be read is taken for gone.", [.doubt, .tokens]
    ) {
      $0.before = { what, state in
        guard what == "loading.apply" else { return }
        for (key, staged) in state.staged.all {
          let readable = staged.records.filter { !$0.isTainted }
          guard readable.count < staged.records.count else { continue }
          state.staged[key]?.records = readable
          state.staged[key]?.ends = staged.ends.map { ended in
            var ended = ended
            ended.records = Int64(
              Set(readable.filter { $0.collection == ended.collection }.map(\.sequence)).count)
            return ended
          }
        }
      }
    },
    Defect("no-suspects", "However much is gone at once, it is closed.", [.doubt]) {
      $0.after = { what, _, state in
        guard what == "loading.apply" else { return }
        for (scope, rows) in state.assertions.all {
          let editions = rows.open.all.map(\.row.opened)
          guard let edition = editions.max(by: { $0.version < $1.version }) else { continue }
          _ = state.assertions[scope]?.close(as: edition) { $0.suspectSince != nil }
        }
      }
    },
    Defect("retirement-ignored", "A late attempt brings a retired scope back.", [.graph, .retired])
    {
      $0.before = { what, state in
        if what == "loading.apply" { state.retirements = [] }
      }
      $0.after = { what, before, state in
        if what == "loading.apply" { state.retirements = before.retirements }
      }
    },
    Defect("token-on-partial", "The token moves though not everything was read.", [.tokens]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (key, row) in state.collections.all
        where row != before.collections[key] && row.outcome == .partial {
          state.collections[key]?.token = "t0"
        }
      }
    },
    Defect("version-unseen", "A change is not told to the evaluator.", [.versions, .settles]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (tenant, clock) in state.tenants.all where clock != before.tenants[tenant] {
          state.tenants[tenant]?.firstChangedAt = nil
        }
      }
    },
    Defect("applied-again", "An applied run takes a second attempt.", [.appliedOnce, .attempts]) {
      $0.before = { what, state in
        guard what == "loading.fail" || what == "loading.apply" else { return }
        for (key, run) in state.runs.rows(where: { $1.state == .evaluated }) {
          let machine = run.stored.machine
          state.runs[key]?.stored.machine = RunMachine(
            state: .extracted, attempt: machine.attempt, failures: machine.failures,
            isHeard: true, leaseUntil: nil, records: machine.records, calls: machine.calls,
            reason: nil)
        }
      }
    },
    Defect("aged-early", "The sweep deletes facts about use of any age.", [.aged, .graph]) {
      $0.after = { what, _, state in
        if what == "loading.ageActivity" { state.activity.removeAll() }
      }
    },
    Defect("stages-all", "What is staged has no limit.", [.stagingLimit]) { $0.stagesAll = true },
    Defect("history-pruned", "What is closed is deleted.", [.history]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" else { return }
        for (scope, rows) in before.assertions.all where !rows.closed.isEmpty {
          var fresh = ScopeAssertions()
          for (_, row) in state.assertions[scope]?.open.all ?? [] { _ = fresh.insert(row) }
          state.assertions[scope] = fresh
        }
      }
    },
  ]

  private static let inTheFlow: [Defect] = [
    Defect("commit-first", "Offsets are committed before the work is done.", [.outputFirst]) {
      $0.commitsFirst = true
    },
    Defect("letters-dropped", "What cannot be read is dropped in silence.", [.deadLetters]) {
      $0.sends = { _, messages in messages.filter { $0.topic != Topic.deadLetter } }
    },
    Defect("out-of-order", "Records of one batch are sent in no order.", [.rawOrder]) {
      $0.sends = { life, messages in
        life.process.hasPrefix("extractor") ? messages.reversed() : messages
      }
    },
    Defect("replay-as-new", "What is emitted again counts as newly read.", [.replays]) {
      $0.sends = { life, messages in
        guard life.process.hasPrefix("replay") else { return messages }
        return messages.map { message in
          guard var ended = try? CollectionEnded(reading: message.value) else { return message }
          var message = message
          ended.asOf = nil
          message.value = ended.json.bytes
          return message
        }
      }
    },
    Defect("worker-dies", "A message that nobody understands ends its worker.", [.works]) {
      $0.handles = { _, message in
        if message.topic == Topic.graph, message.offset == 20 { throw Puzzled() }
        return message
      }
    },
  ]

  private static let inTheEvaluator: [Defect] = [
    Defect(
      "superseded-written", "A result is written though another was in between.",
      [.versions, .evaluated, .history, .findings, .works]
    ) { $0.writesStale = true },
    Defect("tombstones-lost", "A tombstone is recorded, and not promised.", [.tombstones]) {
      $0.after = { what, _, state in
        if what == "evaluation.write" { state.outbox.removeAll { $0.entry.message.value == nil } }
      }
    },
    Defect(
      "release-forgotten", "A release counts as carried out before it is.", [.held]
    ) {
      $0.after = { what, before, state in
        guard what == "evaluation.record" else { return }
        for index in state.findingOrders.indices.dropFirst(before.findingOrders.count) {
          let row = state.findingOrders[index]
          guard case .release = row.order else { continue }
          // The release alone, and not what else the version that it makes is to cover.
          let covered = before.tenants[row.tenant]?.evaluatedVersion ?? 0
          state.findingOrders[index].graphVersion = covered
        }
      }
    },
    Defect("held-unsaid", "What is held, nobody is told of.", [.held, .evaluated]) {
      $0.after = { what, _, state in
        guard what == "evaluation.write" else { return }
        for (id, change) in state.findings.rows(where: { $1.key.rule == "summary" }) {
          _ = change
          state.findings[id]?.life.state = .resolved
        }
      }
    },
    Defect("paths-forgotten", "What is reached is told once, and then no more.", [.evaluated]) {
      $0.after = { what, before, state in
        guard what == "evaluation.write", !before.openPaths.isEmpty else { return }
        state.openPaths = before.openPaths
      }
    },
    Defect("not-due", "A failed run is no reason to evaluate.", [.evaluated, .settles]) {
      $0.after = { what, before, state in
        guard what == "loading.apply" || what == "queue.change" else { return }
        for (tenant, clock) in state.tenants.all where clock != before.tenants[tenant] {
          state.tenants[tenant]?.evaluatedVersion = clock.graphVersion
          for (key, run) in state.runs.rows(where: { key, run in
            key.tenant == tenant && run.state == .applied
          }) {
            _ = run
            state.runs[key]?.end(.evaluated, because: nil, at: Simulator.start)
          }
        }
      }
    },
    Defect("old-version-last", "An old version of a finding is sent after a new one.", [.findings])
    {
      $0.after = { what, before, state in
        guard what == "evaluation.write" else { return }
        for (id, change) in state.findings.all {
          guard let old = before.findings[id], old.life.version < change.life.version else {
            continue
          }
          state.promise(
            OutgoingMessage(
              topic: Topic.findings, key: Array(id.uid.utf8), value: old.event.bytes,
              headers: [MessageHeader("ce_id", "\(id.uid).\(old.life.version)")]),
            of: id.tenant, at: Simulator.start)
        }
      }
    },
  ]
}
