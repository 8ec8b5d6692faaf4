internal import Model

extension AWSSemantics {
  /// Hops from the administrators of an account to those of its principals that another account
  /// lets in: whoever administers an account can become any principal of it, and goes on from
  /// there. Within the account nothing is gained that an administrator does not have.
  func administratorHops() -> [Hop] {
    let entered = order.parallelMap { role in
      (trusts[role] ?? []).compactMap { party -> String? in
        guard case .identity(let source, let account) = party.requester,
          account != principals[role]?.account, principals[source] != nil
        else { return nil }
        return source
      }
    }
    let leaving = Set(entered.joined())
    return leaving.sorted { $0.precedes($1) }.compactMap { principals[$0] }
      .compactMap(takenOver)
  }

  private func takenOver(_ target: Principal) -> Hop? {
    guard !PrincipalReader.isServiceLinked(target.node) else { return nil }
    let request = Request(
      target.isUser ? "iam:CreateAccessKey" : "iam:UpdateAssumeRolePolicy", on: target.arn,
      in: context(of: .account(target.account), trustedBy: target.account))
    let decision = target.limits.decision(request).and(target.reading)
    guard decision.isPossible else { return nil }
    let sentence = "whoever administers account \(target.account) can become \(target.label)"
    return Hop(
      kind: "canEscalateTo", from: administrators(of: target.account), to: target.arn,
      transfer: .acquire, decision: decision, sentence: sentence,
      facts: [Fact(.node(target.arn), "\(target.label) belongs to account \(target.account)")],
      limits: target.limits.reasons, cause: "identity \(target.arn)")
  }
}
