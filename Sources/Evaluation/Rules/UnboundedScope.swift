internal import Model

extension Rule {
  /// A non-human identity that may take every action, of everything or of a service, on every
  /// resource of its account.
  static let unboundedScope = Rule(
    id: "unbounded-scope", version: 1, title: "Unbounded scope",
    subjects: SubjectInputs.principals
  ) { situation, subject in
    let reached = situation.authority.hops(from: subject.id).filter { $0.kind == "reaches" }
    guard situation.semantics.isWorkload(subject) else { return nil }
    let ranked = reached.sorted { left, right in
      let (one, two) = (unboundedSeverity(left), unboundedSeverity(right))
      return one == two ? left.precedes(right) : one > two
    }
    guard let worst = ranked.first else { return nil }
    let path = AuthorityPath([worst])
    let sets = ranked.map { situation.graph.unboundedName($0.to) }
    return Draft(
      severity: unboundedSeverity(worst), decision: worst.decision, via: path.via,
      title: "\(subject.name) has unbounded scope: \(sets.joined(separator: ", "))",
      description: "\(worst.sentence.asSentence). Nothing that limits it stands in the way"
        + (worst.decision.qualifier.map { ", as far as is known (\($0))" } ?? "")
        + ". Whoever can use this identity, or what runs as it, holds all of that. "
        + "Name the actions and the resources that it needs, or give it a permissions boundary.",
      chain: situation.graph.chain(path), limits: situation.graph.limits(path),
      targets: ranked.map(\.target), cause: worst.cause)
  }
}

/// Level of access × what it covers, capped where it is not certain.
func unboundedSeverity(_ hop: Hop) -> Severity {
  let all = hop.to.hasSuffix("#*")
  let severity: Severity =
    switch hop.level {
    case .manageAccess: .high
    case .administer:
      all || sensitiveServices.contains { hop.to.hasSuffix("#\($0):*") } ? .high : .low
    case .write, .readData: .medium
    case .readMetadata, nil: .low
    }
  return severity.capped(hop.decision)
}

/// Services whose whole holds data, secrets or keys, or runs code under roles of its own choice.
private let sensitiveServices = [
  "cloudformation", "codebuild", "dynamodb", "ec2", "ecs", "eks", "glue", "kms", "lambda", "rds",
  "redshift", "s3", "sagemaker", "secretsmanager", "ssm",
]

extension Hop {
  var target: FindingTarget {
    FindingTarget(id: to, level: level?.name, strength: decision.strength ?? .unknown)
  }
}

extension Graph {
  /// `aws:account:111122223333#s3:*` as a title names it: `s3:*`.
  func unboundedName(_ id: String) -> String {
    id.split(separator: "#", maxSplits: 1).last.map(String.init) ?? id
  }
}
