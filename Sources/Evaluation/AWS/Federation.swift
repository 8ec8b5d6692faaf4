internal import Model

/// An issuer that serves everybody, so that only the subject tells its customers apart.
private struct SharedIssuer {
  var host: String
  /// What an owner file calls it: `github:acme`.
  var platform: String
  /// Before the owner's name in a subject, and after it.
  var prefix: String
  var delimiter: Character

  /// Source: each vendor's page on OpenID Connect with AWS.
  static let all = [
    SharedIssuer(
      host: "token.actions.githubusercontent.com", platform: "github", prefix: "repo:",
      delimiter: "/"),
    SharedIssuer(
      host: "gitlab.com", platform: "gitlab", prefix: "project_path:", delimiter: "/"),
    SharedIssuer(
      host: "app.terraform.io", platform: "terraform", prefix: "organization:", delimiter: ":"),
    SharedIssuer(
      host: "agent.buildkite.com", platform: "buildkite", prefix: "organization:",
      delimiter: ":"),
  ]

  /// The owner that a subject begins with; `nil` where a pattern stands for it, or the subject is
  /// written in another way. Behind its name GitHub may tell its number: `repo:acme@12/shop@34`.
  /// Source: GitHub Docs, "OpenID Connect", "Immutable subject claims".
  func owner(of subject: String) -> Substring? {
    guard subject.hasPrefix(prefix) else { return nil }
    let owner = subject.dropFirst(prefix.count).prefix { $0 != delimiter && $0 != "@" }
    return owner.isEmpty || isOpen(owner) ? nil : owner
  }
}

/// What GitHub's tokens tell beside their subject, and how wide a trust in one value of it is.
/// Source: IAM User Guide, "Available keys for AWS OIDC federation"; GitHub Docs, "OpenID Connect
/// reference", "OIDC token claims".
private let claims: [(name: String, width: FederationWidth)] = [
  ("enterprise_id", .wholeOwner), ("repository_owner", .wholeOwner),
  ("repository_owner_id", .wholeOwner), ("repository", .anyContext),
  ("repository_id", .anyContext),
]

private func isOpen(_ part: Substring) -> Bool { part.contains { "*?".contains($0) } }

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
      issuer: issuer,
      parties: isSAML
        ? [] : Set(allows.flatMap { parties($0, issuer) }).sorted { $0.precedes($1) })
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
    let widest = shared == nil ? FederationWidth.wholeIssuer : .anyone
    let bySubject = statement.values(of: "\(issuer):sub").map { subjects in
      subjects.map { Self.width(ofSubject: $0, shared) }.min() ?? .named
    }
    let byClaims = claims.compactMap { claim, width in
      named(claim, by: statement, issuer).isEmpty ? nil : width
    }
    return max(bySubject ?? widest, byClaims.max() ?? widest)
  }

  /// Who gets the tokens that a statement is about, as an owner file would name them; nobody where
  /// a pattern leaves it open, and where it is the tenant's own by what was read.
  private func parties(_ statement: Statement, _ issuer: String) -> [String] {
    if issuer == "cognito-identity.amazonaws.com" {
      return named("aud", by: statement, issuer)
        .filter { graph.nodes["aws:cognito-identity-pool:\($0)"] == nil }.map { "cognito:\($0)" }
    }
    guard let shared = SharedIssuer.all.first(where: { $0.host == issuer }) else {
      // Everybody gets tokens of the built-in ones, and whose application it is they do not say.
      let isBuiltIn = ["accounts.google.com", "graph.facebook.com", "www.amazon.com"]
        .contains(issuer)
      let isOwn = graph.node(named: "oidc:https://\(issuer)") != nil
      return isBuiltIn || isOwn ? [] : ["oidc:\(issuer)"]
    }
    let subjects = statement.values(of: "\(issuer):sub") ?? []
    let byClaims = ["repository_owner", "repository"].flatMap {
      named($0, by: statement, issuer).map { String($0.prefix { $0 != "/" }) }
    }
    let owners = byClaims.isEmpty ? subjects.compactMap(shared.owner).map(String.init) : byClaims
    return owners.map { "\(shared.platform):\($0)" }
  }

  /// The values of a claim, where each names one.
  private func named(_ claim: String, by statement: Statement, _ issuer: String) -> [String] {
    let values = statement.values(of: "\(issuer):\(claim)") ?? []
    return values.contains { isOpen($0[...]) } ? [] : values
  }

  private static func width(ofSubject text: String, _ shared: SharedIssuer?) -> FederationWidth {
    guard isOpen(text[...]) else { return .named }
    guard let shared else {
      // `system:serviceaccount:NAMESPACE:NAME`
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "system" else {
        return text.first == "*" ? .wholeIssuer : .wholeOwner
      }
      return isOpen(parts[2]) ? .wholeIssuer : .anyContext
    }
    guard shared.owner(of: text) != nil else { return .anyone }
    let rest = text.dropFirst(shared.prefix.count)
    let owner = rest.prefix { $0 != shared.delimiter }
    let project = rest.dropFirst(owner.count + 1).prefix { $0 != ":" && $0 != "@" }
    // A pattern for the owner's number also stands for what follows.
    return isOpen(owner) || isOpen(project) ? .wholeOwner : .anyContext
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
