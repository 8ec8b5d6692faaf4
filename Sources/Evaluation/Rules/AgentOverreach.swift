internal import Model

extension Rule {
  /// An AI agent that reaches more than what it is for.
  ///
  /// What it is for says the tag `sv0:purpose`, of the agent or of the role that it runs as: data
  /// domains, each with the highest level if it is more than reading (`customer logs:write`), and
  /// `agents` for an agent that directs others. Where nothing is declared only what no agent should
  /// have is found: administration, deciding who may do what, secrets, and other agents.
  static let agentOverreach = Rule(
    id: "agent-overreach", version: 2, title: "Agent beyond its purpose",
    subjects: ["aws.bedrock.agent", "aws.agentcore.runtime", "aws.agentcore.harness"].map {
      SubjectInputs($0, ["\($0)@*"] + Principal.collections)
    }
  ) { situation, subject in
    let purpose = situation.purpose(of: subject)
    let beyond = situation.reached(from: subject.id)
      .filter { !(purpose?.covers($0) ?? Purpose.isUsual($0)) }
    let others = purpose?.directsAgents == true ? [] : situation.otherAgents(from: subject.id)
    let ranked = (beyond + others).sorted { $0.isWorse(than: $1) }
    var seen: Set<String> = []
    let words = ranked.map { $0.words(in: situation.graph) }.filter { seen.insert($0).inserted }
    let declared =
      purpose.map { "Its purpose is declared as \($0.text)." }
      ?? "No purpose is declared for it (tag sv0:purpose), and no agent should have that unasked."
    return situation.draft(
      ranked,
      title: "Agent \(subject.name) reaches \(words.joined(separator: ", ")) beyond its purpose",
      advice: "\(declared) What an agent reads can make it do what it may: take the authority from "
        + "its role, or declare that it is for this.")
  }
}

/// What an agent is for.
private struct Purpose {
  /// As it is written.
  var text: String
  var levels: [DataDomain: AccessLevel] = [:]
  var directsAgents = false

  init(_ text: String) {
    self.text = text
    for word in text.split(whereSeparator: { " ,/+".contains($0) }) {
      let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
      if parts[0] == "agents" { directsAgents = true }
      guard let domain = DataDomain(rawValue: parts[0]) else { continue }
      let level = parts.count > 1 ? AccessLevel(name: parts[1]) : .readData
      levels[domain] = level ?? .readMetadata
    }
  }

  func covers(_ reached: Reached) -> Bool {
    switch reached.target {
    case .domain(let domain):
      reached.level ?? .manageAccess <= levels[domain] ?? .readMetadata
    case .privileged: false
    case .platform: true
    }
  }

  /// What an agent may have for which nothing is declared.
  static func isUsual(_ reached: Reached) -> Bool {
    switch reached.target {
    case .domain(.secrets): reached.level ?? .manageAccess < .readData
    case .domain: reached.level ?? .manageAccess < .administer
    case .privileged: false
    case .platform: true
    }
  }
}

extension Situation {
  /// As its own tag says, or that of a role that it runs as.
  fileprivate func purpose(of agent: GraphNode) -> Purpose? {
    let roles = graph.edges(.runsAs, from: agent.id).map(\.to)
    return ([agent.id] + roles).lazy.compactMap { id in
      self.graph.nodes[id]?.state("tags")?["sv0:purpose"]?.string
    }.first.map(Purpose.init)
  }

  /// Other agents that it can become, change or start; those that it is set up to work with are its
  /// own.
  fileprivate func otherAgents(from agent: String) -> [Reached] {
    let types = Rule.agentOverreach.subjects.map(\.type)
    return authority.bestPaths(from: agent, endingWith: nil).compactMap { path in
      guard let end = path.hops.last, end.kind != EdgeKind.invokes.rawValue,
        types.contains(graph.nodes[end.to]?.type ?? "")
      else { return nil }
      return Reached(target: .privileged(end.to), level: nil, path: path)
    }
  }
}
