internal import Model

extension Statement {
  /// What an allow with `ForAllValues` says to a request without the key: yes. That is seldom
  /// meant, so it is told wherever nothing else in the statement demands the key.
  /// Source: IAM User Guide, "Set operators for multivalued context keys".
  var trap: String? {
    guard effect == .allow else { return nil }
    let open = Set(conditions.filter { $0.quantifier == .allValues }.map(\.name))
      .subtracting(conditions.filter { !$0.isMetWithoutKey }.map(\.name))
    guard !open.isEmpty else { return nil }
    let keys = Set(conditions.filter { open.contains($0.name) }.map(\.key))
      .sorted { $0.precedes($1) }
    return "ForAllValues is met by a request without \(keys.joined(separator: " or "))"
  }
}
