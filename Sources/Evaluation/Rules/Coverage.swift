internal import Model

/// The finding that says what was not judged: one per scope, because not evaluated is not passed.
struct Coverage {
  static let rule = "coverage"
  static let version = 1
  static let title = "Rules not evaluated"

  /// Which inputs each rule lacks in a scope: rule id to reasons, in order; empty when all are judged.
  static func gaps(in scope: String, _ situation: Situation) -> [(rule: String, missing: [String])]
  {
    Rule.all.compactMap { rule in
      let missing = rule.subjects.flatMap { subject -> [String] in
        let (keys, gaps) = subject.needs(scope: scope, region: nil, situation)
        return situation.inputs.gaps(keys) + gaps
      }
      let reasons = Set(missing).sorted { $0.precedes($1) }
      return reasons.isEmpty ? nil : (rule.id, reasons)
    }
  }

  static func draft(in scope: String, _ situation: Situation) -> Draft? {
    let gaps = gaps(in: scope, situation)
    guard !gaps.isEmpty else { return nil }
    let lines = gaps.map { "\($0.rule) lacks \($0.missing.joined(separator: "; "))" }
    return Draft(
      severity: .informational, decision: .allowed, via: "authority",
      title: "\(gaps.count) of \(Rule.all.count) rules were not evaluated in \(scope)",
      description: "What was not read can neither be reported nor ruled out, and findings about it "
        + "stay as they are: \(lines.joined(separator: ". ")).",
      chain: [], limits: [], targets: [], cause: "coverage \(scope)")
  }
}
