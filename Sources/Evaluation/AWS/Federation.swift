internal import Model

/// An issuer that serves everybody, so that only the subject tells its customers apart.
private struct SharedIssuer {
  var host: String
  /// Before the owner's name in a subject, and after it.
  var prefix: String
  var delimiter: Character

  /// Source: each vendor's page on OpenID Connect with AWS.
  static let all = [
    SharedIssuer(host: "token.actions.githubusercontent.com", prefix: "repo:", delimiter: "/"),
    SharedIssuer(host: "gitlab.com", prefix: "project_path:", delimiter: "/"),
    SharedIssuer(host: "app.terraform.io", prefix: "organization:", delimiter: ":"),
    SharedIssuer(host: "agent.buildkite.com", prefix: "organization:", delimiter: ":"),
  ]
}

extension AWSSemantics {
  /// `federates` hops to a role, from every provider that its trust policy names.
  /// Source: IAM User Guide, "Create a role for OpenID Connect federation", "Available keys for AWS
  /// OIDC federation", "Available keys for SAML-based federation".
  func federation(of role: String) -> [FederatedTrust] {
    guard let target = principals[role], !target.isUser else { return [] }
    let policies = target.trust
    let providers = policies.flatMap { $0.compiled?.statements ?? [] }
      .filter { $0.effect == .allow && !$0.excludesPrincipals }.flatMap(\.principals)
      .compactMap { if case .federated(let name) = $0 { name } else { nil } }
    return Set(providers).sorted { $0.precedes($1) }.compactMap {
      federation(from: $0, policies, target)
    } + certificateTrusts(of: target)
  }

  private func federation(
    from provider: String, _ policies: [HeldPolicy], _ target: Principal
  ) -> FederatedTrust? {
    let isSAML = provider.contains(":saml-provider/")
    let issuer = issuer(of: provider)
    let action = isSAML ? "sts:AssumeRoleWithSAML" : "sts:AssumeRoleWithWebIdentity"
    let requester = Requester.federated(provider)
    var context = RequestContext()
    context["aws:ResourceAccount"] = .known([target.account])
    // Whoever holds a token brings its claims.
    for condition in policies.flatMap({ $0.compiled?.statements ?? [] }).flatMap(\.conditions)
    where condition.name.hasPrefix(issuer.lowercased() + ":")
      || condition.name.hasPrefix("saml:")
    { context[condition.key] = .callerChosen }
    let request = Request(action, on: target.arn, in: context)
    let answer = policies.answer(request) { $0.fit(requester) > .none }
    let decision = answer.decision.and(exists(provider, target)).and(
      target.limits.resourceDecision(request))
    guard let grant = answer.grant, decision.isPossible else { return nil }
    let allows = policies.flatMap { $0.compiled?.statements ?? [] }.filter {
      $0.effect == .allow && $0.fit(requester) > .none
        && $0.decision(request).isPossible
    }
    let subjects = allows.flatMap { $0.values(of: "\(issuer):sub") ?? [] }
    let who = subjects.isEmpty ? "any subject" : subjects.joined(separator: " or ")
    return FederatedTrust(
      hop: Hop(
        kind: "federates", from: provider, to: target.arn, transfer: .acquire,
        decision: decision,
        sentence: isSAML
          ? "whoever \(graph.label(provider)) asserts can assume \(target.label)"
          : "\(who) of \(issuer) can assume \(target.label)",
        facts: facts(of: grant, saying: "lets \(issuer) assume it"),
        cause: grant.policy.cause(
          grant.statement)),
      width: isSAML ? nil : allows.map { width($0, issuer) }.min(), subjects: subjects,
      issuer: issuer)
  }

  /// The host and path of a provider, which its claims' keys begin with.
  private func issuer(of provider: String) -> String {
    guard let mark = provider.firstRange(of: "-provider/") else { return provider }
    return String(provider[mark.upperBound...])
  }

  /// Without its provider a trust lets nobody in. Cognito, Google, Facebook and Amazon are built in.
  private func exists(_ provider: String, _ target: Principal) -> Decision {
    guard provider.hasPrefix("arn:"), graph.nodes[provider] == nil else { return .allowed }
    let kind =
      provider.contains(":saml-provider/") ? "aws.iam.samlProvider" : "aws.iam.oidcProvider"
    return listing(kind, in: target.scope).negated
  }

  /// Several conditions must all be met, so the narrowest counts.
  private func width(_ statement: Statement, _ issuer: String) -> FederationWidth {
    if issuer == "cognito-identity.amazonaws.com" {
      let pools = statement.values(of: "\(issuer):aud") ?? []
      let guests = statement.values(of: "\(issuer):amr") ?? []
      if pools.isEmpty || pools.contains("*") { return .anyone }
      return guests.contains("authenticated") ? .named : .wholeIssuer
    }
    let shared = SharedIssuer.all.first { $0.host == issuer }
    guard let subjects = statement.values(of: "\(issuer):sub") else {
      let owners = ["repository_owner", "repository_owner_id", "repository", "repository_id"]
        .flatMap { statement.values(of: "\(issuer):\($0)") ?? [] }
      if !owners.isEmpty, !owners.contains(where: { $0.contains("*") }) { return .wholeOwner }
      return shared == nil ? .wholeIssuer : .anyone
    }
    return subjects.map { Self.width(ofSubject: $0, shared) }.min() ?? .named
  }

  private static func width(ofSubject text: String, _ shared: SharedIssuer?) -> FederationWidth {
    func isOpen(_ part: Substring) -> Bool { part.contains("*") || part.contains("?") }
    guard isOpen(text[...]) else { return .named }
    guard let shared else {
      // `system:serviceaccount:NAMESPACE:NAME`
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "system" else {
        return text.first == "*" ? .wholeIssuer : .wholeOwner
      }
      return isOpen(parts[2]) ? .wholeIssuer : .anyContext
    }
    guard text.hasPrefix(shared.prefix) else { return .anyone }
    let rest = text.dropFirst(shared.prefix.count)
    let owner = rest.prefix { $0 != shared.delimiter }
    if isOpen(owner) { return .anyone }
    let project = rest.dropFirst(owner.count + 1).prefix { $0 != ":" }
    return isOpen(project) ? .wholeOwner : .anyContext
  }
}

extension Statement {
  /// The values that a claim of a token is limited to; `nil` where it is not limited.
  ///
  /// Every token has a subject, so `IfExists` and `ForAllValues` limit it too.
  /// Source: OpenID Connect Core 1.0, section 2.
  func values(of key: String) -> [String]? {
    let found = conditions.filter { $0.name == key.lowercased() }.compactMap(\.allowedTexts)
    // Of several limits on one claim the one with fewer wildcards is the narrower.
    return found.min { left, right in
      left.count { $0.contains("*") } < right.count { $0.contains("*") }
    }
  }
}
