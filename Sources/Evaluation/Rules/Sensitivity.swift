internal import Model

extension Reached {
  /// What is held × how far access goes; the table of all rules about what is reached.
  ///
  /// | | metadata | read | write | administer, manage access |
  /// |---|---|---|---|---|
  /// | privileged set, another agent | | | | high |
  /// | customer, finance, health, hr, identity, secrets | low | high | high | high |
  /// | confidential, source code | low | medium | medium | high |
  /// | logs | low | low | medium | medium |
  /// | another platform | medium | medium | medium | medium |
  var sensitivity: Severity {
    switch target {
    case .privileged: return .high
    case .platform: return .medium
    case .domain(let domain):
      guard let level, level > .readMetadata else { return .low }
      switch domain {
      case .customer, .finance, .health, .hr, .identity, .secrets: return .high
      case .confidential, .sourceCode: return level >= .administer ? .high : .medium
      case .logs: return level >= .write ? .medium : .low
      }
    }
  }

  /// Capped where it is not certain, or only influences.
  var severity: Severity { sensitivity.capped(path.decision, via: path.via) }

  /// The system or set at its end, before what it holds.
  var end: Hop? { path.hops.last { $0.transfer != .locate } }

  /// `hr data (readData)`, `the administrators of account …`.
  func words(in graph: Graph) -> String {
    switch target {
    case .domain(let domain): "\(domain.rawValue) data (\(levelName))"
    case .privileged(let id): graph.label(id)
    case .platform(let name): "platform \(name)"
    }
  }

  var findingTarget: FindingTarget? {
    end.map {
      FindingTarget(
        id: $0.to, level: level?.name, strength: path.decision.strength ?? .unknown)
    }
  }

  /// The worst first.
  func isWorse(than other: Reached) -> Bool {
    if severity != other.severity { return severity > other.severity }
    if target != other.target { return target.text.precedes(other.target.text) }
    if level != other.level { return level ?? .readMetadata > other.level ?? .readMetadata }
    return path.isBetter(than: other.path)
  }
}

extension Situation {
  /// What a rule says about what a subject reaches.
  ///
  /// - Parameters:
  ///   - reached: the worst first; at least one.
  ///   - title: what is wrong, in one line.
  ///   - advice: what to do about it, in sentences.
  func draft(_ reached: [Reached], title: String, advice: String) -> Draft? {
    guard let worst = reached.first else { return nil }
    let steps = worst.path.hops.map(\.sentence).joined(separator: "; ")
    var seen: Set<FindingTarget> = []
    return Draft(
      severity: worst.severity, decision: worst.path.decision, via: worst.path.via, title: title,
      description: "\(steps.asSentence)"
        + (worst.path.decision.qualifier.map { " (\($0))" } ?? "") + ". \(advice)",
      chain: graph.chain(worst.path), limits: graph.limits(worst.path),
      targets: reached.compactMap(\.findingTarget).filter { seen.insert($0).inserted },
      cause: worst.path.cause)
  }
}
