internal import Evaluation
package import Loading
internal import Model
internal import Scheduling

extension DatabaseState {
  package func run(_ run: String, of tenant: String) -> RunRow? {
    runs[RunKey(tenant: tenant, run: run)].map(RunRow.init)
  }

  package mutating func apply(_ ending: Ending) throws -> Applied? {
    _ = try hold(ending.claim)
    var applied: Applied?
    if let run = current(ending.attempt) {
      applied = try apply(run, ending)
    }
    forget(ending)
    return applied
  }

  package mutating func fail(_ ending: Ending, because reason: String) throws {
    _ = try hold(ending.claim)
    if let run = current(ending.attempt) { try fail(run, because: reason, at: ending.at) }
    forget(ending)
  }

  /// The attempt's run, if this is its current attempt, and unfinished.
  func current(_ attempt: Attempt) -> RunRecord? {
    guard let run = runs[RunKey(tenant: attempt.scope.tenant, run: attempt.run)],
      run.stored.scope == attempt.scope.description, run.stored.machine.attempt == attempt.number,
      run.state.takesRecords
    else { return nil }
    return run
  }

  mutating func fail(_ run: RunRecord, because reason: String, at now: Timestamp) throws {
    let version = try raiseVersion(of: run.stored.tenant, at: now)
    failCollections(of: run.stored, because: reason, at: now)
    runs[run.stored.key]?.graphVersion = version
    runs[run.stored.key]?.end(.failed, because: reason, at: now)
  }

  private mutating func forget(_ ending: Ending) {
    drop(ending.attempt)
    if let end = ending.end { move(ending.claim.partition, to: end.offset + 1, end) }
    lower(ending.claim.partition)
  }

  private mutating func apply(_ run: RunRecord, _ ending: Ending) throws -> Applied {
    let scope = ending.attempt.scope
    let listing = StagedListing(staged[AttemptKey(ending.attempt)] ?? StagedAttempt())
    let plans = listing.ends.map { ended in
      CollectionPlan(count(of: ended, in: listing, scope), epoch: run.stored.epoch)
    }
    let version = try raiseVersion(of: scope.tenant, at: ending.at)
    let edition = Assertion.Edition(
      epoch: run.stored.epoch, at: run.allocatedAt, version: version)
    let changes = write(plans, listing, of: ending.attempt, as: edition)
    writeFacts(plans, listing, of: ending.attempt)
    for plan in plans {
      record(plan, listing, of: run, ending.attempt, at: ending.at)
    }
    runs[run.stored.key]?.graphVersion = version
    runs[run.stored.key]?.end(.applied, because: nil, at: ending.at)
    return Applied(
      epoch: run.stored.epoch, graphVersion: version, plans: plans, changes: changes)
  }

  private func count(
    of ended: CollectionEnded, in listing: StagedListing, _ scope: Scope
  ) -> CollectionCount {
    let key = CollectionKey(scope: scope.description, collection: ended.collection)
    let records = listing.records.filter { $0.collection == ended.collection }
    let tainted = records.filter(\.isTainted)
    let retired = retirements.filter {
      $0.scope == scope && Retirement.covers($0.collection, ended.collection)
    }
    var count = CollectionCount(
      ended: ended, distinctSequences: Int64(Set(records.map(\.sequence)).count),
      tainted: Int64(tainted.count),
      taintedWithoutKey: Int64(tainted.count { $0.fragment.object.isEmpty }),
      token: collections[key]?.token, appliedEpoch: collections[key]?.applied?.epoch,
      retiredEpoch: retired.map(\.epoch).max())
    if count.asksForAbsence {
      let open = assertions[key.scope]?.open.rows { key, _ in key.collection == ended.collection }
      let objects = Set((open ?? []).map(\.key.object))
      count.openObjects = Int64(objects.count)
      count.absentObjects = Int64(
        objects.count { !listing.isPresent(ended.collection, $0) })
    }
    return count
  }

  private mutating func write(
    _ plans: [CollectionPlan], _ listing: StagedListing, of attempt: Attempt,
    as edition: Assertion.Edition
  ) -> Applied.Changes {
    let written = listing.assertions(
      in: Set(plans.filter(\.writes).map(\.collection)), run: attempt.run, edition)
    var scope = assertions[attempt.scope.description] ?? ScopeAssertions()
    var changes = Applied.Changes()
    changes.closed += scope.close(as: edition) { open in
      written.byKey[open.key]?.contains { $0.hash != open.hash } ?? false
    }
    // A record that was delivered twice says it twice: the first counts.
    for assertion in written.inOrder where scope.insert(assertion) { changes.opened += 1 }
    _ = scope.mark(suspectSince: nil) { open in
      open.suspectSince != nil && written.collections.contains(open.key.collection)
        && listing.isPresent(open.key.collection, open.key.object)
    }
    for plan in plans where plan.writes {
      func absent(_ open: Assertion) -> Bool {
        open.key.collection == plan.collection && written.byKey[open.key] == nil
          && !listing.isTainted(plan.collection, open.key.object)
      }
      func isPresent(_ open: Assertion) -> Bool {
        listing.isPresent(plan.collection, open.key.object)
      }
      switch plan.closes {
      case .nothing: break
      case .absent: changes.closed += scope.close(as: edition, where: absent)
      case .unsaid:
        changes.closed += scope.close(as: edition) { absent($0) && isPresent($0) }
      case .suspects:
        let before = edition.at + (.zero - CollectionPlan.suspicion)
        changes.closed += scope.close(as: edition) { open in
          absent(open) && (isPresent(open) || open.suspectSince.map { $0 <= before } ?? false)
        }
        changes.suspected += scope.mark(suspectSince: edition.at) { open in
          open.suspectSince == nil && absent(open)
        }
      case .named:
        changes.closed += scope.close(as: edition) { open in
          open.key.collection == plan.collection
            && listing.isRemoved(plan.collection, open.key.object)
        }
      }
    }
    assertions[attempt.scope.description] = scope
    return changes
  }

  private mutating func writeFacts(
    _ plans: [CollectionPlan], _ listing: StagedListing, of attempt: Attempt
  ) {
    let tenant = attempt.scope.tenant
    let written = Set(plans.filter(\.writes).map(\.collection))
    for record in listing.inSequence where written.contains(record.collection) {
      _ = writeFacts(of: record, attempt, observes: listing.isNewest(record))
    }
    for ended in listing.ends {
      calls.insert(
        CallsRow(attempt: attempt.number, calls: ended.json["calls"] ?? .array([])),
        as: RunCollectionKey(
          run: RunKey(tenant: tenant, run: attempt.run), collection: ended.collection))
    }
  }

  /// Writes what has no versions.
  ///
  /// - Returns: whether anything is new.
  mutating func writeFacts(
    of record: StagedRecord, _ attempt: Attempt, observes: Bool
  ) -> Bool {
    let collection = CollectionKey(
      scope: attempt.scope.description, collection: record.collection)
    let fragment = record.fragment
    var isNew = false
    for document in fragment.documents {
      let key = DocumentKey(tenant: attempt.scope.tenant, digest: document.digest)
      if documents.insert(document.body, as: key) { isNew = true }
    }
    for node in fragment.nodes where observes {
      for (fact, value) in node.observed {
        let key = ObservedKey(
          collection: collection, object: fragment.object, id: node.id, fact: fact)
        guard observed[key].map({ $0.value.precedes(value) }) ?? true else { continue }
        observed[key] = ObservedRow(value: value, sha256: fragment.receipt.sha256)
        isNew = true
      }
    }
    for fact in fragment.activity {
      let key = ActivityKey(
        collection: collection, subject: fact.subject, action: fact.action, target: fact.target)
      guard activity[key].map({ $0.at < fact.at }) ?? true else { continue }
      activity[key] = ActivityRow(
        at: fact.at,
        receipt: RowReceipt(record: fragment.receipt, run: attempt.run, call: record.call))
      isNew = true
    }
    return isNew
  }

  private mutating func record(
    _ plan: CollectionPlan, _ listing: StagedListing, of run: RunRecord, _ attempt: Attempt,
    at now: Timestamp
  ) {
    runCollections[RunCollectionKey(run: run.stored.key, collection: plan.collection)] =
      CollectionReport(
        collection: plan.collection, attempt: attempt.number, outcome: plan.outcome,
        records: plan.records, missing: plan.ended.missing, message: plan.message)
    guard !plan.isRetired else { return }
    let key = CollectionKey(scope: run.stored.scope, collection: plan.collection)
    var row =
      collections[key]
      ?? CollectionRow(
        outcome: plan.outcome, outcomeEpoch: 0, outcomeAt: plan.known(at: now), missing: [])
    if row.outcomeEpoch < run.stored.epoch {
      row.outcome = plan.outcome
      row.outcomeEpoch = run.stored.epoch
      row.outcomeAt = plan.known(at: now)
      row.missing = plan.ended.missing
      row.message = plan.message
    }
    if plan.applies {
      row.applied = CollectionRow.Listing(
        run: attempt.run, attempt: attempt.number, epoch: run.stored.epoch,
        kind: plan.ended.kind, outcome: plan.ended.outcome, records: plan.ended.records,
        raw: listing.rawRange(of: plan.collection))
      if case .set(let token) = plan.token { row.token = token }
      if plan.isCurrent { row.completedAt = plan.known(at: run.allocatedAt) }
      if plan.provesAbsence {
        row.completedEpoch = run.stored.epoch
        row.listedAt = run.allocatedAt
      }
    }
    collections[key] = row
  }
}

extension RunRow {
  init(_ run: RunRecord) {
    self.init(
      scope: run.stored.scope, state: run.state, attempt: run.stored.machine.attempt,
      changedAt: run.changedAt, leaseUntil: run.stored.machine.leaseUntil)
  }
}
