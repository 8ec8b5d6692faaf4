internal import Model

/// The finding that says what is held: one per scope, because held is not gone.
struct Summary {
  static let rule = "summary"
  static let version = 1
  static let title = "Findings held back"

  /// - Parameter held: what waits in the scope.
  static func draft(in scope: String, _ held: [FindingKey]) -> Draft? {
    guard !held.isEmpty else { return nil }
    let rules = Dictionary(grouping: held, by: \.rule).sorted { $0.key.precedes($1.key) }
    let lines = rules.map { rule, keys in
      let severities = Dictionary(grouping: keys, by: \.severity).sorted { $0.key > $1.key }
      return "\(rule): "
        + severities.map { "\($0.value.count) \($0.key.name)" }.joined(separator: ", ")
    }
    let noun = held.count == 1 ? "finding is" : "findings are"
    return Draft(
      severity: .informational, decision: .allowed, via: "authority",
      title: "\(held.count) \(noun) held back in \(scope)",
      description: "A rule judged this scope for the first time, or in a new version, and only "
        + "what is high or critical was sent. Held back are \(lines.joined(separator: "; ")). "
        + "`sv0 findings --held` lists them; `sv0 findings release --scope \(scope)` sends them.",
      chain: [], limits: [], targets: [], cause: "summary \(scope)")
  }
}
