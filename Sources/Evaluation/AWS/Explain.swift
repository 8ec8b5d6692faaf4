internal import Model

extension AWSSemantics {
  /// Source: IAM User Guide, "Determining whether a request is allowed or denied within an
  /// account": explicit denies first, then control policies, the resource's policy, the identity's
  /// own, and its boundary.
  func explain(_ identity: String, _ action: String, on resource: String) -> Explanation? {
    guard let source = principals[identity] else { return nil }
    let requester = Requester.identity(arn: source.arn, account: source.account)
    let asked = RequestedResource(resource, in: self)
    let request = Request(action, on: asked.bytes, in: context(of: source, using: asked))
    let stages: [(String, [HeldPolicy], (Statement) -> Bool)] = [
      (
        "resource control policy",
        limits(on: asked, of: source).resourceLevels(for: request).policies,
        { $0.fit(requester) > .none }
      ),
      ("service control policy", source.limits.policies, { _ in true }),
      ("resource policy", asked.policies, { $0.fit(requester) > .none }),
      ("grant of the key", asked.grants, { $0.fit(requester) > .none }),
      ("identity policy", source.policies, { _ in true }),
      ("permissions boundary", source.boundary ?? [], { _ in true }),
    ]
    let all = stages.flatMap { stage, policies, applies in
      lines(stage, policies, applies, request)
    }
    let silent = stages.compactMap { stage, policies, _ -> String? in
      guard !policies.isEmpty, !all.contains(where: { $0.stage == stage && !$0.isDeny }) else {
        return nil
      }
      return "\(stage): none of \(policies.count) allows it"
    }
    return Explanation(
      identity: identity, action: action, resource: resource,
      decision: access(source, action, on: asked).decision,
      level: ActionTable.aws.level(of: action),
      lines: all.filter(\.isDeny) + all.filter { !$0.isDeny }, silent: silent,
      notes: notes(source, request, on: asked, stages.flatMap(\.1)))
  }

  /// What a reader of the statements would miss: conditions that a request without the key meets,
  /// and ways that lead past the resource's own name.
  private func notes(
    _ source: Principal, _ request: Request, on resource: RequestedResource,
    _ policies: [HeldPolicy]
  ) -> [String] {
    let traps = policies.flatMap { policy in
      (policy.compiled?.statements ?? []).filter {
        $0.decision(request).isPossible
      }.compactMap { statement in
        statement.trap.map { "\(policy.name), \(statement.label): \($0)" }
      }
    }
    let points = accessThroughPoints(source, request.name, on: resource, [:])
      .filter(\.decision.isPossible).map { answer in
        "through an access point: \(answer.decision.qualifier ?? "allowed")"
      }
    let bucket = resource.governed
    let left =
      resource.account == source.account ? .allowed : publicAccess(bucket, resource.policies)
    let block = left.qualifier.map {
      "the public access block of \(graph.label(bucket)) to other accounts: \($0)"
    }
    return traps + points + [block].compactMap(\.self)
  }

  private func lines(
    _ stage: String, _ policies: [HeldPolicy], _ applies: (Statement) -> Bool, _ request: Request
  ) -> [Explanation.Line] {
    policies.flatMap { policy -> [Explanation.Line] in
      guard let compiled = policy.compiled else {
        return [true, false].map {
          Explanation.Line(
            stage: stage, policy: policy.name, id: policy.id, statement: "its text", isDeny: $0,
            decision: .unknown(policy.gap))
        }
      }
      return compiled.statements.filter(applies).compactMap { statement in
        let decision = statement.decision(request)
        guard decision.isPossible else { return nil }
        return Explanation.Line(
          stage: stage, policy: policy.name, id: policy.id, statement: statement.label,
          isDeny: statement.effect == .deny, decision: decision)
      }
    }
  }
}
