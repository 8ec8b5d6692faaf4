internal import Model

extension EscalationEstate {
  /// The resource that a permission must cover, of a method that touches what exists.
  func resource(
    _ resource: EscalationMethod.Resource, _ binding: EscalationBinding, _ source: Principal
  ) -> RequestedResource {
    let name =
      switch resource {
      case .role: binding.role ?? ""
      case .user: binding.user ?? ""
      case .group: binding.group ?? ""
      case .policy: binding.policy ?? ""
      case .thing: binding.thing ?? ""
      case .new(let pattern): source.concrete(expanded(pattern, source))
      case .fixed(let text): source.concrete(text)
      case .none: "*"
      }
    return self.resource(named: name)
  }

  /// Names that a new resource of a kind could be given.
  func candidates(_ pattern: String, _ actions: [String], _ source: Principal) -> [String] {
    let kind = expanded(pattern, source)
    return [source.concrete(kind)] + source.names(within: kind, for: actions)
  }

  /// `lambda:function:*` as the pattern of an ARN in the caller's account.
  private func expanded(_ pattern: String, _ source: Principal) -> String {
    guard !pattern.hasPrefix("arn:"), let colon = pattern.firstIndex(of: ":") else {
      return pattern
    }
    let name = pattern[pattern.index(after: colon)...]
    return "arn:\(source.partition):\(pattern[..<colon]):*:\(source.account):\(name)"
  }
}

extension Principal {
  /// One name for each pattern that a statement of its own, or of others, allows these actions on,
  /// as far as it is of a kind: with them a limited grant is found without trying every name.
  func names(
    within kind: String, for actions: [String], and others: [HeldPolicy] = []
  ) -> [String] {
    let spelled = actions.map { Array($0.lowercased().utf8) }
    let texts = (held + others).flatMap { $0.compiled?.statements ?? [] }.filter { statement in
      statement.effect == .allow
        && spelled.contains { statement.actions.decision(for: $0, in: context).isPossible }
    }.flatMap { statement -> [String] in
      guard let resources = statement.resources, !resources.isNegated else { return [] }
      return resources.patterns.map(\.text)
    }
    return Set(texts).sorted { $0.precedes($1) }
      .filter { ARN($0) != nil && !$0.contains("${") }.map(concrete)
      .filter { Pattern(kind).matches($0) }
  }

  /// One of the ARNs that a pattern stands for, with names that no policy is likely to single out.
  func concrete(_ text: String) -> String {
    guard let arn = ARN(text) else { return text }
    func filled(_ part: String, _ word: String) -> String {
      part == "*" ? word : part.replacing("*", with: "sv0").replacing("?", with: "x")
    }
    let parts = arn.components
    return [
      "arn", filled(parts[1], partition), parts[2],
      parts[3] == "*" ? "us-east-1" : parts[3].replacing("*", with: "west-1"),
      filled(parts[4], account), filled(parts[5], "sv0"),
    ].joined(separator: ":")
  }
}
