internal import Model

extension Rule {
  /// A non-human identity whose authority goes on into an account that has nothing to do with its
  /// own, and ends there at sensitive data or a privileged set.
  ///
  /// Who owns that account can declare it: the role or system through which the chain enters it
  /// carries the tag `sv0:accepts` with the ids of the accounts that may.
  static let crossSystemChain = Rule(
    id: "cross-system-chain", version: 1, title: "Chain into an unrelated account",
    subjects: SubjectInputs.principals.map {
      SubjectInputs($0.type, $0.collections, needsOrganization: true)
    }
  ) { situation, subject in
    guard situation.semantics.isWorkload(subject) else { return nil }
    let ranked = situation.crossings(from: subject.id)
      .filter { $0.sensitivity >= .medium }.sorted { $0.isWorse(than: $1) }
    guard let worst = ranked.first, let end = worst.end,
      let account = situation.semantics.unrelatedOwner(of: end.to, seenFrom: subject.id)
    else { return nil }
    var draft = situation.draft(
      ranked,
      title: "\(subject.name) reaches \(worst.words(in: situation.graph)) of unrelated account "
        + account,
      advice: "Account \(account) is in no organization with the account of \(subject.name), so "
        + "nobody sees both ends, and whoever holds one holds the other. Remove the trust, or "
        + "declare it by the tag sv0:accepts on the role or system that lets it in.")
    draft?.limits += situation.strangers([account], to: subject)
    return draft
  }
}

extension Situation {
  /// What is reached through undeclared entries into unrelated accounts.
  fileprivate func crossings(from start: String) -> [Reached] {
    var known: [String: Bool] = [:]
    func isForeign(_ id: String) -> Bool {
      guard let owner = semantics.owner(of: id) else { return false }
      if let answer = known[owner] { return answer }
      let answer = semantics.unrelatedOwner(of: id, seenFrom: start) != nil
      known[owner] = answer
      return answer
    }
    var found: [Reached] = []
    let near = [AuthorityPath([])] + authority.bestPaths(from: start, endingWith: nil)
    for path in near {
      let place = path.hops.last?.to ?? start
      guard path.hops.last?.transfer != .access else { continue }
      let leaving = authority.hops(from: place) + semantics.sensitiveAccess(of: place)
      guard !leaving.isEmpty, !isForeign(place) else { continue }
      for entry in leaving
      where entry.transfer != .locate && isForeign(entry.to) && !isDeclared(entry.to, from: start) {
        let inside = path.hops + [entry]
        if entry.transfer == .access {
          found += semantics.holdings(of: entry.to).compactMap { hop in
            DataDomain(id: hop.to).map {
              Reached(
                target: .domain($0), level: entry.level, path: AuthorityPath(inside + [hop]))
            }
          }
        } else {
          found += reached(from: entry.to).filter { isForeign($0.end?.to ?? entry.to) }.map {
            Reached(
              target: $0.target, level: $0.level, path: AuthorityPath(inside + $0.path.hops))
          }
        }
      }
    }
    return found
  }

  /// Whether who owns the entry of a chain has said that it may be.
  private func isDeclared(_ entry: String, from start: String) -> Bool {
    guard let own = semantics.owner(of: start) else { return false }
    let accepted = graph.nodes[entry]?.state("tags")?["sv0:accepts"]?.string ?? ""
    return accepted.split { !$0.isLetter && !$0.isNumber }.contains { $0 == own }
  }
}
