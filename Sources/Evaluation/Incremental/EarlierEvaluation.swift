internal import Model

/// What an evaluation leaves to a later one of its tenant: results, and what each was made from.
public struct EarlierEvaluation: Sendable {
  /// Nodes and edges of all tenants of which one is kept; each takes about 220 bytes.
  static let capacity = 7_000_000

  let graph: Graph
  let inputs: Inputs
  let table: HopTable
  let results: AWSResults
  let verdicts: Verdicts
  let owners: OwnerRegister
  let thresholds: RuleThresholds
  let settled: Settled?
  let now: Timestamp

  /// Whether rules that read the same say the same: beside what is noted they read what the tenant
  /// says of owners, thresholds and acceptances, and the time, of which they say when it matters.
  func mayBeFollowed(by next: Situation) -> Bool {
    let acceptances = [settled, next.settled].compactMap { $0?.acceptances }
    return thresholds == next.thresholds && owners.owners == next.owners.owners
      && now <= next.now && acceptances.allSatisfy(\.isEmpty)
  }
}
