internal import Evaluation
internal import JSONReader
internal import Model
internal import Pipeline
internal import Scheduling

/// What must hold once everything has settled.
struct End {
  let schedule: Schedule
  let installation: Installation
  let director: Director
  private let state: DatabaseState

  init(_ schedule: Schedule, _ installation: Installation, _ director: Director) {
    self.schedule = schedule
    self.installation = installation
    self.director = director
    state = installation.database.state
  }

  func check(_ list: inout Findings) {
    checkRequests(&list)
    checkStatuses(&list)
    checkFindings(&list)
    checkTombstones(&list)
    checkHeld(&list)
    checkAge(&list)
    checkEvaluation(&list)
    if !schedule.losesMessages {
      checkDeadLetters(&list)
      checkRawOrder(&list)
    }
  }

  private func checkRequests(_ list: inout Findings) {
    let scans = state.scans.rows { !$1.isReplay }
    list.require(
      scans.count == director.requests.count, .requests,
      "\(director.requests.count) requests made \(scans.count) scans")
    for request in director.requests {
      let scans = state.scans.rows {
        $1.request.tenant == request.tenant && $1.requestID == request.id
      }
      list.require(scans.count == 1, .requests, "\(request.id) has \(scans.count) scans")
      guard let scan = scans.first?.row else { continue }
      let runs = state.runs.rows { $0.tenant == request.tenant && $1.stored.scan == scan.scan }
      list.require(
        runs.map(\.row.stored.scope).sorted() == scan.scopes.sorted(), .requests,
        "\(request.id) has runs of \(runs.map(\.row.stored.scope)) and scopes \(scan.scopes)")
    }
  }

  private func checkStatuses(_ list: inout Findings) {
    var last: [String: Message] = [:]
    for message in installation.broker.messages(of: Topic.scanStatus) {
      guard let run = (try? JSONDocument(parsing: message.value ?? []))?.root["run"]?.string
      else {
        list.add(.statuses, "a status has no run")
        continue
      }
      last[run] = message
    }
    for (key, run) in state.runs.all {
      let root = last[key.run].flatMap { try? JSONDocument(parsing: $0.value ?? []).root }
      list.require(
        root?["version"]?.int64 == run.version && root?["state"]?.string == run.state.rawValue,
        .statuses,
        "the last message about run \(key.run) is of version "
          + "\(root?["version"]?.int64 ?? 0) (\(root?["state"]?.string ?? "none")), its row is of "
          + "\(run.version) (\(run.state))")
    }
  }

  private func checkFindings(_ list: inout Findings) {
    var seen: [String: [Int64]] = [:]
    for message in installation.broker.messages(of: Topic.findings) {
      let uid = String(decoding: message.key ?? [], as: UTF8.self)
      guard let id = message.header("ce_id"),
        let version = Int64(id.split(separator: ".").last ?? "")
      else { continue }
      seen[uid, default: []].append(version)
    }
    for (key, change) in state.findings.all {
      let versions = seen[key.uid] ?? []
      list.require(
        versions.last ?? 0 == change.life.version, .findings,
        "the last message of finding \(key.uid) is version \(versions.last ?? 0), the newest is "
          + "\(change.life.version)")
      list.require(
        change.life.version < 1 || Set(versions) == Set(1...change.life.version), .findings,
        "finding \(key.uid) was published in versions \(versions)")
      var first: Int64 = 0
      for version in versions where version > first {
        list.require(
          version == first + 1, .findings,
          "finding \(key.uid) was published in the order \(versions)")
        first = version
      }
    }
  }

  /// Of each finding the last message is empty, or not, as it should be.
  private func checkTombstones(_ list: inout Findings) {
    var last: [String: Message] = [:]
    for message in installation.broker.messages(of: Topic.findings) {
      last[String(decoding: message.key ?? [], as: UTF8.self)] = message
    }
    for (key, change) in state.findings.all {
      let isEmpty = last[key.uid].map { $0.value == nil } ?? false
      list.require(
        isEmpty == (change.life.tombstonedAt != nil), .tombstones,
        "finding \(key.uid) is \(change.life.state), and the topic "
          + (isEmpty ? "has it no longer" : "still has it"))
      list.require(
        change.life.tombstoneDueAt.map { $0 > installation.kernel.now } ?? true, .tombstones,
        "finding \(key.uid) is resolved since \(change.life.changedAt), and still on the topic")
    }
  }

  /// What is held is low or answered for, was never sent, is told by its scope's summary, and none
  /// of it was let go.
  private func checkHeld(_ list: inout Findings) {
    var held: Set<String> = []
    for (key, change) in state.findings.all where change.life.isHeld {
      held.insert("\(key.tenant) \(change.key.scope)")
      list.require(
        change.life.state.isOpen
          && (change.key.severity < .high || change.life.state == .suppressed), .held,
        "finding \(key.uid) is held and \(change.life.state), \(change.key.severity)")
      let isForgotten = state.findingOrders.contains { row in
        guard row.tenant == key.tenant, case .release(let release) = row.order else { return false }
        return release.covers(change.key.rule, in: change.key.scope)
          && row.orderedAt > change.life.changedAt
      }
      list.require(!isForgotten, .held, "finding \(key.uid) was let go, and is held")
    }
    for (key, change) in state.findings.all where change.key.rule == "summary" {
      let scope = "\(key.tenant) \(change.key.scope)"
      list.require(
        change.life.state.isOpen == held.contains(scope), .held,
        "the summary of \(scope) is \(change.life.state)")
      held.remove(scope)
    }
    list.require(held.isEmpty, .held, "no summary tells what is held in \(held.sorted())")
  }

  /// The sweep deletes once a day what was too old at the day's beginning.
  private func checkAge(_ list: inout Findings) {
    let yesterday = installation.kernel.now + .seconds(-25 * 3600)
    let oldest = yesterday + (.zero - Installation.activityAge)
    for (key, row) in state.activity.all {
      let tenant = Scope(key.collection.scope)?.tenant ?? ""
      let run = state.runs[RunKey(tenant: tenant, run: row.receipt.run)]
      // What was applied since then may be older: the next sweep is for it.
      guard let run, run.changedAt < yesterday else { continue }
      list.require(
        row.at >= oldest, .aged, "the use of \(key.target) at \(row.at) is still known")
    }
  }

  /// The findings that are open, and the paths, are those that the graph, as it is, gives.
  private func checkEvaluation(_ list: inout Findings) {
    for (tenant, _) in state.tenants.all {
      guard let reading = state.read(tenant) else { continue }
      let evaluation = Evaluation(
        of: reading.graph, at: installation.kernel.now, settled: reading.settled)
      let missing = evaluation.changes(since: reading.findings)
      list.require(
        missing.isEmpty || evaluation.nextDueAt.map { $0 <= installation.kernel.now } ?? false,
        .evaluated,
        "\(tenant): \(missing.count) changes are not written, the first is "
          + "\(missing.first.map { "\($0.key.rule) of \($0.key.subject), \($0.life.state)" } ?? "")"
      )
      let paths = evaluation.newPaths(since: reading.paths)
      list.require(
        paths.isEmpty || evaluation.nextDueAt.map { $0 <= installation.kernel.now } ?? false,
        .evaluated,
        "\(tenant): the paths of \(paths.count) subjects are not written, the first is "
          + "\(paths.first?.subject ?? "")")
      checkRoles(tenant, &list)
    }
  }

  /// By hand: who may do everything, where all that it takes was read.
  private func checkRoles(_ tenant: String, _ list: inout Findings) {
    let needed = [SimulatedCollection.role, .user, .group, .policy].map(\.rawValue)
    for (scope, rows) in state.assertions.all where scope.hasPrefix("\(tenant)/") {
      let isRead = needed.allSatisfy { name in
        let row = state.collections[CollectionKey(scope: scope, collection: name)]
        guard row?.outcome == .complete, let at = row?.completedAt else { return false }
        // What is older is relied on no more.
        return installation.kernel.now - at <= .seconds(7 * 86_400)
      }
      guard isRead else { continue }
      var policies: Set<String> = []
      for (key, _) in rows.open.all where key.collection == SimulatedCollection.policy.rawValue {
        policies.insert(key.object)
      }
      for (key, assertion) in rows.open.all
      where key.collection == SimulatedCollection.role.rawValue {
        guard case .node(let node) = assertion.element, node.type == "aws.iam.role",
          case .integer(let version)? = node.state["version"]
        else { continue }
        // With a policy that is not there, nobody knows.
        if version % 2 == 0, version % 3 != 0, !policies.contains(key.object) { continue }
        let expected = version % 3 == 0 || version % 2 == 0
        let isFound = state.findings.contains { _, change in
          change.key.rule == "unbounded-scope" && change.key.subject == node.id
            && change.key.scope == scope && change.life.state != .resolved
        }
        list.require(
          isFound == expected, .evaluated,
          "\(scope): \(key.object) of version \(version) is \(isFound ? "" : "not ")found unbounded"
        )
      }
    }
  }

  /// Every malformed record that was published, and nothing else.
  private func checkDeadLetters(_ list: inout Findings) {
    var letters: Set<String> = []
    for message in installation.broker.messages(of: Topic.deadLetter) {
      let place = message.header("sv0.errors.partition").flatMap { partition in
        message.header("sv0.errors.offset").map { "\(partition)@\($0)" }
      }
      list.require(
        message.header("sv0.errors.topic") == Names.raw, .deadLetters,
        "a message of \(message.header("sv0.errors.topic") ?? "nowhere") is a dead letter: "
          + (message.header("sv0.errors.reason") ?? ""))
      letters.insert(place ?? "")
    }
    for message in installation.broker.messages(of: Names.raw) {
      let text = String(decoding: message.value ?? [], as: UTF8.self)
      let isMalformed = text.hasPrefix("{\"malformed\"")
      list.require(
        letters.contains("\(message.partition)@\(message.offset)") == isMalformed, .deadLetters,
        "the raw message at \(message.partition)@\(message.offset) is \(isMalformed ? "malformed" : "well formed") and is \(isMalformed ? "no" : "a") dead letter"
      )
    }
  }

  /// Of each attempt that was executed once.
  private func checkRawOrder(_ list: inout Findings) {
    struct Seen {
      var started = false
      var ended = false
      var next: [String: Int64] = [:]
      var over: [String: Int64] = [:]
    }
    var attempts: [String: Seen] = [:]
    for message in installation.broker.messages(of: Names.raw) {
      guard let header = message.header(RecordHeader.name).flatMap(RecordHeader.init),
        installation.platform.executions(run: header.run, attempt: header.attempt).count == 1
      else { continue }
      let name = "\(header.run)/\(header.attempt)"
      var seen = attempts[name] ?? Seen()
      switch header.content {
      case .scanStarted: seen.started = true
      case .record(let collection, let sequence, _, _):
        let next = seen.next[collection] ?? 0
        list.require(
          seen.started && sequence <= next && seen.over[collection].map { sequence < $0 } ?? true,
          .rawOrder, "\(name): record \(sequence) of \(collection) comes after \(next - 1)")
        seen.next[collection] = max(next, sequence + 1)
      case .collectionEnded(let collection):
        let count = (try? CollectionEnded(reading: message.value))?.records ?? -1
        list.require(
          seen.started && count == seen.next[collection] ?? 0, .rawOrder,
          "\(name): \(collection) ends with \(count) records, \(seen.next[collection] ?? 0) came")
        seen.over[collection] = count
      case .scanEnded:
        list.require(
          seen.started && seen.over.count == seen.over.count, .rawOrder, "\(name): ended unbegun")
        seen.ended = true
      }
      attempts[name] = seen
    }
  }
}
