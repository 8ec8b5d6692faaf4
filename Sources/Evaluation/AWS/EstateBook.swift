internal import Model
internal import Synchronization

/// The estates of accounts, each made when somebody of it could escalate.
final class EstateBook: Sendable {
  private let isKept: Bool
  private let members: [String: [Principal]]
  /// Nodes of the types that methods are about, by type and account.
  private let nodes: [String: [GraphNode]]
  private let made = Mutex<[String: Lazily<EscalationEstate>]>([:])
  private let known: Mutex<[String: [Cell]]>

  /// - Parameter earlier: what estates were read from; of those where nothing of it has changed
  ///   nobody has to ask.
  init(
    _ semantics: AWSSemantics, _ principals: [Principal], after earlier: [String: [Cell]],
    _ rework: inout Rework
  ) {
    isKept = rework.isKept
    members = Dictionary(grouping: principals, by: \.account)
    var nodes: [String: [GraphNode]] = [:]
    for type in Set(EscalationMethod.all.compactMap(\.target.type) + ["aws.iam.group"]) {
      for node in semantics.graph.nodes(ofType: type) {
        guard let account = node.merged.state["account"]?.string else { continue }
        nodes[Self.listing(type, account), default: []].append(node)
      }
    }
    self.nodes = nodes
    let stale = earlier.filter { rework.isStale($0.value) }
    for account in stale.keys { rework.mark(.estate, account) }
    known = Mutex(rework.change == nil ? [:] : earlier.filter { stale[$0.key] == nil })
  }

  /// What was read for each account's, in whichever evaluation it was made.
  var reads: [String: [Cell]] { known.withLock { $0 } }

  func estate(of account: String, _ semantics: AWSSemantics) -> EscalationEstate {
    Reads.note(.estate, account)
    let estate = made.withLock { made in
      let estate = made[account] ?? Lazily()
      made[account] = estate
      return estate
    }
    return estate.value {
      Reads.apart {
        let (estate, cells) = Reads.recorded(if: isKept) { make(account, semantics) }
        known.withLock { $0[account] = cells }
        return estate
      }
    }
  }

  private func make(_ account: String, _ semantics: AWSSemantics) -> EscalationEstate {
    Reads.note(.principals, account)
    return EscalationEstate(semantics, members[account] ?? []) { type in
      let listing = Self.listing(type, account)
      Reads.note(.estate, listing)
      return nodes[listing] ?? []
    }
  }

  private static func listing(_ type: String, _ account: String) -> String { "\(type) \(account)" }
}
