internal import Model

extension Rule {
  /// A non-human identity that reaches more than its baseline, because somebody changed a policy, a
  /// grant or a membership.
  static let scopeDrift = Rule(
    id: "scope-drift", version: 1, title: "Scope drift", subjects: SubjectInputs.principals
  ) { situation, subject in
    guard situation.hasBaseline(subject), situation.semantics.isWorkload(subject) else {
      return nil
    }
    let drift = situation.drift(of: subject)
    let ranked = drift.reached.sorted { $0.isWorse(than: $1) }
    var seen: Set<String> = []
    let words = ranked.map { $0.words(in: situation.graph) }.filter { seen.insert($0).inserted }
    return situation.draft(
      ranked, title: "\(subject.name) has come to reach \(words.joined(separator: ", "))",
      advice: "It could not when it was first judged, or when somebody accepted what it reaches, "
        + "and its policies, memberships or trusts have changed since. Take back what it does not "
        + "need, or accept it: sv0 baseline accept \(subject.id).")
  }
}
