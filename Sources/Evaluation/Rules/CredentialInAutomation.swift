internal import Model

extension Rule {
  /// An automation whose configuration holds a credential, known by its form and not by its name.
  ///
  /// An access key's id says whose it is, so that the path goes on from there. What does not have a
  /// credential's form is not reported: a password can look like anything.
  static let credentialInAutomation = Rule(
    id: "credential-in-automation", version: 1, title: "Credential in an automation",
    subjects: [
      "aws.agentcore.harness", "aws.agentcore.runtime", "aws.apprunner.service",
      "aws.batch.jobDefinition", "aws.codebuild.project", "aws.ecs.taskDefinition",
      "aws.glue.job", "aws.lambda.function", "aws.sagemaker.model",
    ].map { SubjectInputs($0, ["\($0)@*", "aws.iam.accessKey"]) },
    check: { situation, subject in
      let stored = situation.stored(in: subject).filter { $0.decision.isPossible }
        .sorted { left, right in
          let (one, two) = (situation.severity(left), situation.severity(right))
          return one == two ? left.edge.to.precedes(right.edge.to) : one > two
        }
      guard let worst = stored.first else { return nil }
      let graph = situation.graph
      let names = Set(stored.flatMap(\.names)).sorted { $0.precedes($1) }
      let keys = stored.filter(\.isKey)
      let path = worst.path.map { ": \($0.hops.map(\.sentence).joined(separator: "; "))" } ?? ""
      return Draft(
        severity: situation.severity(worst), decision: worst.decision,
        via: worst.path?.via ?? "authority",
        title: "\(subject.name) holds a credential in its configuration",
        description: "By its form, \(names.joined(separator: ", ")) of \(subject.name) "
          + (names.count == 1 ? "is" : "are") + " "
          + (keys.isEmpty
            ? "a credential" : "access to \(keys.map(\.edge.to).joined(separator: ", "))\(path)")
          + (worst.decision.qualifier.map { " (\($0))" } ?? "")
          + ". Whoever may read the configuration has it, and it is copied with it. "
          + (keys.isEmpty
            ? "Keep it in a secret store and name it here."
            : "Let the role that it runs as serve instead."),
        chain: [graph.step(node: subject.id, in: subject.scope)]
          + stored.flatMap { $0.steps(graph, subject.scope) },
        limits: worst.path.map(graph.limits) ?? [],
        targets: stored.map { item in
          FindingTarget(
            id: item.path?.hops.last?.to ?? item.edge.to, level: item.path?.hops.last?.level?.name,
            strength: item.decision.strength ?? .unknown)
        }, cause: worst.edge.key.causeText)
    })
}

/// A credential in an automation's configuration.
private struct StoredCredential {
  var edge: GraphEdge
  /// Of the settings that hold it.
  var names: [String]
  var isKey: Bool
  var decision: Decision
  /// From a key to what its user reaches most.
  var path: AuthorityPath?

  func steps(_ graph: Graph, _ scope: String?) -> [EvidenceStep] {
    let sentence =
      "\(graph.label(edge.from)) stores a credential in \(names.joined(separator: ", "))"
    let step = graph.step(Fact(.edge(edge.key), sentence), in: scope)
    return [step]
      + (path.map(graph.chain) ?? [graph.step(node: edge.to, in: graph.nodes[edge.to]?.scope)])
  }
}

extension Situation {
  fileprivate func stored(in automation: GraphNode) -> [StoredCredential] {
    graph.edges(.stores, from: automation.id).compactMap { edge in
      if edge.key.to.hasPrefix("aws:access-key:") { return key(edge) }
      guard case .array(let names)? = edge.state("secrets") else { return nil }
      return StoredCredential(
        edge: edge, names: names.compactMap(\.string), isKey: false, decision: .allowed)
    }
  }

  private func key(_ edge: GraphEdge) -> StoredCredential {
    var names: [String] = []
    if case .array(let list)? = edge.state("names") { names = list.compactMap(\.string) }
    guard graph.nodes[edge.to] != nil else {
      return StoredCredential(
        edge: edge, names: names, isKey: true, decision: .unknown("whose key \(edge.to) is"))
    }
    // A key that is not active leads nowhere.
    let hops = authority.hops(from: edge.to).filter { $0.kind == "authenticatesAs" }
    let best = authority.bestPaths(from: edge.to, endingWith: "reaches").min { left, right in
      let (one, two) = (severity(left), severity(right))
      return one == two ? left.hops.count < right.hops.count : one > two
    }
    let path = best ?? hops.first.map { AuthorityPath([$0]) }
    return StoredCredential(
      edge: edge, names: names, isKey: true, decision: path?.decision ?? .denied, path: path)
  }

  fileprivate func severity(_ stored: StoredCredential) -> Severity {
    guard stored.isKey else { return .medium }
    return (stored.path.map(severity) ?? .high).capped(stored.decision)
  }

  /// Whoever has the key of an administrator is one.
  private func severity(_ path: AuthorityPath) -> Severity {
    let last = path.hops.last
    let severity: Severity =
      last?.level == .manageAccess && last?.to.hasSuffix("#*") == true ? .critical : .high
    return severity.capped(path.decision, via: path.via)
  }
}
