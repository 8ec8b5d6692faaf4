package import Evaluation
package import Model
internal import Scheduling

extension DatabaseState {
  package var clocks: [TenantClock] { tenants.all.map(\.row) }

  package func read(_ tenant: String) -> EvaluationReading? {
    guard let clock = tenants[tenant] else { return nil }
    let published = findings.rows { id, _ in id.tenant == tenant }
    return EvaluationReading(
      clock: clock, graph: graph(of: clock),
      findings: published.map { PublishedFinding($0.row) }, settled: settled(of: clock),
      paths: pathDigests(of: tenant))
  }

  private func pathDigests(of tenant: String) -> [String: [UInt8]] {
    let open = openPaths.rows { key, _ in key.tenant == tenant }.map(\.row)
    return Dictionary(grouping: open, by: \.key.subject)
      .compactMapValues { SubjectPaths.digest(of: $0.map(\.path.digest)) }
  }

  private func settled(of clock: TenantClock) -> Settled {
    var settled = Settled()
    let judged = judgedRules.rows { key, _ in key.tenant == clock.tenant }
    settled.judged = Set(judged.map(\.key.judged))
    for (key, row) in baselines.rows(where: { key, _ in key.tenant == clock.tenant }) {
      settled.baselines[key.subject] = row.baseline
    }
    settled.retired = Set(
      retirements.filter { $0.scope.tenant == clock.tenant }.map {
        RetiredCollections(scope: $0.scope.description, collection: $0.collection)
      })
    for row in findingOrders where row.tenant == clock.tenant {
      switch row.order {
      case .release(let release):
        if row.graphVersion > clock.evaluatedVersion { settled.releases.append(release) }
      case .accept(let acceptance):
        if row.graphVersion > clock.evaluatedVersion { settled.acceptances.append(acceptance) }
      case .suppress(let uid, let suppression): settled.suppressions[uid] = suppression
      }
    }
    return settled
  }

  private func graph(of clock: TenantClock) -> Graph {
    var nodes: [Asserted<Node>] = []
    var edges: [Asserted<Edge>] = []
    for (scope, assertions) in assertions.rows(where: { key, _ in key.isScope(of: clock.tenant) }) {
      for (key, assertion) in assertions.open.all {
        let provenance = Provenance(
          collection: CollectionKey(scope: scope, collection: key.collection),
          object: key.object, sha256: assertion.receipt.record.sha256,
          run: assertion.receipt.run, call: Int64(assertion.receipt.call))
        switch assertion.element {
        case .node(let node): nodes.append(Asserted(node, provenance))
        case .edge(let edge): edges.append(Asserted(edge, provenance))
        }
      }
    }
    var collections: [CollectionKey: CollectionStatus] = [:]
    for (key, row) in self.collections.rows(where: { key, _ in key.scope.isScope(of: clock.tenant) }
    ) {
      collections[key] = CollectionStatus(
        outcome: row.outcome, epoch: row.outcomeEpoch, at: row.outcomeAt,
        completedAt: row.completedAt, missing: row.missing, appliedRun: row.applied?.run)
    }
    let lists = Set((nodes.map(\.provenance) + edges.map(\.provenance)).map(Graph.CallList.init))
      .union(
        collections.compactMap { key, status in
          status.appliedRun.map { Graph.CallList(run: $0, collection: key.collection) }
        })
    return Graph(
      tenant: clock.tenant, version: clock.graphVersion, nodes: nodes, edges: edges,
      documents: documents(of: nodes.map(\.value), clock.tenant), collections: collections,
      calls: calls(lists, of: clock.tenant))
  }

  /// Those that an open policy node points to.
  private func documents(of nodes: [Node], _ tenant: String) -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for node in nodes where node.kind == .policy {
      guard let digest = node.state["document"]?.string else { continue }
      found[digest] = documents[DocumentKey(tenant: tenant, digest: digest)]?.bytes
    }
    return found
  }

  private func calls(
    _ lists: Set<Graph.CallList>, of tenant: String
  ) -> [Graph.CallList: [UInt8]] {
    var found: [Graph.CallList: [UInt8]] = [:]
    for list in lists {
      let key = RunCollectionKey(
        run: RunKey(tenant: tenant, run: list.run), collection: list.collection)
      found[list] = calls[key]?.calls.bytes
    }
    return found
  }

  package mutating func write(_ result: EvaluationResult) -> Bool {
    let tenant = result.clock.tenant
    guard var clock = tenants[tenant], clock.record(result) else { return false }
    tenants[tenant] = clock
    for change in result.changes {
      let id = FindingID(tenant: tenant, uid: change.key.uid)
      findings[id] = change
      guard change.life.isPublished else { continue }
      findingVersions.append(
        FindingVersionRow(
          id: id, change: change, graphVersion: result.clock.graphVersion, at: result.at))
    }
    for uid in result.tombstones {
      findings[FindingID(tenant: tenant, uid: uid)]?.life.tombstonedAt = result.at
    }
    for judged in result.judged {
      judgedRules[JudgedRuleKey(tenant: tenant, judged: judged)] = true
    }
    for baseline in result.baselines {
      baselines[BaselineKey(tenant: tenant, subject: baseline.subject)] = BaselineRow(
        baseline: baseline, changedAt: result.at)
    }
    for change in result.paths { write(change, of: result) }
    for message in result.messages { promise(message, of: tenant, at: result.at) }
    evaluations.append(
      EvaluationRow(
        tenant: tenant, graphVersion: result.clock.graphVersion, at: result.at,
        inputs: result.inputs))
    let covered = runs.rows { key, run in
      key.tenant == tenant && run.state == .applied
        && run.graphVersion.map { $0 <= result.clock.graphVersion } ?? false
    }
    for (key, run) in covered {
      runs[key]?.end(.evaluated, because: run.stored.machine.reason, at: result.at)
    }
    return true
  }

  private mutating func write(_ change: SubjectPaths, of result: EvaluationResult) {
    let tenant = result.clock.tenant
    let edition = PathEdition(version: result.clock.graphVersion, at: result.at)
    let old = openPaths.rows { key, _ in key.tenant == tenant && key.subject == change.subject }
    var new: [PathKey: StoredPath] = [:]
    for path in change.paths {
      let key = PathKey(
        tenant: tenant, subject: change.subject, target: path.target, level: path.level)
      new[key] = path
    }
    for (key, row) in old where row.path.digest != new[key]?.digest {
      var row = row
      row.closed = edition
      closedPaths.append(row)
      openPaths[key] = nil
    }
    for (key, path) in new where openPaths[key] == nil {
      openPaths[key] = PathRow(
        key: key, path: path,
        reachedSince: old.first { $0.key == key }?.row.reachedSince ?? result.at, opened: edition)
    }
  }
}

extension DatabaseState {
  package mutating func record(
    _ order: FindingOrder, of tenant: String, by person: String, at now: Timestamp
  ) throws -> Int {
    let about = findings.rows { id, change in
      guard id.tenant == tenant else { return false }
      return switch order {
      case .release(let release):
        change.life.isHeld && release.covers(change.key.rule, in: change.key.scope)
      case .accept(let acceptance):
        change.key.rule == "scope-drift" && change.life.state.isOpen
          && acceptance.covers(change.key.subject, in: change.key.scope)
      case .suppress(let uid, _): id.uid == uid && change.life.state.isOpen
      }
    }
    guard !about.isEmpty else { return 0 }
    findingOrders.append(
      FindingOrderRow(
        tenant: tenant, graphVersion: try raiseVersion(of: tenant, at: now), order: order,
        orderedBy: person, orderedAt: now))
    return about.count
  }
}

extension String {
  /// Whether this scope key is one of the tenant's.
  func isScope(of tenant: String) -> Bool { hasPrefix(tenant + "/") }
}

extension Graph.CallList {
  fileprivate init(_ provenance: Provenance) {
    self.init(run: provenance.run, collection: provenance.collection.collection)
  }
}
