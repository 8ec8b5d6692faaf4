import Model

@testable import Evaluation

extension Estate {
  /// Anything of an account, as a record of its own type asserts it.
  @discardableResult
  mutating func thing(
    _ id: String, _ type: String, _ kind: NodeKind = .system, name: String? = nil,
    state: [String: JSON] = [:], defines: [String]? = nil, account: String = account
  ) -> String {
    let own: [String: JSON] = ["account": .string(account), "region": "eu-west-1"]
    add(
      Node(
        id: id, kind: kind, type: type, name: name ?? String(id.split(separator: "/").last ?? ""),
        defines: defines ?? [id], state: state.merging(own) { given, _ in given }), id,
      "\(type)@eu-west-1", account)
    return id
  }

  /// What carries a role onto a machine.
  @discardableResult
  mutating func instanceProfile(_ name: String, of role: String) -> String {
    let profile = Self.arn("instance-profile", name)
    let collection = "aws.iam.instanceProfile"
    add(
      Node(
        id: profile, kind: .connection, type: collection, name: name, defines: [profile],
        state: ["account": .string(Self.account)]), profile, collection, Self.account)
    add(Edge(.runsAs, from: profile, to: role), profile, collection, Self.account)
    return profile
  }

  mutating func link(
    _ kind: EdgeKind, _ from: String, _ to: String, _ discriminator: String = "",
    state: [String: JSON] = [:]
  ) {
    add(
      Edge(kind, from: from, to: to, discriminator: discriminator, state: state),
      "\(from) \(discriminator)", "test.links", Estate.account)
  }

  /// How firmly an action on a resource is allowed, by both sides.
  func access(_ arn: String, _ action: String, on resource: String) -> Decision.Level? {
    let semantics = semantics
    return semantics.principals[arn].map {
      semantics.access($0, action, on: resource).decision.level
    }
  }

  /// Hops of a kind that leave a node, by their ends.
  func hops(_ kind: String, from id: String) -> [String: Decision.Level] {
    let hops = evaluation.hops(from: id).filter { $0.kind == kind }
    return Dictionary(hops.map { ($0.to, $0.decision.level) }) { max($0, $1) }
  }
}
