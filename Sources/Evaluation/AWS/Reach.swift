internal import Model

extension AWSSemantics {
  /// `reaches` hops to the unbounded sets of the account: everything (`aws:account:ACC#*`), or
  /// everything of a service (`aws:account:ACC#s3:*`).
  ///
  /// Every service that a policy names is asked about on its own, and one that no policy names
  /// stands for all the others. So "everything but IAM" is found, whether it is written as a
  /// `NotAction`, as a deny or as a boundary. Exceptions narrower than a service do not count: the
  /// rest is unbounded all the same. A hop needs a statement that grants it; what an unreadable
  /// policy might add is a gap, not a hop.
  func reaches(from source: Principal) -> [Hop] {
    let wide = source.allows.filter(\.actions.isOpenEnded)
    if wide.isEmpty { return [] }
    let services = namedServices(source)
    let others = source.answer(request(unnamedService, source))
    guard others.grant != nil, others.decision.isPossible else {
      return services.compactMap { service in
        let all = Array("\(service):*".utf8)
        guard wide.contains(where: { $0.actions.matches(all) }) else { return nil }
        return reach(of: source, toAllOf: service)
      }
    }
    let answers = services.map { ($0, source.answer(request($0, source))) }
    let excluded = answers.filter { !$0.1.decision.isPossible }.map(\.0)
    var whole = others
    for (_, answer) in answers where answer.decision.isPossible {
      whole.allow = whole.allow.and(answer.decision)
    }
    let level: AccessLevel = excluded.contains("iam") ? .administer : .manageAccess
    // A service that is granted more firmly than all of them is told beside them.
    let firmer = answers.filter { $0.1.decision.level > whole.decision.level }
    return [hop(source, to: "*", whole, level: level, except: excluded)]
      + firmer.map { service, answer in
        hop(source, to: "\(service):*", answer, level: Self.level(ofAll: service), except: [])
      }
  }

  /// The `reaches` hop to everything of a service, also where more than that is allowed.
  func reach(of source: Principal, toAllOf service: String) -> Hop? {
    let answer = source.answer(request(service, source))
    guard answer.grant != nil, answer.decision.isPossible else { return nil }
    return hop(source, to: "\(service):*", answer, level: Self.level(ofAll: service), except: [])
  }

  func authority(of identity: String) -> Decision {
    guard let source = principals[identity] else {
      return isProvedAbsent(identity) ? .denied : .unknown("identity \(identity)")
    }
    let unread = (source.policies + (source.boundary ?? [])).filter { $0.compiled == nil }
    var decision = Decision.any(unread.map { .unknown($0.gap) })
    // What its statements allow, as requests. Of an allow and a boundary the narrower counts, so
    // each one's actions are tried on the other's resources.
    let all = source.allows + (source.boundary ?? []).allows
    for statement in all {
      for resources in source.boundary == nil ? [statement] : all {
        for action in statement.actions.texts {
          for resource in resources.resources?.texts ?? ["*"] {
            decision = decision.or(
              source.answer(Request(action, on: resource, in: source.context)).decision)
            if decision == .allowed { return decision }
          }
        }
      }
    }
    return decision
  }

  /// No service has such a name, so only a pattern for all of them matches it.
  private var unnamedService: String { "\u{7F}" }

  /// Of all of a service, what the level of access is. To decide who may do what is `manageAccess`.
  private static func level(ofAll service: String) -> AccessLevel {
    ["iam", "organizations", "sso", "sts"].contains(service) ? .manageAccess : .administer
  }

  /// Whether somebody would be an administrator if its own policies allowed everything: not beyond
  /// its boundary, unless that lets itself be taken off.
  func potential(_ who: Principal) -> Decision {
    guard let boundary = who.boundary else { return .allowed }
    var context = who.context
    context.decided = [
      "aws:resourceaccount": .known([who.account]), "iam:permissionsboundary": who.boundaryKey,
    ]
    let action = "iam:Delete\(who.isUser ? "User" : "Role")PermissionsBoundary"
    let takingOff = Request(action, on: who.arn, in: context)
    let isTakenOff = boundary.answer(takingOff).decision
      .and(who.policies.answer(takingOff).notDenied).and(who.limits.decision(takingOff))
    return .all(everything(who).map { boundary.answer($0).decision }).or(isTakenOff)
  }

  /// Requests for everything: of any service, and of the one that decides who may do what.
  func everything(_ who: Principal) -> [Request] {
    [request(unnamedService, who), request("iam", who)]
  }

  /// For every action of a service, on whatever it has in the account.
  func request(_ service: String, _ source: Principal) -> Request {
    // The widest resource of the service: one region or account less is a bound.
    let resource =
      switch service {
      case "s3": "arn:\(source.partition):s3:::*"
      case "iam": "arn:\(source.partition):iam::\(source.account):*"
      default: "arn:\(source.partition):\(service):*:\(source.account):*"
      }
    var context = source.context
    context.decided = ["aws:resourceaccount": .known([source.account])]
    return Request("\(service):*", on: resource, in: context)
  }

  private func namedServices(_ source: Principal) -> [String] {
    let names = (source.held + source.limits.policies).flatMap { $0.compiled?.services ?? [] }
    return Set(names + ["iam"]).sorted { $0.precedes($1) }
  }

  private func hop(
    _ source: Principal, to set: String, _ answer: PolicyAnswer, level: AccessLevel,
    except: [String]
  ) -> Hop {
    let what = set == "*" ? "every action of every service" : "every action of \(set.dropLast(2))"
    let but = except.isEmpty ? "" : " except \(except.joined(separator: ", "))"
    let grounds = answer.grant.map {
      facts(of: $0, saying: "allows \(what) on every resource")
    }
    return Hop(
      kind: "reaches", from: source.id, to: "aws:account:\(source.account)#\(set)",
      transfer: .access, decision: answer.decision,
      sentence:
        "\(source.label) may take \(what)\(but) on every resource of account \(source.account)",
      facts: grounds ?? [], limits: source.limitFacts,
      cause: answer.grant.map { $0.policy.cause($0.statement) } ?? "identity \(source.arn)",
      level: level)
  }
}

extension Statement.Element {
  /// Subjects that it is about, as they are written.
  fileprivate var texts: [String] { isNegated ? ["*"] : patterns.map(\.text) }
}
