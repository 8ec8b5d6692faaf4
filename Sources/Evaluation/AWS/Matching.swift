internal import Model

/// Who makes a request, as a policy with principals sees it.
enum Requester: Sendable, Hashable {
  /// A role or user whose policies are in the graph, or a foreign one that is named exactly.
  case identity(arn: String, account: String)
  /// Whoever that account lets: its administrator decides.
  case account(String)
  case anyone
  case service(String)
  /// Whoever has a token or an assertion of that provider.
  case federated(String)
}

/// How closely a statement's principal fits; the closer counts.
enum PrincipalFit: Int, Comparable, Sendable {
  case none, account, everyone, exact

  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension PrincipalPattern {
  func fit(_ requester: Requester) -> PrincipalFit {
    switch (self, requester) {
    case (.everyone, _): .everyone
    case (.account(let id), .identity(_, let account)): id == account ? .account : .none
    case (.account(let id), .account(let account)): id == account ? .account : .none
    case (.arn(let text), .identity(let arn, _)):
      text == arn || Self.isSession(text, of: arn) ? .exact : .none
    case (.service(let name), .service(let service)): name == service ? .exact : .none
    case (.federated(let name), .federated(let provider)): name == provider ? .exact : .none
    default: .none
    }
  }

  /// Whether it names a session of the requester's.
  func namesSession(of requester: Requester) -> Bool {
    guard case .arn(let text) = self, case .identity(let arn, _) = requester else { return false }
    return Self.isSession(text, of: arn)
  }

  /// `arn:aws:sts::ACC:assumed-role/NAME/SESSION` is a session of the role NAME, whatever its path;
  /// the caller chooses the session's name.
  private static func isSession(_ text: String, of arn: String) -> Bool {
    guard let session = ARN(text), let role = ARN(arn), session.service == "sts",
      session.account == role.account
    else { return false }
    let parts = session.resource.split(separator: "/")
    return parts.count == 3 && parts[0] == "assumed-role" && role.resource.hasPrefix("role/")
      && parts[1] == role.resource.split(separator: "/").last ?? ""
  }
}

extension Statement {
  /// How closely the statement is about the requester.
  func fit(_ requester: Requester) -> PrincipalFit {
    let fit = principals.map { $0.fit(requester) }.max() ?? .none
    guard excludesPrincipals else { return fit }
    // Only who is named itself is left out: its account alone does not spare it.
    let isSpared = fit == .exact || fit == .everyone || (fit == .account && requester.isAccount)
    return isSpared ? .none : .everyone
  }

  /// Whether it names the user itself, or a session of the role: that is not bounded.
  func namesItself(_ requester: Requester, isUser: Bool) -> Bool {
    isUser
      ? fit(requester) == .exact
      : !excludesPrincipals && principals.contains { $0.namesSession(of: requester) }
  }

  /// Whether its actions are about a request's.
  func isAbout(_ request: Request) -> Bool {
    // Actions have no variables.
    request.isAmong(known) ?? actions.matches(request.action)
  }

  /// Whether it applies to a request, whoever makes it.
  func decision(_ request: Request) -> Decision {
    guard isAbout(request) else { return .denied }
    var decision = resources?.decision(for: request.resource, in: request.context) ?? .allowed
    for condition in conditions where decision.isPossible {
      decision = decision.and(condition.decision(in: request.context, for: effect))
    }
    return decision
  }
}

extension Requester {
  fileprivate var isAccount: Bool { if case .account = self { true } else { false } }
}
