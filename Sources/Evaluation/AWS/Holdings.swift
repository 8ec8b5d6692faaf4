internal import Model

extension AWSSemantics {
  /// Of a set (`aws:account:ACC#*`, `aws:account:ACC#s3:*`, `aws:account:ACC#s3`) what the account's
  /// systems in it hold: one hop for each domain.
  func holdings(of system: String) -> [Hop] {
    guard system.hasPrefix("aws:account:"), let hash = system.firstIndex(of: "#") else {
      return systems.holdings[system]
    }
    return holdingsMemo.value(of: system) {
      let account = String(system[..<hash].dropFirst("aws:account:".count))
      let name = system[system.index(after: hash)...].prefix { $0 != ":" }
      return holdings(of: system, account, service: name == "*" ? nil : String(name))
    }
  }

  /// - Parameter service: `nil` for all.
  private func holdings(of set: String, _ account: String, service: String?) -> [Hop] {
    let own = systems.services(of: account)
    let members = own.filter { service == nil || $0.service == service }.flatMap(\.entries)
    let held = Dictionary(grouping: members.flatMap { systems.holdings[$0.id] }) { $0.to }
    var hops = held.map { domain, each in
      let others = each.count > 1 ? " (and \(each.count - 1) more of account \(account))" : ""
      return Hop(
        kind: "holds", from: set, to: domain, transfer: .locate, decision: .allowed,
        sentence: each[0].sentence + others,
        // A few make the point.
        facts: each.prefix(3).flatMap(\.facts), cause: each[0].cause)
    }
    // Who may do what is data of its own, whether or not anything else was read.
    if ["iam", "identitystore", "sso", nil].contains(service),
      held[DataDomain.identity.id] == nil
    {
      hops.append(
        Hop(
          kind: "holds", from: set, to: DataDomain.identity.id, transfer: .locate,
          decision: .allowed, sentence: "account \(account) has its identities there",
          cause: "classification \(set) identity"))
    }
    return hops.sorted { $0.precedes($1) }
  }

  /// Whoever reads a secret that stores the credential of an identity becomes it.
  var disclosures: [Hop] {
    let reading = [
      "aws.secretsmanager.secret": "secretsmanager:GetSecretValue",
      "aws.ssm.parameter": "ssm:GetParameter", "aws.lambda.function": "lambda:GetFunction",
    ]
    return reading.sorted { $0.key.precedes($1.key) }.flatMap { type, action -> [Hop] in
      let secrets = graph.nodes(ofType: type).compactMap { node -> (GraphNode, [GraphEdge])? in
        let stored = graph.edges(.stores, from: node).filter {
          !graph.edges(.authenticatesAs, from: $0.to).isEmpty
        }
        return stored.isEmpty ? nil : (node, stored)
      }
      return secrets.isEmpty ? [] : disclosures(of: secrets, by: action)
    }
  }

  private func disclosures(
    of secrets: [(node: GraphNode, stored: [GraphEdge])], by action: String
  ) -> [Hop] {
    let all = order.compactMap { principals[$0] }
    let spelled = Array(action.lowercased().utf8)
    let granted = all.parallelMap { source in
      (source, source.allows.filter { $0.actions.matches(spelled) })
    }.filter { !$0.1.isEmpty }
    return secrets.flatMap { node, stored -> [Hop] in
      let resource = RequestedResource(node.id, in: self)
      let policies = resource.policies + resource.grants
      let isOpen = policies.contains(where: \.namesSomebody)
      let isForOthers = !policies.isEmpty || withoutPolicy(node.id).isPossible
      let readers =
        isOpen
        ? all
        : granted.filter { source, statements in
          (isForOthers || resource.account ?? source.account == source.account)
            && statements.contains { $0.mayCover(resource.bytes) }
        }.map(\.0)
      return readers.flatMap { source -> [Hop] in
        let answer = access(source, action, on: resource)
        guard let grant = answer.grant, answer.decision.isPossible else { return [] }
        return stored.map { disclosure(source, action, node, $0, grant, answer.decision) }
      }
    }
  }

  private func disclosure(
    _ source: Principal, _ action: String, _ secret: GraphNode, _ stored: GraphEdge,
    _ grant: PolicyAnswer.Grant, _ decision: Decision
  ) -> Hop {
    Hop(
      kind: "discloses", from: source.arn, to: stored.to, transfer: .acquire, decision: decision,
      sentence: "\(source.label) may take \(action) on \(secret.name), which stores "
        + graph.label(stored.to),
      facts: facts(of: grant, saying: "allows \(action)") + [stored.fact(in: graph)],
      limits: source.limitFacts, cause: grant.policy.cause(grant.statement))
  }
}
