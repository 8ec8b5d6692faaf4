internal import Model

/// What somebody would mind being reached, and the best path to it.
public struct Reached: Sendable, Hashable {
  public enum Target: Sendable, Hashable {
    case domain(DataDomain)
    /// The node that stands for a privileged set.
    case privileged(String)
    /// Another one than that of the start: `entra`.
    case platform(String)
  }

  public var target: Target
  /// How far access goes; of a platform `nil`.
  public var level: AccessLevel?
  /// The strongest, and of those the shortest. Its last hop is `holds` where it ends at a domain.
  public var path: AuthorityPath
}

extension Situation {
  /// What of that an identity or automation comes to: for each data domain the best path at each
  /// level, and the best to each privileged set and other platform. In order of targets, the
  /// highest level first.
  func reached(from start: String) -> [Reached] {
    var best = BestReached()
    let ways = authority.bestPaths(from: start, endingWith: nil)
    for path in [AuthorityPath([])] + ways {
      let end = path.hops.last?.to ?? start
      if path.hops.last?.transfer == .access {
        best.offer(path, holdings: semantics.holdings(of: end))
        continue
      }
      if path.hops.last?.endsAtAdministrators == true {
        best.offer(Reached(target: .privileged(end), level: .manageAccess, path: path))
      }
      if let platform = graph.platform(of: end), let own = graph.platform(of: start),
        platform != own
      {
        best.offer(Reached(target: .platform(platform), level: nil, path: path))
      }
      for hop in semantics.sensitiveAccess(of: end) {
        best.offer(AuthorityPath(path.hops + [hop]), holdings: semantics.holdings(of: hop.to))
      }
    }
    return best.all
  }
}

private struct BestReached {
  private struct Key: Hashable {
    var target: String
    var level: AccessLevel?
  }

  private var best: [Key: Reached] = [:]

  mutating func offer(_ path: AuthorityPath, holdings: [Hop]) {
    for hop in holdings {
      guard let domain = DataDomain(id: hop.to) else { continue }
      let whole = AuthorityPath(path.hops + [hop])
      offer(Reached(target: .domain(domain), level: path.level, path: whole))
    }
  }

  mutating func offer(_ reached: Reached) {
    let key = Key(target: reached.target.text, level: reached.level)
    guard let other = best[key], !reached.path.isBetter(than: other.path) else {
      best[key] = reached
      return
    }
  }

  var all: [Reached] {
    best.sorted { left, right in
      if left.key.target != right.key.target { return left.key.target.precedes(right.key.target) }
      return left.key.level.map(\.rawValue) ?? -1 > right.key.level.map(\.rawValue) ?? -1
    }.map(\.value)
  }
}

extension Reached.Target {
  /// The id of a node, or `platform:entra`.
  public var text: String {
    switch self {
    case .domain(let domain): domain.id
    case .privileged(let id): id
    case .platform(let name): "platform:\(name)"
    }
  }
}

extension AuthorityPath {
  /// Stronger, or as strong and shorter; of equals the first in order of hops.
  func isBetter(than other: AuthorityPath) -> Bool {
    let (own, theirs) = (decision.level, other.decision.level)
    if own != theirs { return own > theirs }
    if hops.count != other.hops.count { return hops.count < other.hops.count }
    for (left, right) in zip(hops, other.hops) where left != right { return left.precedes(right) }
    return false
  }
}

extension Graph {
  /// On which platform a node is; `nil` for what is on none, such as "anyone".
  fileprivate func platform(of id: String) -> String? {
    if let scope = nodes[id]?.scope.flatMap(Scope.init) { return scope.platform.rawValue }
    // Of what only another scope mentions, its name tells.
    let name = id.prefix { $0 != ":" }
    switch name {
    case "arn", "aws": return "aws"
    case "azure", "entra", "github": return String(name)
    default: return nil
    }
  }
}
