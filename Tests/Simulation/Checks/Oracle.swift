internal import Extraction
internal import Loading
internal import Model
internal import Scheduling

/// What the graph should be: recomputed slowly and plainly from what the platform answered to the
/// attempts that were applied, in the order in which they were, and from what users decided.
///
/// It shares with the product the normaliser of the simulated records, and nothing else: no plan,
/// no diff, no staging.
struct Oracle {
  /// One row of an object, as far as the oracle cares.
  struct Row: Equatable {
    var element: Element
    var suspectSince: Timestamp?
  }

  struct Collection: Equatable {
    var rows: [AssertionKey: Row] = [:]
    var token: String?
    var appliedEpoch: Int64?
    var retiredEpoch: Int64?
    /// The latest use, of `activity`, as it is stored and as the last listing had it.
    var usedAt: Timestamp?
    var listedUse: Timestamp?
  }

  private var collections: [CollectionKey: Collection] = [:]

  /// Takes a transaction in: computes what it should have done, and compares.
  mutating func follow(
    _ change: Change, _ platform: SimulatedPlatform, isLossy: Bool, _ list: inout Findings
  ) {
    switch change.operation {
    case "loading.apply":
      for (key, run) in change.after.runs.rows(where: { $1.state == .applied })
      where change.before.runs[key]?.state != .applied {
        if change.isReplay(run) {
          replay(run, change, &list)
          continue
        }
        apply(run, change, platform, isLossy: isLossy, &list)
      }
    case "loading.retire":
      for row in change.after.retirements.dropFirst(change.before.retirements.count) {
        retire(row)
        compare(row.scope.description, change, &list)
      }
    case "loading.decide":
      for row in change.after.decisions.dropFirst(change.before.decisions.count) {
        decide(row)
        compare(row.scope.description, change, &list)
      }
    case "loading.upsert": break
    case "loading.ageActivity": age(change, &list)
    default:
      guard change.after.assertions.edition != change.before.assertions.edition else { return }
      for (scope, rows) in change.after.assertions.all
      where rows.open.count != change.before.assertions[scope]?.open.count {
        list.add(.graph, "\(change.operation) changed the graph of \(scope)")
      }
    }
  }

  // MARK: What happens to a scope

  private mutating func apply(
    _ run: RunRecord, _ change: Change, _ platform: SimulatedPlatform, isLossy: Bool,
    _ list: inout Findings
  ) {
    let attempt = run.stored.machine.attempt
    let executions = platform.executions(run: run.stored.run, attempt: attempt)
    var closest: (oracle: Oracle, found: Findings)?
    for execution in executions {
      var candidate = self
      candidate.apply(execution, of: run, change, isLossy: isLossy)
      var found = Findings()
      candidate.compare(run.stored.scope, change, &found)
      if closest.map({ $0.found.violations.count > found.violations.count }) ?? true {
        closest = (candidate, found)
      }
    }
    guard let closest else {
      return list.add(
        .graph, "run \(run.stored.run) is applied, and attempt \(attempt) was never executed")
    }
    self = closest.oracle
    for violation in closest.found.violations {
      list.add(
        violation.invariant,
        "run \(run.stored.run), attempt \(attempt), \(executions.count) executions: "
          + violation.detail)
    }
  }

  private mutating func apply(
    _ execution: SimulatedPlatform.Execution, of run: RunRecord, _ change: Change, isLossy: Bool
  ) {
    for kind in SimulatedCollection.allCases {
      let key = CollectionKey(scope: run.stored.scope, collection: kind.rawValue)
      guard let listing = execution.collections[kind.rawValue] else { continue }
      var collection = collections[key] ?? Collection()
      let row = change.after.collections[key]
      // Where messages may get lost, only what is recorded as complete surely arrived.
      let isLost =
        isLossy && !(row?.outcome == .complete && row?.outcomeEpoch == run.stored.epoch)
      // A listing that ran out of time has published what it was answered, or all but the last.
      if isLost || listing.end == nil {
        collection.takeLost(key, listing, change, epoch: run.stored.epoch)
      } else if let end = listing.end {
        collection.apply(
          listing, end, of: key, epoch: run.stored.epoch, at: run.allocatedAt)
      }
      collections[key] = collection
    }
  }

  /// What is emitted again is what was applied last, so it changes nothing but the epoch; where
  /// messages may get lost, it may bring some of them back.
  private mutating func replay(_ run: RunRecord, _ change: Change, _ list: inout Findings) {
    let scope = run.stored.scope
    for (key, row) in change.after.collections.rows(where: { key, row in
      key.scope == scope && row.applied?.run == run.stored.run
    }) {
      guard var collection = collections[key] else { continue }
      collection.appliedEpoch = row.applied?.epoch
      // It may be one that has aged since: the next sweep is for it.
      collection.usedAt = [collection.usedAt, collection.listedUse].compactMap(\.self).max()
      collections[key] = collection
    }
    if change.isLossy {
      let known = Set(change.before.assertions[scope]?.open.all.map(\.key) ?? [])
      for (key, found) in change.after.assertions[scope]?.open.all ?? []
      where !known.contains(key) {
        collections[CollectionKey(scope: scope, collection: key.collection)]?.rows[key] = Row(
          element: found.element, suspectSince: found.suspectSince)
      }
    }
    var found = Findings()
    compare(scope, change, &found)
    for violation in found.violations {
      list.add(.replays, "run \(run.stored.run), a replay: \(violation.detail)")
    }
  }

  private mutating func retire(_ row: RetirementRow) {
    for kind in SimulatedCollection.allCases
    where row.collection.isEmpty || row.collection == kind.rawValue {
      let key = CollectionKey(scope: row.scope.description, collection: kind.rawValue)
      collections[key] = Collection(retiredEpoch: row.epoch)
    }
  }

  private mutating func age(_ change: Change, _ list: inout Findings) {
    let oldest = change.now + (.zero - Installation.activityAge)
    for (key, row) in change.before.activity.all where change.after.activity[key] == nil {
      list.require(
        row.at < oldest, .aged, "the use of \(key.target) at \(row.at) is gone at \(change.now)")
      collections[key.collection]?.usedAt = nil
    }
  }

  private mutating func decide(_ row: DecisionRow) {
    let key = CollectionKey(scope: row.scope.description, collection: row.collection)
    guard var collection = collections[key] else { return }
    switch row.decision {
    case .confirmed: collection.rows = collection.rows.filter { $0.value.suspectSince == nil }
    case .rejected:
      for row in collection.rows.keys { collection.rows[row]?.suspectSince = nil }
    }
    collections[key] = collection
  }

  // MARK: Comparing

  private func compare(_ scope: String, _ change: Change, _ list: inout Findings) {
    let open = change.after.assertions[scope]?.open
    var seen = 0
    for kind in SimulatedCollection.allCases {
      let key = CollectionKey(scope: scope, collection: kind.rawValue)
      let expected = collections[key] ?? Collection()
      for (rowKey, row) in expected.rows {
        seen += 1
        guard let found = open?[rowKey] else {
          list.add(.doubt, "\(change.operation): \(rowKey.text) is gone, and should not")
          continue
        }
        list.require(
          found.element == row.element, .graph,
          "\(change.operation): \(rowKey.text) says something else than it should")
        list.require(
          found.suspectSince == row.suspectSince, .doubt,
          "\(change.operation): \(rowKey.text) is a suspect since "
            + "\(found.suspectSince.map { "\($0)" } ?? "never"), should be since "
            + "\(row.suspectSince.map { "\($0)" } ?? "never")")
        if let retired = expected.retiredEpoch {
          list.require(
            found.opened.epoch > retired, .retired,
            "\(rowKey.text) is of epoch \(found.opened.epoch), retired in \(retired)")
        }
      }
      let row = change.after.collections[key]
      list.require(
        row?.token == expected.token, .tokens,
        "\(change.operation): \(key) has the token \(row?.token ?? "none"), should have "
          + "\(expected.token ?? "none")")
      list.require(
        row?.applied?.epoch == expected.appliedEpoch, .graph,
        "\(change.operation): \(key) is of epoch \(row?.applied?.epoch ?? 0), should be of "
          + "\(expected.appliedEpoch ?? 0)")
      let used = change.after.activity.rows { row, _ in row.collection == key }.map(\.row.at)
      list.require(
        used == (expected.usedAt.map { [$0] } ?? []), .graph,
        "\(change.operation): \(key) says it was used \(used), should be "
          + "\(expected.usedAt.map { "\($0)" } ?? "never")")
    }
    if (open?.count ?? 0) > seen {
      for (key, _) in open?.all ?? [] {
        let collection = CollectionKey(scope: scope, collection: key.collection)
        if collections[collection]?.rows[key] == nil {
          list.add(.graph, "\(change.operation): \(key.text) is open, and should not")
        }
      }
    }
  }
}

extension Oracle.Collection {
  fileprivate mutating func apply(
    _ listing: SimulatedPlatform.Listing, _ end: SimulatedPlatform.Listing.End,
    of key: CollectionKey, epoch: Int64, at: Timestamp
  ) {
    if let retiredEpoch, retiredEpoch >= epoch { return }
    if let appliedEpoch, appliedEpoch >= epoch { return }
    if end.kind == .delta, token == nil || token != end.from { return }
    if let latest = listing.activity.max() {
      // By day and time, as messages carry it.
      usedAt = max(usedAt ?? latest, latest)
      listedUse = latest
    }
    let count = listing.answers.count + listing.activity.count
    if end.outcome == .complete || count > 0 { appliedEpoch = epoch }

    var newest: [String: SimulatedPlatform.Object?] = [:]
    var tainted: Set<String> = []
    for answer in listing.answers {
      newest[answer.key] = .some(answer.object)
      if answer.object?.isMalformed ?? false { tainted.insert(answer.key) }
    }
    let objectsBefore = Set(rows.keys.map(\.object))
    // What every record says is true, whatever became of the listing.
    var said: Set<AssertionKey> = []
    for (object, value) in newest {
      guard let value, !value.isMalformed else { continue }
      for element in Self.elements(object, value, of: key) {
        let rowKey = AssertionKey(
          collection: key.collection, object: object, element: element.key)
        rows[rowKey] = Oracle.Row(element: element)
        said.insert(rowKey)
      }
    }
    // Who is listed, be it unreadably, is no suspect.
    func isListed(_ object: String) -> Bool {
      guard let value = newest[object] else { return false }
      return value != nil || tainted.contains(object)
    }
    for rowKey in rows.keys where isListed(rowKey.object) { rows[rowKey]?.suspectSince = nil }
    guard end.outcome == .complete else { return }
    switch end.kind {
    case .activity: token = end.token
    case .delta:
      guard tainted.isEmpty else { return }
      token = end.token
      // A record says all there is to say of its object.
      rows = rows.filter { row in said.contains(row.key) || newest[row.key.object] == nil }
    case .full:
      let absent = objectsBefore.filter { !isListed($0) }
      let isTooMuch =
        (objectsBefore.count > 20 && absent.count * 2 > objectsBefore.count)
        || (objectsBefore.count > 1 && absent.count == objectsBefore.count)
      token = isTooMuch || !tainted.isEmpty ? nil : end.token
      for (rowKey, row) in rows where !said.contains(rowKey) && !tainted.contains(rowKey.object) {
        if isListed(rowKey.object) || !isTooMuch {
          rows[rowKey] = nil
        } else if let since = row.suspectSince, at - since >= .seconds(24 * 3600) {
          rows[rowKey] = nil
        } else if row.suspectSince == nil {
          rows[rowKey]?.suspectSince = at
        }
      }
    }
  }

  /// Some records were lost on the way. What arrived is not known here, so what is stored is
  /// believed as long as nothing ended for being absent, and nothing came from nowhere.
  fileprivate mutating func takeLost(
    _ key: CollectionKey, _ listing: SimulatedPlatform.Listing, _ change: Change, epoch: Int64
  ) {
    var possible: [AssertionKey: [Element]] = rows.mapValues { [$0.element] }
    for answer in listing.answers {
      guard let object = answer.object, !object.isMalformed else { continue }
      for element in Self.elements(answer.key, object, of: key) {
        let rowKey = AssertionKey(
          collection: key.collection, object: answer.key, element: element.key)
        possible[rowKey, default: []].append(element)
      }
    }
    let open = change.after.assertions[key.scope]?.open
    var stored: [AssertionKey: Oracle.Row] = [:]
    for (rowKey, elements) in possible {
      guard let found = open?[rowKey] else {
        if let row = rows[rowKey] { stored[rowKey] = row }
        continue
      }
      guard elements.contains(found.element) else { continue }
      stored[rowKey] = Oracle.Row(
        element: found.element, suspectSince: found.suspectSince)
    }
    rows = stored
    appliedEpoch = change.after.collections[key]?.applied?.epoch
    usedAt = change.after.activity.rows { row, _ in row.collection == key }.map(\.row.at).max()
    listedUse = usedAt
  }

  fileprivate static func elements(
    _ object: String, _ value: SimulatedPlatform.Object, of key: CollectionKey
  ) -> [Element] {
    guard let scope = Scope(key.scope) else { return [] }
    let answer = SimulatedPlatform.Answer(key: object, object: value)
    let record = RawRecord(
      scope: scope, collection: key.collection, key: object,
      bytes: SimulatedRecord.json(answer).bytes)
    guard let assertions = try? SimulatedNormalizer().assertions(of: record) else { return [] }
    return assertions.nodes.map { Element.node($0) } + assertions.edges.map { Element.edge($0) }
  }
}

extension AssertionKey {
  var text: String { "\(collection) \(object) \(element)" }
}
