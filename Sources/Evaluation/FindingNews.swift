internal import Model

/// What one rule judges.
struct Judged: Hashable {
  var rule: String
  var subject: String
}

/// From what an evaluation finds to what is stored and published.
struct FindingNews {
  /// By uid, what is stored.
  let before: [String: PublishedFinding]
  /// `nil` holds and suppresses nothing.
  let settled: Settled?
  let inputs: Inputs
  let now: Timestamp

  /// - Parameters:
  ///   - findings: all that these rules find.
  ///   - blocked: what was missing to judge a subject.
  ///   - rules: a rule that this program does not have can neither find nor resolve.
  func changes(
    to findings: [Finding], _ blocked: [Judged: [String]], of rules: Set<String>
  ) -> [FindingChange] {
    var found: [String: Finding] = [:]
    for finding in findings { found[finding.uid] = finding }
    let gone = before.values.filter { old in
      old.life.state.isOpen && found[old.uid] == nil && rules.contains(old.key.rule)
    }
    return found.values.compactMap(change)
      + gone.compactMap { old in
        change(old, blocked[Judged(rule: old.key.rule, subject: old.key.subject)] ?? [])
      }
  }

  /// What waits once the changes are stored.
  func held(after changes: [FindingChange]) -> [FindingKey] {
    var waiting: [String: FindingKey] = [:]
    for old in before.values where old.life.isHeld { waiting[old.uid] = old.key }
    for change in changes { waiting[change.key.uid] = change.life.isHeld ? change.key : nil }
    return Array(waiting.values)
  }

  private func change(to finding: Finding) -> FindingChange? {
    let content = OCSF.content(finding)
    let old = before[finding.uid]
    let suppression = settled?.suppression(of: finding.uid, at: now)
    let disclosure =
      settled?.disclosure(of: finding, old, isSuppressed: suppression != nil) ?? .release
    return change(
      FindingKey(finding), content, .found(digest: OCSF.digest(content)), old?.life, disclosure,
      suppression)
  }

  private func change(_ old: PublishedFinding, _ blocked: [String]) -> FindingChange? {
    let needed = old.inputs.filter { key in
      inputs.isListed(key) || settled?.hasRetired(key) != true
    }
    let missing = Set(inputs.gaps(needed) + blocked).sorted { $0.precedes($1) }
    let content = OCSF.content(of: old.event, missing: missing)
    let digest = OCSF.digest(content)
    let isReleased = settled?.releases(old.key.rule, in: old.key.scope) ?? true
    return change(
      old.key, content, missing.isEmpty ? .gone(digest: digest) : .notEvaluated(digest: digest),
      old.life, isReleased ? .release : .publish, settled?.suppression(of: old.uid, at: now))
  }

  private func change(
    _ key: FindingKey, _ content: JSON, _ observation: Observation, _ life: FindingLife?,
    _ disclosure: Disclosure, _ suppression: Suppression?
  ) -> FindingChange? {
    FindingLife.after(
      life, observation, disclosure, isSuppressed: suppression != nil, at: now
    ).map {
      FindingChange(key: key, life: $0, event: OCSF.event(content, $0, suppression))
    }
  }
}
