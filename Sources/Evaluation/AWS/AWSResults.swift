internal import Model

/// What one evaluation's semantics leaves to the next.
struct AWSResults: Sendable {
  var shelf: PolicyShelf?
  /// What each account's membership and limits were read from.
  var accounts: [String: [Cell]] = [:]
  var principals = ReadSets([])
  var sessions: (ids: [String], reads: [Cell]) = ([], [])
  var trusts: Results<[TrustedParty]>?
  var federated: Results<[FederatedTrust]>?
  var reaching: Results<[Hop]>?
  var escalations: Results<[Hop]>?
  /// Who may start functions.
  var entries: Results<[Hop]>?
  /// By type of system.
  var systems: [Results<SystemFacts>] = []
  /// Of the same systems, whom they let in from outside.
  var outsiders: [Results<[Hop]>] = []
  var access: Memo<String, [Hop]>?
  var holdings: Memo<String, [Hop]>?
}

extension Rework {
  /// Marks accounts that stand where they did not, or are limited otherwise.
  mutating func markAccounts(_ now: [String: [Cell]], after earlier: [String: [Cell]]) {
    for account in Set(now.keys).union(earlier.keys)
    where now[account] == nil || isStale(earlier[account]) { mark(.account, account) }
  }

  /// Marks whoever came, went, or holds, is limited by or trusts something else.
  mutating func markPrincipals(_ now: [Principal], _ reads: ReadSets, after earlier: ReadSets) {
    let (_, stale) = compare(reads.nodes, earlier)
    for principal in stale.map({ now[$0] }) { markPrincipal(principal.arn, principal.account) }
    for node in change?.graphNodes ?? []
    where ["aws.iam.role", "aws.iam.user"].contains(node.type) {
      markPrincipal(node.id, ARN(node.id)?.account ?? "")
    }
  }

  private mutating func markPrincipal(_ arn: String, _ account: String) {
    mark(.principal, arn)
    mark(.principals, account)
    mark(.principals, "")
    // Whoever is gone has none.
    mark(.trust, arn)
    mark(.reach, arn)
  }

  /// Marks what of an account's estate is listed otherwise.
  mutating func markListings() {
    for node in change?.graphNodes ?? [] {
      guard let account = node.state("account")?.string else { continue }
      mark(.estate, "\(node.type) \(account)")
    }
  }

  /// Marks what other systems hold, or let somebody do.
  mutating func markSystems(_ now: [Results<SystemFacts>], after earlier: [Results<SystemFacts>]) {
    for (results, old) in zip(now, earlier) {
      for place in results.stale {
        let facts = results.values[place]
        let its = self.earlier(old, of: results.reads.nodes[place])
        if its != facts { mark(facts.cells + (its?.cells ?? [])) }
      }
      for facts in gone(from: old, results.reads) { mark(facts.cells) }
    }
  }

  /// Marks whom systems let in otherwise.
  mutating func markOutsiders(_ now: [Results<[Hop]>], after earlier: [Results<[Hop]>]) {
    for (results, old) in zip(now, earlier) {
      for place in results.stale {
        let its = self.earlier(old, of: results.reads.nodes[place]) ?? []
        for hop in its + results.values[place] { mark(.outsider, hop.from) }
      }
      for hop in gone(from: old, results.reads).joined() { mark(.outsider, hop.from) }
    }
  }

  /// Earlier results of nodes that are not in the list any more.
  private func gone<Value>(from earlier: Results<Value>, _ now: ReadSets) -> [Value] {
    (change?.nodes ?? []).compactMap { node in
      guard let number = node.earlier, let value = earlier.value(of: number) else { return nil }
      return node.now.map { now.place(of: $0) != nil } ?? false ? nil : value
    }
  }
}
