internal import Model

// Pods: the service account that one runs as is what it can become. A role is given to it by the
// cluster's own issuer of tokens, or by a pod identity association.
// Source: EKS User Guide, "IAM roles for service accounts", "Learn how EKS Pod Identity grants pods
// access to AWS services", "Review access policy permissions".

/// A service account, or a pattern for several.
struct ServiceAccount: Hashable, Sendable {
  var cluster: String
  /// `NAMESPACE/NAME`.
  var name: String

  var id: String { "\(cluster)#serviceaccount/\(name)" }
  var namespace: Substring { name.prefix { $0 != "/" } }
}

extension AWSSemantics {
  /// Hops from service accounts to roles by tokens of their cluster, from associations to the
  /// service account that they are for, and to both from whoever may run pods in the cluster.
  func kubernetesHops() -> [Hop] {
    let clusters = graph.nodes(ofType: "aws.eks.cluster")
    guard !clusters.isEmpty else { return [] }
    var accounts: Set<ServiceAccount> = []
    var hops: [Hop] = []
    for association in graph.nodes(ofType: "aws.eks.podIdentity") {
      for edge in graph.edges(.contains, to: association.id) {
        let account = ServiceAccount(cluster: edge.from, name: association.name)
        accounts.insert(account)
        hops.append(associated(account, association, edge))
      }
    }
    for cluster in clusters {
      for (account, hop) in tokens(of: cluster) {
        accounts.insert(account)
        hops.append(hop)
      }
    }
    return hops + clusters.flatMap { deployers(in: $0, accounts) }
  }

  private func associated(
    _ account: ServiceAccount, _ association: GraphNode, _ edge: GraphEdge
  ) -> Hop {
    Hop(
      kind: "sameAs", from: account.id, to: association.id, transfer: .acquire, decision: .allowed,
      sentence: "pods of service account \(account.name) in cluster "
        + "\(graph.label(account.cluster)) get the roles of association \(association.name)",
      facts: [edge.fact(in: graph)], cause: edge.key.causeText)
  }

  /// The service accounts that the trusts in a cluster's issuer name.
  private func tokens(of cluster: GraphNode) -> [(ServiceAccount, Hop)] {
    guard let issuer = cluster.state("issuer")?.string,
      let account = cluster.state("account")?.string,
      let partition = ARN(cluster.id)?.partition
    else { return [] }
    let host = issuer.firstRange(of: "://").map { String(issuer[$0.upperBound...]) } ?? issuer
    // A provider of another account may trust the cluster too; it is found by its issuer.
    let providers = graph.nodes(ofType: "aws.iam.oidcProvider").map(\.id)
      .filter { $0.hasSuffix(":oidc-provider/\(host)") }
    let known = Set(providers + ["arn:\(partition):iam::\(account):oidc-provider/\(host)"])
    return federated.filter { known.contains($0.hop.from) }.flatMap { trust in
      // A trust without a subject takes every token of the cluster.
      (trust.subjects.isEmpty ? ["*"] : trust.subjects).compactMap {
        subject -> (ServiceAccount, Hop)? in
        guard let name = Self.serviceAccount(subject) else { return nil }
        let account = ServiceAccount(cluster: cluster.id, name: name)
        var hop = trust.hop
        hop.from = account.id
        hop.facts.insert(
          Fact(.node(cluster.id), "cluster \(cluster.name) issues the tokens of \(host)"), at: 0)
        return (account, hop)
      }
    }
  }

  /// `NAMESPACE/NAME` of `system:serviceaccount:NAMESPACE:NAME`, also with wildcards.
  private static func serviceAccount(_ subject: String) -> String? {
    if ["*", "system:*", "system:serviceaccount:*"].contains(subject) { return "*/*" }
    let parts = subject.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" else { return nil }
    return "\(parts[2])/\(parts[3])"
  }

  /// Who may run pods decides what their service accounts do.
  private func deployers(in cluster: GraphNode, _ accounts: Set<ServiceAccount>) -> [Hop] {
    let own = accounts.filter { $0.cluster == cluster.id }.sorted { $0.name.precedes($1.name) }
    guard !own.isEmpty else { return [] }
    return graph.edges(.within, to: cluster.id).compactMap { graph.nodes[$0.from] }.flatMap {
      grant -> [Hop] in
      guard let reach = deployment(grant) else { return [] }
      return graph.edges(.hasGrant, to: grant.id).flatMap { holder in
        own.filter { account in
          reach.isEmpty || reach.contains { Self.overlap($0, String(account.namespace)) }
        }.map { account in
          Hop(
            kind: "canEscalateTo", from: holder.from, to: account.id, transfer: .control,
            decision: .allowed,
            sentence: "\(graph.label(holder.from)) can run pods of service account \(account.name) "
              + "in cluster \(cluster.name)",
            facts: [holder.fact(in: graph)], cause: holder.key.causeText)
        }
      }
    }
  }

  /// Whether a namespace can fit both, of which either may be a pattern.
  private static func overlap(_ one: String, _ other: String) -> Bool {
    Pattern(one).matches(other) || Pattern(other).matches(one)
  }

  /// The namespaces in which a grant lets its holder run pods, empty for all of them; `nil` where
  /// it does not. What the cluster's own roles give to groups is not read.
  private func deployment(_ grant: GraphNode) -> [String]? {
    let state = grant.merged.state
    let names = ["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy"]
    guard grant.type == "aws.eks.accessPolicy", names.contains(grant.name) else { return nil }
    return state["scope"] == "namespace" ? state["namespaces"]?.textElements ?? ["*"] : []
  }

  /// Whether the role of an association lets the service in, and a role beyond it lets that role.
  func podDecision(_ edge: GraphEdge) -> Decision {
    let parties = trusts[edge.to] ?? []
    if edge.key.discriminator == "target" {
      let first = graph.edges(.runsAs, from: edge.from).first { $0.key.discriminator.isEmpty }
      guard principals[edge.to] != nil else { return .unknown("identity \(edge.to)") }
      return .any(parties.filter { $0.hop.from == first?.to }.map(\.hop.decision))
    }
    guard let role = principals[edge.to] else { return .unknown("identity \(edge.to)") }
    let requester = Requester.service("pods.eks.amazonaws.com")
    var context = context(of: requester, trustedBy: role.account)
    let cluster = graph.edges(.contains, to: edge.from).first?.from
    context["aws:SourceArn"] = cluster.map { .known([$0]) } ?? .requestContext
    context["aws:SourceAccount"] = .known([role.account])
    let name = graph.label(edge.from).split(separator: "/", maxSplits: 1).map(String.init)
    for (key, value) in zip(["kubernetes-namespace", "kubernetes-service-account"], name) {
      context["aws:RequestTag/\(key)"] = .known([value])
    }
    return .all(
      [Self.action, "sts:TagSession"].map { action in
        let request = Request(action, on: role.arn, in: context)
        return role.trust.answer(request) { $0.fit(requester) > .none }.decision
          .and(role.limits.resourceDecision(request))
      })
  }
}
