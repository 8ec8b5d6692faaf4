public import Model

extension Evaluation {
  /// Every name that can be asked for, with the node it stands for: ids, defined names, data domains,
  /// and the sets that derived hops lead to, such as `aws:account:111122223333#*`.
  public var names: [String: String] {
    var names = situation.graph.names
    for end in situation.authority.ends { names[end] = end }
    for domain in DataDomain.allCases { names[domain.id] = domain.id }
    return names
  }

  /// A path for machines: what it is worth, and its chain as findings publish it.
  public func json(of path: AuthorityPath) -> JSON {
    [
      "result": .string("\(path.decision.level)"), "via": .string(path.via),
      "missing": .strings(path.decision.missing), "conditions": .strings(path.decision.conditions),
      "level": path.level.map { .string($0.name) } ?? .null,
      "dataDomains": .strings(domains(atEndOf: path).map(\.rawValue)),
      "hops": .array(
        path.hops.map {
          ["kind": .string($0.kind), "from": .string($0.from), "to": .string($0.to)]
        }),
      "chain": .array(chain(path).enumerated().map { $1.json(index: $0) }),
    ]
  }
}
