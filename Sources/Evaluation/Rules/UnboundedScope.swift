internal import Model

extension Rule {
  /// A non-human identity that may take every action, of everything or of a service, on every
  /// resource of its account; or other actions on every resource of a service that holds sensitive
  /// data. And an automation that reaches such data and is set up to call a host outside.
  static let unboundedScope = Rule(
    id: "unbounded-scope", version: 2, title: "Unbounded scope",
    subjects: SubjectInputs.principals
      + ["aws.states.stateMachine", "aws.pipes.pipe"].map {
        SubjectInputs($0, ["\($0)@*"] + Principal.collections)
      }
  ) { situation, subject in
    guard subject.kind == .identity else { return situation.egress(of: subject) }
    guard situation.semantics.isWorkload(subject) else { return nil }
    let ranked = situation.unbounded(from: subject.id).sorted { left, right in
      let (one, two) = (left.severity, right.severity)
      return one == two ? left.hop.precedes(right.hop) : one > two
    }
    guard let worst = ranked.first else { return nil }
    let path = AuthorityPath([worst.hop] + worst.holdings.prefix(1))
    let sets = ranked.map(\.name)
    let held = worst.holdings.compactMap { DataDomain(id: $0.to)?.rawValue }
    return Draft(
      severity: worst.severity, decision: worst.hop.decision, via: path.via,
      title: "\(subject.name) has unbounded scope: \(sets.joined(separator: ", "))",
      description: "\(worst.hop.sentence.asSentence)"
        + (held.isEmpty ? "" : ", which hold \(held.joined(separator: ", ")) data")
        + ". Nothing that limits it stands in the way"
        + (worst.hop.decision.qualifier.map { ", as far as is known (\($0))" } ?? "")
        + ". Whoever can use this identity, or what runs as it, holds all of that. "
        + "Name the actions and the resources that it needs, or give it a permissions boundary.",
      chain: situation.graph.chain(path), limits: situation.graph.limits(path),
      targets: ranked.map(\.hop.target), cause: worst.hop.cause)
  }
}

/// A set that an identity may act on as a whole.
private struct UnboundedSet {
  var hop: Hop
  /// What it holds, where only some actions on it are allowed.
  var holdings: [Hop] = []

  /// Level of access × what it covers, capped where it is not certain.
  var severity: Severity {
    let all = hop.to.hasSuffix("#*") || !holdings.isEmpty
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

  /// `s3:*`, or `s3 (readData)`.
  var name: String {
    let set = hop.to.split(separator: "#", maxSplits: 1).last.map(String.init) ?? hop.to
    return holdings.isEmpty ? set : "\(set) (\(hop.level?.name ?? ""))"
  }
}

/// How much it matters that somebody may act on a set as a whole.
func unboundedSeverity(_ hop: Hop) -> Severity { UnboundedSet(hop: hop).severity }

/// Services whose whole holds data, secrets or keys, or runs code under roles of its own choice.
private let sensitiveServices = [
  "cloudformation", "codebuild", "dynamodb", "ec2", "ecs", "eks", "glue", "kms", "lambda", "rds",
  "redshift", "s3", "sagemaker", "secretsmanager", "ssm",
]

extension Situation {
  fileprivate func unbounded(from identity: String) -> [UnboundedSet] {
    let whole = authority.hops(from: identity).filter { $0.kind == "reaches" }
      .map { UnboundedSet(hop: $0) }
    let partly = semantics.sensitiveAccess(of: identity).compactMap { hop -> UnboundedSet? in
      guard hop.to.contains("#"), let level = hop.level, level > .readMetadata else { return nil }
      let holdings = semantics.holdings(of: hop.to)
      return holdings.isEmpty ? nil : UnboundedSet(hop: hop, holdings: holdings)
    }
    return whole + partly
  }

  /// Sensitive data within, and a host outside that nobody of the tenant answers for.
  fileprivate func egress(of automation: GraphNode) -> Draft? {
    guard let way = wayOut(of: automation.id), let host = way.last?.to else { return nil }
    let data = reached(from: automation.id).filter {
      guard case .domain = $0.target else { return false }
      return $0.sensitivity == .high
    }.sorted { $0.isWorse(than: $1) }
    guard let worst = data.first else { return nil }
    let name = host.dropFirst(hostPrefix.count)
    let words = worst.words(in: graph)
    var draft = self.draft(
      data, title: "\(automation.name) reaches \(words) and calls \(name)",
      advice:
        "It is also set up to call \(name), which is not the tenant's: what it reads can leave "
        + "by the same automation. Split it in two, or give it less to read.")
    draft?.chain += way.flatMap { edge in
      [
        graph.step(edge.fact(in: graph), in: automation.scope),
        graph.step(node: edge.to, in: automation.scope),
      ]
    }
    return draft
  }

  /// The shortest way by configuration from an automation to a host.
  private func wayOut(of automation: String) -> [GraphEdge]? {
    var seen: Set<String> = [automation]
    var ways: [(end: String, edges: [GraphEdge])] = [(automation, [])]
    for _ in 0..<4 {
      var next: [(end: String, edges: [GraphEdge])] = []
      for way in ways {
        for kind in [EdgeKind.connectsTo, .invokes, .targets] {
          for edge in graph.edges(kind, from: way.end)
          where edge.key.discriminator != "authorization" && seen.insert(edge.to).inserted {
            let edges = way.edges + [edge]
            if isOutside(edge.to) { return edges }
            next.append((edge.to, edges))
          }
        }
      }
      ways = next
    }
    return nil
  }

  private func isOutside(_ id: String) -> Bool {
    guard id.hasPrefix(hostPrefix), graph.nodes[id]?.scope == nil else { return false }
    return ![".amazonaws.com", ".api.aws", ".on.aws"].contains { id.hasSuffix($0) }
  }
}

private let hostPrefix = "https-host:"

extension Hop {
  var target: FindingTarget {
    FindingTarget(id: to, level: level?.name, strength: decision.strength ?? .unknown)
  }
}
