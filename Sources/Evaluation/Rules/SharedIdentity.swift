internal import Model

extension Rule {
  /// A role that several automations run as which, by their tags, have nothing in common.
  ///
  /// Two differ where they have different values of a kind of tag and no common value of any.
  /// Those that have no kind of tag in common are not judged.
  static let sharedIdentity = Rule(
    id: "shared-identity", version: 1, title: "Shared identity",
    subjects: [SubjectInputs("aws.iam.role", ["aws.iam.role"])],
    check: { situation, subject in
      let users = situation.automations(runningAs: subject.id)
      guard let (one, two) = users.firstPair(where: { $0.origin.differs(from: $1.origin) }) else {
        return nil
      }
      guard let decision = situation.workloadAuthority(subject) else { return nil }
      let graph = situation.graph
      let names = [one, two].map { "\(graph.label($0.edge.from)) (\($0.origin.phrase))" }
      let reach = situation.widestReach(of: subject.id)
      return Draft(
        severity: (reach == nil ? Severity.low : .medium).capped(decision), decision: decision,
        via: "authority",
        title: "\(subject.name) is shared by automations that have nothing in common",
        description:
          "\(names.joined(separator: " and ")) run as \(subject.name). Each has what the "
          + "other needs, and what one does cannot be told from the other. "
          + "Give each a role of its own.",
        chain: [graph.step(node: subject.id, in: subject.scope)]
          + [one, two].flatMap { user in
            [
              graph.step(node: user.edge.from, in: graph.nodes[user.edge.from]?.scope),
              graph.step(user.edge.fact(in: graph), in: graph.nodes[user.edge.from]?.scope),
            ]
          },
        limits: [],
        targets: [
          FindingTarget(id: subject.id, level: nil, strength: decision.strength ?? .unknown)
        ], cause: "identity \(subject.id)")
    },
    gaps: { situation, subject in
      let users = situation.automations(runningAs: subject.id)
      let doubtful = users.firstPair { !$0.origin.shares(with: $1.origin) }
      return doubtful == nil || situation.workloadAuthority(subject) == nil
        ? [] : ["a tag of stack, application, repository or owner on what runs as one role"]
    })
}

/// Where an automation comes from, as its tags say.
private struct Origin: Hashable {
  /// Kinds of tags, and their names in lower case.
  static let kinds: [(kind: String, tags: [String])] = [
    ("stack", ["aws:cloudformation:stack-id", "aws:cloudformation:stack-name", "stack"]),
    ("application", ["application", "app", "awsapplication", "project", "service"]),
    ("repository", ["repository", "repo", "git_repo", "git-repository"]),
    ("owner", ["owner", "ownedby", "owned-by", "team"]),
  ]

  /// Values by kind.
  var values: [String: String] = [:]

  init(_ tags: [String: String]) {
    for (kind, names) in Self.kinds {
      values[kind] = names.lazy.compactMap { tags[$0] }.first
    }
  }

  func shares(with other: Origin) -> Bool { values.contains { other.values[$0.key] == $0.value } }

  func differs(from other: Origin) -> Bool {
    !shares(with: other) && values.keys.contains { other.values[$0] != nil }
  }

  var phrase: String {
    Self.kinds.compactMap { kind, _ in values[kind].map { "\(kind) \($0)" } }
      .joined(separator: ", ")
  }
}

extension Situation {
  /// One automation for each origin, in order of their ids. Roles beside the one that it works
  /// with, such as that which starts a container, are meant to be shared.
  fileprivate func automations(runningAs role: String) -> [(edge: GraphEdge, origin: Origin)] {
    var seen: Set<Origin> = []
    let edges = graph.edges(.runsAs, to: role).filter(\.discriminator.isEmpty)
    guard edges.count > 1 else { return [] }
    return
      edges
      .compactMap { edge in
        guard let node = graph.nodes[edge.from], node.kind == .automation else { return nil }
        let origin = Origin(node.tags)
        // Automations without any tag are not one origin: each is unknown.
        guard origin.values.isEmpty || seen.insert(origin).inserted else { return nil }
        return (edge, origin)
      }
  }
}

extension Array {
  fileprivate func firstPair(where fits: (Element, Element) -> Bool) -> (Element, Element)? {
    for (place, one) in enumerated() {
      if let two = self[(place + 1)...].first(where: { fits(one, $0) }) { return (one, two) }
    }
    return nil
  }
}
