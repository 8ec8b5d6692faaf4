internal import Model

/// The finding that says what was not judged: one per scope, because not evaluated is not passed.
struct Coverage {
  static let rule = "coverage"
  static let version = 1
  static let title = "Rules not evaluated"

  /// What every rule lacks in a scope, whether it has subjects there or not.
  static func gaps(in scope: String, _ situation: Situation) -> [String: Set<String>] {
    var gaps: [String: Set<String>] = [:]
    for rule in Rule.all {
      for subject in rule.subjects {
        let (keys, unnamed) = subject.needs(scope: scope, region: nil, situation)
        gaps[rule.id, default: []].formUnion(situation.inputs.gaps(keys) + unnamed)
      }
    }
    return gaps.filter { !$0.value.isEmpty }
  }

  /// - Parameter gaps: rule ids, and what each lacks.
  static func draft(in scope: String, _ gaps: [String: Set<String>]) -> Draft? {
    guard !gaps.isEmpty else { return nil }
    let lines = gaps.sorted { $0.key.precedes($1.key) }.map { rule, missing in
      "\(rule) lacks \(missing.sorted { $0.precedes($1) }.joined(separator: "; "))"
    }
    return Draft(
      severity: .informational, decision: .allowed, via: "authority",
      title: "\(gaps.count) of \(Rule.all.count) rules were not evaluated completely in \(scope)",
      description: "What was not read can neither be reported nor ruled out, and findings about it "
        + "stay as they are: \(lines.joined(separator: ". ")).",
      chain: [], limits: [], targets: [], cause: "coverage \(scope)")
  }
}
