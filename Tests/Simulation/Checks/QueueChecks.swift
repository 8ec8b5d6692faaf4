internal import Evaluation
internal import JSONReader
internal import Loading
internal import Model
internal import Pipeline
internal import Scheduling

// What every transaction must leave as it should be: runs, scopes, tenants.

extension Change {
  func checkQueue(_ installation: Installation, _ list: inout Findings) {
    var pending: Set<String> = []
    var underWay = 0
    for (key, run) in after.runs.all {
      if run.isPending {
        list.require(
          pending.insert(run.stored.scope).inserted, .oneRun,
          "\(operation) left two runs of \(run.stored.scope), one is \(key.run)")
      }
      if [.dispatched, .leased].contains(run.state) { underWay += 1 }
      if let old = before.runs[key] {
        check(key, old, run, &list)
        checkExtracted(key, old, run, installation.platform, &list)
      } else {
        let epochs =
          before.runs.rows { $1.stored.scope == run.stored.scope }.map(\.row.stored.epoch)
          + before.retirements.filter { $0.scope.description == run.stored.scope }.map(\.epoch)
        list.require(
          run.stored.epoch == (epochs.max() ?? 0) + 1, .epochs,
          "run \(key.run) has epoch \(run.stored.epoch) after \(epochs.max() ?? 0)")
      }
    }
    if operation == "queue.dispatch" {
      list.require(
        underWay <= inFlight, .inFlight, "\(underWay) runs are under way, the limit is \(inFlight)")
      checkDispatches(&list)
    }
    if operation == "queue.outbox" || operation == "queue.deleteOutbox" {
      checkDeleted(installation.broker, &list)
    }
    checkEpochs(&list)
    checkTenants(&list)
    checkReports(&list)
  }

  private func check(
    _ key: RunKey, _ old: RunRecord, _ new: RunRecord, _ list: inout Findings
  ) {
    let (was, machine) = (old.stored.machine, new.stored.machine)
    let name = "run \(key.run)"
    list.require(
      old.stored.epoch == new.stored.epoch && old.stored.scope == new.stored.scope, .epochs,
      "\(name) changed its epoch or scope")
    list.require(
      machine.attempt == was.attempt
        || (machine.attempt == was.attempt + 1 && operation == "queue.dispatch"), .attempts,
      "\(operation) changed \(name) from attempt \(was.attempt) to \(machine.attempt)")
    list.require(
      new.version >= old.version && new.publishedVersion >= old.publishedVersion
        && new.publishedVersion <= new.version, .attempts, "\(name): its version went back")
    if old.state.isFinal || old.state == .applied {
      let isEvaluated = old.state == .applied && new.state == .evaluated
      list.require(
        old.state == new.state || isEvaluated, .attempts,
        "\(operation) changed \(name) from \(old.state) to \(new.state)")
      list.require(
        old.graphVersion == new.graphVersion, .appliedOnce,
        "\(operation) gave \(name) a second graph version")
    } else if [.applied, .failed].contains(new.state) {
      let tenant = key.tenant
      list.require(
        new.graphVersion == after.tenants[tenant]?.graphVersion
          && after.tenants[tenant]?.graphVersion
            == (before.tenants[tenant]?.graphVersion ?? 0) + 1,
        .appliedOnce,
        "\(operation) made \(name) \(new.state) without a version of the graph of its own")
    }
    list.require(
      machine.leaseUntil == nil || [.dispatched, .leased, .extracted].contains(new.state),
      .attempts, "\(name) is \(new.state) and has a lease")
  }

  /// A run is read to the end by its newest attempt, not by what was late of an older one.
  private func checkExtracted(
    _ key: RunKey, _ old: RunRecord, _ new: RunRecord, _ platform: SimulatedPlatform,
    _ list: inout Findings
  ) {
    guard old.state != .extracted, new.state == .extracted else { return }
    let attempt = new.stored.machine.attempt
    let isRead = platform.executions(run: key.run, attempt: attempt).contains { execution in
      SimulatedCollection.allCases.allSatisfy { execution.collections[$0.rawValue]?.end != nil }
    }
    list.require(
      isRead || isRushed, .progress,
      "run \(key.run) is extracted, and nobody has read attempt \(attempt) to its end")
  }

  private func checkEpochs(_ list: inout Findings) {
    for (scope, epoch) in before.scopes.all {
      let now = after.scopes[scope] ?? 0
      list.require(now >= epoch, .epochs, "\(scope) went back from epoch \(epoch) to \(now)")
    }
  }

  private func checkTenants(_ list: inout Findings) {
    for (tenant, clock) in after.tenants.all {
      let old = before.tenants[tenant]
      list.require(
        clock.graphVersion >= (old?.graphVersion ?? 0)
          && clock.evaluatedVersion >= (old?.evaluatedVersion ?? 0)
          && clock.evaluatedVersion <= clock.graphVersion, .versions,
        "\(operation) left \(tenant) at \(clock.graphVersion), evaluated \(clock.evaluatedVersion)")
      // A change that no evaluation covers has a time from which it is waited for.
      list.require(
        clock.graphVersion == clock.evaluatedVersion || clock.firstChangedAt != nil, .versions,
        "\(operation) left a change of \(tenant) that nobody waits for")
    }
  }

  /// What is told about a run's collections is what its newest attempt said.
  private func checkReports(_ list: inout Findings) {
    guard operation == "queue.change" else { return }
    for (key, report) in after.runCollections.all
    where before.runCollections[key] != report {
      let attempt = after.runs[key.run]?.stored.machine.attempt
      list.require(
        report.attempt == attempt, .progress,
        "\(key.collection) of run \(key.run.run) says what attempt \(report.attempt) said, the "
          + "newest is \(attempt ?? 0)")
    }
  }

  /// Each newly dispatched run has its message, with the tokens as stored.
  private func checkDispatches(_ list: inout Findings) {
    let known = Set(before.outbox.map(\.entry.id))
    let new = after.outbox.filter { !known.contains($0.entry.id) }
    for (key, run) in after.runs.all
    where run.stored.machine.attempt > (before.runs[key]?.stored.machine.attempt ?? 0) {
      guard run.state == .dispatched else { continue }
      let message = new.first { row in
        row.entry.message.key.map { String(decoding: $0, as: UTF8.self) } == run.stored.dispatchKey
      }
      guard let message,
        let dispatch = try? Dispatch(
          reading: message.entry.message.value, platform: .aws)
      else {
        list.add(.dispatches, "run \(key.run) is dispatched without a message")
        continue
      }
      var tokens: [String: String] = [:]
      for (collection, row) in after.collections.rows(where: { key, _ in
        key.scope == run.stored.scope
      }) {
        tokens[collection.collection] = row.token
      }
      list.require(
        dispatch.tokens == tokens && dispatch.epoch == run.stored.epoch, .dispatches,
        "the dispatch of run \(key.run) has the tokens \(dispatch.tokens), stored are \(tokens)")
    }
  }
}

extension Change {
  /// What is deleted from the outbox is on its topic.
  private func checkDeleted(_ broker: Broker, _ list: inout Findings) {
    let kept = Set(after.outbox.map(\.entry.id))
    for row in before.outbox where !kept.contains(row.entry.id) {
      let message = row.entry.message
      list.require(
        broker.messages(of: message.topic).contains {
          $0.key == message.key && $0.value == message.value
        }, .outbox, "\(operation) deleted message \(row.entry.id), which is not on its topic")
    }
  }
}
