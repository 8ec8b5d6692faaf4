internal import Cryptography
internal import Model

/// Policies of one type that an organization attaches above an account: a list for each level.
struct PolicyLevels: Sendable {
  /// From the root down to the account: of each level at least one policy must allow.
  var levels: [[HeldPolicy]] = []
  /// What is not known of them.
  var rest = Decision.allowed

  var policies: [HeldPolicy] { levels.flatMap(\.self) }

  func decision(_ request: Request) -> Decision {
    var decision = rest
    for level in levels { decision = decision.and(level.answer(request).decision) }
    return decision
  }
}

/// How an organization limits an account.
/// Source: Organizations User Guide, "SCP evaluation", "Resource control policies (RCPs)".
final class AccountLimits: Sendable {
  /// Service control policies: they limit the account's principals.
  let principals: PolicyLevels
  /// Resource control policies: they limit who may use the account's resources.
  let resources: PolicyLevels
  /// Why there are no limits, where there are none.
  let reasons: [Fact]
  /// Of what is attached where, and what it says; a vendor's text apart.
  let digest: String

  let policies: [HeldPolicy]

  init(
    principals: PolicyLevels, resources: PolicyLevels, reasons: [Fact], digest: String = ""
  ) {
    self.principals = principals
    self.resources = resources
    self.reasons = reasons
    self.digest = digest
    policies = principals.levels.flatMap(\.self)
  }

  static func none(_ reason: Fact) -> AccountLimits {
    AccountLimits(principals: PolicyLevels(), resources: PolicyLevels(), reasons: [reason])
  }

  /// What limits the account's principals.
  func decision(_ request: Request) -> Decision { principals.decision(request) }

  /// What limits the account's resources.
  func resourceDecision(_ request: Request) -> Decision {
    resourceLevels(for: request).decision(request)
  }

  /// Services that resource control policies do not cover ignore them.
  func resourceLevels(for request: Request) -> PolicyLevels {
    let service = request.name.prefix { $0 != ":" }.lowercased()
    return ActionTable.resourceControlled.contains(service) ? resources : PolicyLevels()
  }
}

extension Organizations {
  func memberLimits(_ account: String, _ organization: Organization) -> AccountLimits {
    let (targets, gap) = levels(above: account, organization)
    let principals = policies(
      "scp", "aws.organizations.policy", targets, gap, account, organization)
    let resources = policies(
      "rcp", "aws.organizations.resourceControlPolicy", targets, gap, account, organization)
    return AccountLimits(
      principals: principals, resources: resources, reasons: [],
      digest: digest(principals.policies + resources.policies, organization))
  }

  private func digest(_ policies: [HeldPolicy], _ organization: Organization) -> String {
    let scope = inputs.scopes(ofAccount: organization.management).first
    let texts = policies.map { policy in
      let document = graph.nodes[policy.id]?.view(in: scope).state["document"]?.string ?? ""
      let way = policy.way.facts(in: graph).compactMap { fact -> String? in
        if case .edge(let key) = fact.subject { key.causeText } else { nil }
      }
      return (policy.isVendorManaged ? way : way + [document]).joined(separator: " ")
    }
    return SHA256.hexDigest(texts.sorted { $0.precedes($1) }.joined(separator: "\n"))
  }

  /// The root, the units and the account, from the top down; and what is missing to be sure.
  private func levels(
    above account: String, _ organization: Organization
  ) -> (targets: [String], gap: String?) {
    var targets = ["aws:account:\(account)"]
    while targets.count < 10,
      let parent = graph.edges(.contains, to: targets[0]).first(where: {
        graph.nodes[$0.from]?.type == "aws.organizationalUnit"
      })?.from
    {
      targets.insert(parent, at: 0)
    }
    guard graph.nodes[targets[0]]?.state("root") != .bool(true) else {
      return (targets, gap("aws.organizations.organizationalUnit", organization))
    }
    let missing = gap("aws.organizations.organizationalUnit", organization)
    return (
      targets,
      missing ?? "the units above account \(account) in organization \(organization.id)"
    )
  }

  /// Where no policy of a type is attached anywhere, the organization has not switched it on:
  /// AWS keeps at least one at every level.
  private func policies(
    _ kind: String, _ collection: String, _ targets: [String], _ gap: String?, _ account: String,
    _ organization: Organization
  ) -> PolicyLevels {
    var result = PolicyLevels()
    if let missing = self.gap(collection, organization) {
      result.rest = result.rest.and(.unknown(missing))
    }
    let scope = inputs.scopes(ofAccount: organization.management).first
    let isSwitchedOn = switchedOn.value(of: "\(kind) \(scope ?? "")") {
      graph.nodes(ofType: "aws.organizations.policy").contains {
        $0.scope == scope
          && graph.edges(.limitedBy, to: $0).contains { $0.discriminator == kind }
      }
    }
    guard isSwitchedOn else { return result }
    if let gap { result.rest = result.rest.and(.unknown(gap)) }
    for target in targets {
      let attached = graph.edges(.limitedBy, from: target).filter {
        $0.discriminator == kind
      }
      guard !attached.isEmpty else {
        let isAccount = target == "aws:account:\(account)"
        let name = isAccount ? "account \(account)" : graph.label(target)
        result.rest = result.rest.and(.unknown("\(kind) of \(name)"))
        continue
      }
      result.levels.append(
        attached.map { shelf.policy(.limiting($0), in: scope) })
    }
    return result
  }

  /// Why a collection of the management account cannot be relied on.
  private func gap(_ collection: String, _ organization: Organization) -> String? {
    let keys = inputs.scopes(ofAccount: organization.management).map {
      CollectionKey(scope: $0, collection: collection)
    }
    if keys.contains(where: inputs.isComplete) { return nil }
    return keys.compactMap(inputs.gap).first
      ?? "\(collection) of management account \(organization.management): never read"
  }

  /// `o-a/r-b/ou-c/`, as `aws:PrincipalOrgPaths` has it.
  func path(of account: String, _ organization: Organization) -> KeyValue {
    let (targets, gap) = levels(above: account, organization)
    if let gap { return .unread(gap) }
    let units = targets.dropLast().map { $0.dropFirst("aws:organizations:".count) }
    return .known(["\(organization.id)/\(units.joined(separator: "/"))/"])
  }
}
