internal import Model

/// What an evaluation leaves to a later one of its tenant: results, and what each was made from.
public struct EarlierEvaluation: Sendable {
  /// Nodes and edges of all tenants of which one is kept.
  static let capacity = 3_000_000

  let graph: Graph
  let inputs: Inputs
  let table: HopTable
  let results: AWSResults
  let verdicts: Verdicts
  let nextDueAt: Timestamp?
  let owners: OwnerRegister
  let thresholds: RuleThresholds
  let settled: Settled?
  let now: Timestamp

  /// Whether rules that read the same say the same: beside what is noted they read what the tenant
  /// says of owners, thresholds and acceptances, and the time.
  func mayBeFollowed(by next: Situation) -> Bool {
    let acceptances = [settled, next.settled].compactMap { $0?.acceptances }
    return thresholds == next.thresholds && owners.owners == next.owners.owners
      && now <= next.now && nextDueAt.map { $0 > next.now } ?? true
      && acceptances.allSatisfy(\.isEmpty)
  }
}
