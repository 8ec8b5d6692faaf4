internal import Model

/// Somebody whom a role's trust policy lets in, as far as the trust policy goes.
struct TrustedParty: Sendable {
  var hop: Hop
  var requester: Requester
  var demandsExternalID: Bool
}

/// A principal whose own policies may let it use a trust in its account.
struct Entrant: Sendable {
  let principal: Principal
  private let grants: [Statement]

  init(_ principal: Principal) {
    self.principal = principal
    grants = principal.grants(of: AWSSemantics.action)
  }

  var mayAssume: Bool { !grants.isEmpty }

  /// Without a statement that covers the role there is nothing to judge.
  func mayEnter(_ role: [UInt8]) -> Bool { grants.contains { $0.mayCover(role) } }
}

/// Stands for an account that is not the tenant's: it equals nothing that a policy names.
private let outside = "outside"

extension AWSSemantics {
  static let action = "sts:AssumeRole"

  /// `canAssume` hops to a role, from everyone whom its trust policy names.
  ///
  /// A trust that names a principal of its own account exactly is enough alone; one that names an
  /// account, or a principal elsewhere, needs that principal's own policies too. Of a foreign
  /// account these are its administrator's to write, so they are taken as given.
  /// Source: IAM User Guide, "Cross-account policy evaluation logic".
  func trust(of role: String) -> [TrustedParty] {
    guard let target = principals[role], !target.isUser else { return [] }
    let policies = target.trust
    return requesters(policies, of: target).compactMap { requester in
      party(requester, policies, target)
    }.sorted { $0.hop.precedes($1.hop) }
  }

  func foreignTrust(of identity: String) -> [ForeignTrust] {
    guard let own = principals[identity]?.account else { return [] }
    return (trusts[identity] ?? []).compactMap { party in
      switch party.requester {
      case .service, .federated: return nil
      case .anyone:
        return ForeignTrust(
          hop: party.hop, account: nil, demandsExternalID: party.demandsExternalID)
      case .account(let account), .identity(_, let account):
        guard organizations.relation(of: account, to: own) == .outside else { return nil }
        return ForeignTrust(
          hop: party.hop, account: account, demandsExternalID: party.demandsExternalID)
      }
    }
  }

  /// Everybody who might be let in: a superset, each is judged on its own.
  private func requesters(_ policies: [HeldPolicy], of target: Principal) -> [Requester] {
    var found: Set<Requester> = []
    let role = Array(target.arn.utf8)
    for statement in policies.flatMap({ $0.compiled?.statements ?? [] })
    where statement.effect == .allow {
      if statement.excludesPrincipals { found.formUnion([.anyone] + allPrincipals) }
      for principal in statement.principals where !statement.excludesPrincipals {
        switch principal {
        case .everyone:
          found.formUnion([.anyone] + allPrincipals)
          for account in statement.conditions.flatMap(\.namedAccounts) {
            found.formUnion(members(of: account, entering: role))
          }
        case .account(let account): found.formUnion(members(of: account, entering: role))
        case .arn(let arn):
          if let account = ARN(arn)?.account {
            found.insert(.identity(arn: sessionRole(arn) ?? arn, account: account))
          }
        case .service(let name): found.insert(.service(name))
        case .federated, .nobody: break
        }
      }
    }
    found.remove(.identity(arn: target.arn, account: target.account))
    return Array(found)
  }

  private var allPrincipals: [Requester] {
    Reads.note(.principals, "")
    return order.compactMap { principals[$0] }.map {
      .identity(arn: $0.arn, account: $0.account)
    }
  }

  /// Of an account that was read, the principals whose own policies could let them use a trust in
  /// the account; of another the account as a whole.
  private func members(of account: String, entering role: [UInt8]) -> [Requester] {
    guard let known = entrants[account] else { return [.account(account)] }
    return known.filter { $0.mayEnter(role) }
      .map { .identity(arn: $0.principal.arn, account: account) }
  }

  private func sessionRole(_ text: String) -> String? {
    guard let arn = ARN(text), arn.service == "sts" else { return nil }
    let parts = arn.resource.split(separator: "/")
    guard parts.count == 3, parts[0] == "assumed-role" else { return nil }
    Reads.note(.principals, arn.account)
    let roles = sessionRoles.value {
      Reads.apart {
        let found = order.compactMap { principals[$0] }
        return Dictionary(found.compactMap { role in role.sessionName.map { ($0, role.arn) } }) {
          first, _ in first
        }
      }
    }
    return roles["\(arn.account)/\(parts[1])"]
  }

  private func party(
    _ requester: Requester, _ policies: [HeldPolicy], _ target: Principal
  ) -> TrustedParty? {
    var context = context(of: requester, trustedBy: target.account)
    context.resourceAccount = target.account
    let request = Request(Self.action, on: target.arn, in: context)
    let trust = policies.answer(request) { $0.fit(requester) > .none }
    guard let trustGrant = trust.grant, trust.decision.isPossible else { return nil }
    var decision = trust.decision.and(target.reading).and(
      target.limits.resourceDecision(request))
    var facts: [Fact] = []
    var limits = target.limits.reasons
    if case .identity(let arn, _) = requester, let source = principals[arn] {
      let (own, grant) = identitySide(of: source, request, trust, policies, target)
      decision = decision.and(own)
      facts = grant.map { self.facts(of: $0, saying: "allows \(Self.action) on it") } ?? []
      limits = source.limitFacts
    }
    guard decision.isPossible else { return nil }
    let from = nodeID(of: requester)
    facts += self.facts(of: trustGrant, saying: "lets \(label(requester)) assume it")
    return TrustedParty(
      hop: Hop(
        kind: "canAssume", from: from, to: target.arn, transfer: .acquire, decision: decision,
        sentence: "\(label(requester)) can assume role \(target.node.name)", facts: facts,
        limits: limits,
        cause: trustGrant.policy.cause(trustGrant.statement)),
      requester: requester,
      demandsExternalID: demandsExternalID(policies, request, requester))
  }

  /// What a principal's own policies and limits say to a trust that lets it in.
  private func identitySide(
    of source: Principal, _ request: Request, _ trust: PolicyAnswer, _ policies: [HeldPolicy],
    _ target: Principal
  ) -> (Decision, PolicyAnswer.Grant?) {
    let own = source.answer(request)
    // Without a statement that grants it there is nothing to report, whatever could not be read.
    let viaIdentity = own.grant == nil ? .denied : own.decision
    guard source.account == target.account else { return (viaIdentity, own.grant) }
    let requester = Requester.identity(arn: source.arn, account: source.account)
    // `*` names everybody, also the principal itself; an account only delegates to its policies.
    let named = policies.answer(request) { $0.effect == .allow && $0.fit(requester) > .account }
    let isNamedItself = policies.answer(request) {
      $0.effect == .allow && $0.namesItself(requester, isUser: source.isUser)
    }.allow.isPossible
    let direct = named.allow.and(source.isNotForbidden(request, isNamedItself: isNamedItself))
    let delegated = trust.allow.and(viaIdentity)
    return direct.level >= delegated.level ? (direct, nil) : (delegated, own.grant)
  }

  private func demandsExternalID(
    _ policies: [HeldPolicy], _ request: Request, _ requester: Requester
  ) -> Bool {
    !policies.flatMap { $0.compiled?.statements ?? [] }.contains {
      $0.effect == .allow && !$0.conditions.contains(where: \.demandsExternalID)
        && $0.fit(requester) > .none && $0.decision(request).isPossible
    }
  }

  /// The keys of a request by somebody, as the policy of a resource in `account` sees them.
  func context(of requester: Requester, trustedBy account: String) -> RequestContext {
    var context = RequestContext()
    switch requester {
    case .identity(let arn, let owner):
      if let source = principals[arn] { return source.context }
      context = foreignContext(owner, seenFrom: account)
      context["aws:PrincipalArn"] = .known([arn])
    case .account(let owner): context = foreignContext(owner, seenFrom: account)
    case .anyone:
      context["aws:PrincipalAccount"] = .known([outside])
      context["aws:PrincipalArn"] = .chosenName(account: outside)
      context["aws:PrincipalOrgID"] = .known([outside])
      context["aws:PrincipalOrgPaths"] = .known([outside])
      context["aws:PrincipalIsAWSService"] = .known(["false"])
      context.otherPrincipalTags = .callerChosen
    case .service(let name):
      context = Self.serviceKeys
      context.service = name
    case .federated: break
    }
    return context
  }

  /// What requests by any service tell.
  private static let serviceKeys: RequestContext = {
    var context = RequestContext()
    context["aws:PrincipalIsAWSService"] = .known(["true"])
    for key in ["Account", "Arn", "OrgID", "OrgPaths"] {
      context["aws:Principal\(key)"] = .absent
    }
    context["aws:SourceArn"] = .requestContext
    context["aws:SourceAccount"] = .requestContext
    return context
  }()

  private func foreignContext(_ owner: String, seenFrom account: String) -> RequestContext {
    var context = RequestContext()
    context["aws:PrincipalAccount"] = .known([owner])
    context["aws:PrincipalArn"] = .chosenName(account: owner)
    context["aws:PrincipalIsAWSService"] = .known(["false"])
    context.otherPrincipalTags = .callerChosen
    let organization: KeyValue =
      switch organizations.membership(of: owner) {
      case .member(let its): .known([its.id])
      case .standalone: .absent
      case .unknown:
        switch organizations.relation(of: owner, to: account) {
        case .undecided(let missing): .unread(missing)
        case .same, .outside: .known([outside])
        }
      }
    context["aws:PrincipalOrgID"] = organization
    context["aws:PrincipalOrgPaths"] = organization
    return context
  }

  func nodeID(of requester: Requester) -> String {
    switch requester {
    case .identity(let arn, _): arn
    case .account(let account): "aws:account:\(account)"
    case .anyone: anyoneNodeID
    case .service(let name): "aws:service:\(name)"
    case .federated(let provider): provider
    }
  }

  func label(_ requester: Requester) -> String {
    switch requester {
    case .identity(let arn, let account):
      principals[arn]?.label ?? "\(arn) of account \(account)"
    case .account(let account): "whoever account \(account) allows"
    case .anyone: "any AWS principal"
    case .service(let name): "the service \(name)"
    case .federated(let provider): "whoever \(provider) vouches for"
    }
  }
}
