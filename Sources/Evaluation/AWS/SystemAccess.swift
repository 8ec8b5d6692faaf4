internal import Model

// Who may act on which system, and on which of those that hold data of a domain: of each identity
// without asking it about each system.
//
// The patterns of its allow statements are looked up in the names of its account's systems; what
// is allowed on all of a service's resources is one hop to the set of them (`aws:account:ACC#s3`),
// exceptions notwithstanding; and of systems whose own policies name the identity, its account or
// everybody, each is asked about.
extension AWSSemantics {
  func sensitiveAccess(of identity: String) -> [Hop] {
    accessMemo.value(of: identity) {
      if let source = principals[identity] ?? sessions.first(where: { $0.id == identity }) {
        return findAccess(of: source)
      }
      guard identity.hasSuffix("#administrators") else {
        return outsiderAccess(of: identity)
      }
      let account = identity.dropLast("#administrators".count)
      return [Self.administratorAccess(of: account, to: "\(account)#*")]
    }
  }

  func outsiders(of system: String, atLeast least: AccessLevel?) -> [Hop] {
    guard let service = ARN(system)?.service else { return [] }
    let entry = entry(of: system)
    let tried = ServiceActions.of(service).actions.compactMap { action in
      entry.resource(of: action).map { (action: action, resource: $0) }
    }
    return outsiders(of: system, trying: tried.filter { $0.action.level >= least ?? .readMetadata })
  }

  private func entry(of system: String) -> SystemEntry {
    SystemEntry(
      system, resourcePolicies(of: system) + keyGrants(of: system),
      ServiceActions.of(ARN(system)?.service ?? ""))
  }

  /// - Parameter account: `aws:account:111122223333`
  private static func administratorAccess(of account: some StringProtocol, to end: String) -> Hop {
    Hop(
      kind: "reaches", from: "\(account)#administrators", to: end, transfer: .access,
      decision: .allowed,
      sentence: "administrators may take every action on every resource of their account",
      cause: "administrators \(account)", level: .manageAccess)
  }

  private func findAccess(of source: Principal) -> [Hop] {
    let allows = source.allows
    let systems = systems
    let own = systems.services(of: source.account)
    var hops: [Hop] = []
    for system in own where !isCovered(system.service, of: source) {
      hops += accessInAccount(source, system, allows)
    }
    let naming = systems.entries(naming: source)
    var asked: Set<String> = Set(hops.map(\.to))
    for entry in naming where asked.insert(entry.id).inserted {
      guard let service = ARN(entry.id)?.service else { continue }
      let actions = ServiceActions.of(service).actions
      hops += systemHops(from: source, to: entry, actions, allows + entry.grants)
    }
    hops += masterAccess(of: source, own, naming, allows)
    return hops.sorted { $0.precedes($1) }
  }

  /// Hops to databases of which an identity may read the password of the master user.
  private func masterAccess(
    of source: Principal, _ own: [ServiceSystems], _ naming: [SystemEntry],
    _ allows: [Statement]
  ) -> [Hop] {
    let mayRead = allows.contains { $0.mayConcern("secretsmanager") }
    let databases =
      mayRead
      ? own.filter { Self.databases.contains($0.service) && !isCovered($0.service, of: source) }
        .flatMap(\.entries).map(\.id)
      : []
    let others =
      naming
      .flatMap { graph.edges(.stores, to: $0.id) }.map(\.from)
      .filter { !holdings(of: $0).isEmpty }
    return Set(databases + others).sorted { $0.precedes($1) }.flatMap { database in
      masterSecrets(of: database).compactMap { masterAccess(of: source, by: $0) }
    }
  }

  private static let databases = ["rds", "redshift"]

  /// The edges from a database to the secret with its master user's password.
  private func masterSecrets(of system: String) -> [GraphEdge] {
    guard let service = ARN(system)?.service, Self.databases.contains(service) else { return [] }
    return graph.edges(.stores, from: system).filter { ARN($0.to)?.service == "secretsmanager" }
  }

  /// Whoever reads it can log in and do everything in the database, if it gets to its port.
  /// Source: RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager".
  private func masterAccess(of source: Principal, by stored: GraphEdge) -> Hop? {
    let action = "secretsmanager:GetSecretValue"
    let answer = access(source, action, on: stored.to)
    guard let grant = answer.grant, answer.decision.isPossible else { return nil }
    let database = graph.label(stored.from)
    return Hop(
      kind: "reaches", from: source.id, to: stored.from, transfer: .access,
      decision: answer.decision.and(.conditional("a way to the port of \(database)")),
      sentence: "\(source.label) may take \(action) on the password of the master user of "
        + database,
      facts: facts(of: grant, saying: "allows \(action)") + [stored.fact(in: graph)],
      limits: source.limitFacts, cause: grant.policy.cause(grant.statement), level: .administer)
  }

  /// Whether all of a service is its own already.
  private func isCovered(_ service: String, of source: Principal) -> Bool {
    guard let whole = unbounded[source.id], !whole.isEmpty else { return false }
    let set = "aws:account:\(source.account)"
    return whole.contains { hop in
      hop.to == "\(set)#\(service):*" && hop.decision == .allowed
        || hop.to == "\(set)#*"
          && source.answer(request(service, source)).decision.level == .allowed
    }
  }

  private func accessInAccount(
    _ source: Principal, _ systems: ServiceSystems, _ allows: [Statement]
  ) -> [Hop] {
    let service = systems.service
    let concerned = allows.filter { $0.mayConcern(service) }
    guard !concerned.isEmpty else { return [] }
    let (actions, kinds) = (systems.actions, systems.kinds)
    var widely: [Statement] = []
    var found: [String: [Statement]] = [:]
    for statement in concerned {
      guard let resources = statement.resources, !resources.isNegated,
        !systems.kindNames.contains(where: {
          resources.decision(for: $0, in: source.context).isPossible
        })
      else {
        widely.append(statement)
        continue
      }
      for pattern in resources.patterns {
        for entry in systems.entries(named: pattern, in: source.context) {
          found[entry.id, default: []].append(statement)
        }
      }
    }
    // Without its own policy nobody uses a key.
    let isEachAsked = service == "kms"
    let set =
      widely.isEmpty || isEachAsked
      ? [] : setHops(from: source, service, actions, kinds, widely)
    guard !found.isEmpty || isEachAsked && !widely.isEmpty else { return set }
    return set
      + systems.entries.flatMap { entry -> [Hop] in
        let statements = (found[entry.id] ?? []) + (isEachAsked ? widely : [])
        guard !statements.isEmpty else { return [] }
        return systemHops(from: source, to: entry, actions, statements + entry.grants)
          .filter { hop in !set.contains { $0.isAsGood(as: hop) } }
      }
  }

  private func setHops(
    from source: Principal, _ service: String, _ actions: [ServiceActions.Action],
    _ kinds: [Int: String], _ statements: [Statement]
  ) -> [Hop] {
    let set = "aws:account:\(source.account)#\(service)"
    return firmest(actions, named: statements, source) { action in
      guard let kind = action.kind(kinds) else { return nil }
      let answer = access(source, action.name, on: kind)
      return hop(
        from: source, to: set, action, answer,
        "every \(service) resource of account \(source.account)")
    }
  }

  /// To one system, the highest level first; a lower one only where it is firmer.
  private func systemHops(
    from source: Principal, to entry: SystemEntry, _ actions: [ServiceActions.Action],
    _ statements: [Statement]
  ) -> [Hop] {
    let parts = source.parts(of: entry)
    return firmest(actions, named: statements, source) { action in
      guard let resource = entry.resource(of: action) else { return nil }
      // Of what is in it a part is enough.
      let names = resource == entry.id ? [resource] : [resource] + parts
      let answer = names.map { access(source, action.name, on: $0) }
        .reduce(AccessAnswer.denied) { $1.decision.level > $0.decision.level ? $1 : $0 }
      return hop(from: source, to: entry.id, action, answer, graph.label(entry.id))
    }
  }

  private func firmest(
    _ actions: [ServiceActions.Action], named statements: [Statement], _ source: Principal,
    _ ask: (ServiceActions.Action) -> Hop?
  ) -> [Hop] {
    var hops: [Hop] = []
    for action in actions {
      if hops.last?.decision == .allowed { break }
      guard action.isNamed(by: statements, in: source.context), let hop = ask(action),
        hop.decision.level > hops.last?.decision.level ?? .denied
      else { continue }
      if hops.last?.level == hop.level { hops.removeLast() }
      hops.append(hop)
    }
    return hops
  }

  private func hop(
    from source: Principal, to end: String, _ action: ServiceActions.Action,
    _ answer: AccessAnswer, _ what: String
  ) -> Hop? {
    guard answer.decision.isPossible else { return nil }
    return Hop(
      kind: "reaches", from: source.id, to: end, transfer: .access, decision: answer.decision,
      sentence: "\(source.label) may take \(action.name) on \(what)",
      facts: answer.grant.map { facts(of: $0, saying: "allows \(action.name)") } ?? [],
      limits: source.limitFacts,
      cause: answer.grant.map { $0.policy.cause($0.statement) } ?? "identity \(source.arn)",
      level: action.level)
  }

  /// `reaches` hops to one system from every principal that may act on it, from outsiders, and from
  /// the administrators of its account: the highest level of each, at or above the one asked for.
  /// Of a data domain, to the systems and sets that hold it; to a set, what is no derived hop.
  func holders(of system: String, atLeast least: AccessLevel?) -> [Hop] {
    let isDomain = DataDomain(id: system) != nil
    if isDomain || system.hasPrefix("aws:account:") {
      let sets = entrants.names.sorted { $0.precedes($1) }.map(administrators)
      let held = (order + sets).flatMap { identity in
        (isDomain ? unbounded[identity] ?? [] : []) + sensitiveAccess(of: identity)
      }.filter { hop in
        hop.to == system || isDomain && holdings(of: hop.to).contains { $0.to == system }
      }
      return (held + holders(ofSet: system))
        .filter { $0.level ?? .readMetadata >= least ?? .readMetadata }
    }
    guard let arn = ARN(system) else { return [] }
    let entry = entry(of: system)
    let actions = ServiceActions.of(arn.service).actions
      .filter { $0.level >= least ?? .readMetadata }
    let isEnough = AccessLevel.administer >= least ?? .readMetadata
    let masters = isEnough ? masterSecrets(of: system) : []
    let own = order.compactMap { principals[$0] }.flatMap { source in
      systemHops(from: source, to: entry, actions, source.allows + entry.grants).prefix(1)
        + masters.compactMap { masterAccess(of: source, by: $0) }
    }
    let others = outsiders(of: system, atLeast: least)
    guard let account = account(of: system), entrants[account] != nil else {
      return own + others
    }
    return own + others + [Self.administratorAccess(of: "aws:account:\(account)", to: system)]
  }

  /// Who may act on a set of a service's resources because all of the service is its own: by that,
  /// by everything of the account, or as its administrator.
  private func holders(ofSet set: String) -> [Hop] {
    let parts = set.dropFirst("aws:account:".count).split(separator: "#", maxSplits: 1)
    guard parts.count == 2, !["*", "administrators"].contains(parts[1]) else { return [] }
    let (account, service) = (String(parts[0]), String(parts[1].prefix { $0 != ":" }))
    let own = order.compactMap { principals[$0] }.filter { source in
      source.account == account && unbounded[source.arn]?.contains { $0.to == set } == false
    }.compactMap { reach(of: $0, toAllOf: service) }
    let administrators =
      entrants[account] == nil
      ? [] : [Self.administratorAccess(of: "aws:account:\(account)", to: set)]
    return own.map { hop in
      var hop = hop
      hop.to = set
      return hop
    } + administrators
  }
}

extension Statement {
  /// Whether its actions could be of a service.
  fileprivate func mayConcern(_ service: String) -> Bool {
    isForAnyService || services.contains(service)
  }
}

extension Principal {
  /// Of what is in a system, the parts that policies single out: `…:::data/public/*` of `…:::data`.
  fileprivate func parts(of entry: SystemEntry) -> [String] {
    let own = held.flatMap { $0.compiled?.statements ?? [] }
    let texts = (own + entry.grants).filter { $0.effect == .allow }.compactMap(\.resources)
      .filter { !$0.isNegated }.flatMap(\.patterns).compactMap { pattern -> String? in
        guard let container = pattern.container,
          container.decision(for: Array(entry.id.utf8), in: context).isPossible,
          let slash = pattern.text.firstIndex(of: "/"), !pattern.text[slash...].contains("${")
        else { return nil }
        return entry.id + pattern.text[slash...]
      }
    return Set(texts).sorted { $0.precedes($1) }
  }
}

extension Hop {
  fileprivate func isAsGood(as other: Hop) -> Bool {
    decision.level >= other.decision.level
      && (level ?? .readMetadata) >= (other.level ?? .readMetadata)
  }
}
