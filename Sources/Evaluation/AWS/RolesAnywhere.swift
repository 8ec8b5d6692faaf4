internal import Model

// Certificates from outside of AWS: whoever has one of a trust anchor's authority becomes a role
// that a profile names, if the role trusts the service for that anchor and subject. What the
// profile's policies do not allow, the session may not do.
// Source: IAM Roles Anywhere User Guide, "Workload access", "Trust model in IAM Roles Anywhere";
// IAM User Guide, "Session policies".

/// What a session of a role is limited to from its beginning.
struct SessionLimit: Sendable {
  /// The node that stands for such sessions.
  let id: String
  let policies: [HeldPolicy]
}

private let service = "rolesanywhere.amazonaws.com"

extension AWSSemantics {
  /// Sessions of roles that a profile limits, in order of profiles and roles.
  func limitedSessions() -> [Principal] {
    graph.nodes(ofType: "aws.rolesanywhere.profile").flatMap { profile in
      let limits = sessionPolicies(of: profile)
      guard !limits.isEmpty else { return [Principal]() }
      return graph.edges(.runsAs, from: profile.id).compactMap { principals[$0.to] }.map { role in
        Principal(
          role,
          limitedTo: SessionLimit(
            id: Self.session(of: role.arn, by: profile.id), policies: limits))
      }
    }
  }

  /// The roles that a session can go on to, and the way to it from its profile.
  func sessionHops(_ session: Principal) -> [Hop] {
    guard let limit = session.session else { return [] }
    let assumed = order.flatMap { role in
      (trusts[role] ?? []).map(\.hop).filter { $0.from == session.arn }.map { hop in
        let request = Request(
          Self.action, on: role,
          in: context(of: session, using: RequestedResource(role, in: self)))
        var hop = hop
        hop.from = limit.id
        hop.decision = hop.decision.and(limit.policies.answer(request).decision)
        hop.limits += limit.facts
        return hop
      }
    }
    return assumed.filter(\.decision.isPossible)
  }

  /// `federates` hops to a role from the trust anchors of its account, through each profile.
  func certificateTrusts(of target: Principal) -> [FederatedTrust] {
    let policies = target.trust
    let requester = Requester.service(service)
    guard policies.contains(where: { $0.compiled?.names(requester) ?? false }) else { return [] }
    let profiles = graph.edges(.runsAs, to: target.arn).filter {
      graph.nodes[$0.from]?.type == "aws.rolesanywhere.profile"
    }
    let anchors = graph.nodes(ofType: "aws.rolesanywhere.trustAnchor").filter {
      ARN($0.id)?.account == target.account && $0.state("enabled") != .bool(false)
    }
    return profiles.filter { $0.state("enabled") != .bool(false) }.flatMap { use in
      anchors.filter { ARN($0.id)?.region == ARN(use.from)?.region }.compactMap {
        trust(in: $0, through: use, policies, target)
      }
    }
  }

  /// `federates` hops of certificates that were used, to what their subject opens.
  func subjectHops() -> [Hop] {
    let trusts = federated.filter { $0.proof == "certificate" }.map(\.hop)
    guard !trusts.isEmpty else { return [] }
    return graph.nodes(ofType: "aws.rolesanywhere.subject")
      .filter { $0.state("enabled") != .bool(false) }.flatMap { subject in
        let place = ARN(subject.id)?.components[3...4]
        let hops = trusts.filter { ARN($0.from)?.components[3...4] == place }
          .compactMap { hop($0, of: subject) }
        return Dictionary(grouping: hops, by: \.to).values.compactMap {
          $0.min { $0.precedes($1) }
        }.sorted { $0.precedes($1) }
      }
  }

  private func hop(_ trust: Hop, of subject: GraphNode) -> Hop? {
    let role = trust.to.firstRange(of: "#session/").map { String(trust.to[..<$0.lowerBound]) }
    guard let target = principals[role ?? trust.to] else { return nil }
    let answer = answer(
      target.trust, target, anchor: trust.from, subject: subject.name)
    guard answer.decision.isPossible else { return nil }
    var hop = trust
    hop.from = subject.id
    hop.decision = answer.decision
    hop.sentence = "the certificate \(subject.name) can assume \(target.label)"
    hop.facts.insert(Fact(.node(subject.id), "the certificate \(subject.name) was used"), at: 0)
    return hop
  }

  /// What a trust says to a certificate of an anchor: with the subject given, or any that fits.
  private func answer(
    _ policies: [HeldPolicy], _ target: Principal, anchor: String, subject: String?
  ) -> (request: Request, decision: Decision, grant: PolicyAnswer.Grant?) {
    let requester = Requester.service(service)
    var context = context(of: requester, trustedBy: target.account)
    context["aws:ResourceAccount"] = .known([target.account])
    context["aws:SourceArn"] = .known([anchor])
    context["aws:SourceAccount"] = .known([target.account])
    // Whoever holds a certificate brings its subject; its issuer and other names are not listed.
    context.otherPrincipalTags = subject == nil ? .callerChosen : .requestContext
    let attributes = subject.map { Self.attributes(of: $0) } ?? [:]
    for (name, value) in attributes {
      context["aws:PrincipalTag/x509Subject/\(name)"] = .known([value])
    }
    let answers = [Self.action, "sts:TagSession", "sts:SetSourceIdentity"].map { action in
      let request = Request(action, on: target.arn, in: context)
      return (request, policies.answer(request) { $0.fit(requester) > .none })
    }
    let decision = Decision.all(
      answers.map { $0.1.decision.and(target.limits.resourceDecision($0.0)) })
    return (answers[0].0, decision, answers[0].1.grant)
  }

  /// Attributes of a distinguished name that occur once, and are written without an escape.
  /// Source: RFC 4514.
  private static func attributes(of subject: String) -> [String: String] {
    guard !subject.contains("\\") else { return [:] }
    var values: [String: [String]] = [:]
    for part in subject.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else { continue }
      values[String(pair[0].drop { $0 == " " }), default: []].append(String(pair[1]))
    }
    return values.filter { $0.value.count == 1 }.compactMapValues(\.first)
  }

  private func trust(
    in anchor: GraphNode, through use: GraphEdge, _ policies: [HeldPolicy], _ target: Principal
  ) -> FederatedTrust? {
    let requester = Requester.service(service)
    let (request, decision, grant) = answer(policies, target, anchor: anchor.id, subject: nil)
    guard let grant, decision.isPossible else { return nil }
    let allows = policies.flatMap { $0.compiled?.statements ?? [] }.filter {
      $0.effect == .allow && $0.fit(requester) > .none
        && $0.decision(request).isPossible
    }
    let limits = graph.nodes[use.from].map(sessionPolicies) ?? []
    let subjects = allows.flatMap(\.certificateSubjects)
    let who =
      subjects.isEmpty ? "any certificate" : "certificates of \(subjects.joined(separator: " or "))"
    let bounded = limits.isEmpty ? "" : ", within the policies of profile \(graph.label(use.from))"
    return FederatedTrust(
      hop: Hop(
        kind: "federates", from: anchor.id,
        to: limits.isEmpty ? target.arn : Self.session(of: target.arn, by: use.from),
        transfer: .acquire, decision: decision,
        sentence: "\(who) of trust anchor \(anchor.name) can assume \(target.label)\(bounded)",
        facts: [use.fact(in: graph)] + facts(of: grant, saying: "lets \(service) assume it"),
        limits: limits.map { Fact(.node($0.id), "considered: \($0.name) limits the session") },
        cause: grant.policy.cause(grant.statement)),
      width: allows.map(\.certificateWidth).min(), subjects: subjects,
      issuer: "trust anchor \(anchor.name)", proof: "certificate")
  }

  private func sessionPolicies(of profile: GraphNode) -> [HeldPolicy] {
    graph.edges(.limitedBy, from: profile.id).map {
      shelf.policy(.attached($0), in: profile.scope)
    }
  }

  private static func session(of role: String, by profile: String) -> String {
    "\(role)#session/\(profile)"
  }

  /// Whether what something runs as is in force as it stands; a limited profile of Roles Anywhere
  /// leads to its sessions instead.
  func judgeIdentity(_ edge: GraphEdge) -> Decision? {
    if edge.from.hasPrefix("arn:aws:rolesanywhere:"), let profile = graph.nodes[edge.from] {
      return .of(
        edge.state("enabled") != .bool(false) && sessionPolicies(of: profile).isEmpty)
    }
    return edge.from.hasBytes(of: ":podidentityassociation/") ? podDecision(edge) : mayRun(edge)
  }
}

extension SessionLimit {
  var facts: [Fact] {
    policies.map { Fact(.node($0.id), "considered: \($0.name) limits the session") }
  }
}

extension CompiledPolicy {
  func names(_ requester: Requester) -> Bool {
    statements.contains { $0.effect == .allow && $0.fit(requester) > .none }
  }
}

extension Statement {
  private static let tag = "aws:principaltag/x509"

  private func values(startingWith prefix: String) -> [String] {
    conditions.filter { $0.name.hasPrefix(prefix) }.flatMap { $0.allowedTexts ?? [] }
  }

  /// The values of subjects that are named, as they are written.
  fileprivate var certificateSubjects: [String] { values(startingWith: Self.tag) }

  /// Issuers tell no two machines apart; a unit or an organization tells some, a name one.
  fileprivate var certificateWidth: FederationWidth {
    let names =
      values(startingWith: Self.tag + "subject/cn") + values(startingWith: Self.tag + "san/")
    func isOpen(_ text: String) -> Bool { text.contains("*") || text.contains("?") }
    if !names.isEmpty { return names.contains(where: isOpen) ? .wholeOwner : .named }
    return values(startingWith: Self.tag + "subject/").isEmpty ? .wholeIssuer : .wholeOwner
  }
}
