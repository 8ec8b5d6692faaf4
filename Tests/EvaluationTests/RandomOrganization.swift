import Model

@testable import Evaluation

/// A small organization made up from a seed: a few accounts, principals that trust and may do
/// things to each other, functions, buckets and control policies. It is a value, so that a test can
/// change one thing, and take away what a failure does not need.
struct RandomOrganization {
  struct Holder {
    var name: String
    var account: String
    var isUser: Bool
    /// Statements of its inline policy, of its trust policy and of its boundary.
    var policy: [String]
    var trust: [String]
    var boundary: [String]?
    var isTagged: Bool
  }

  struct Thing {
    var name: String
    var account: String
    /// Of a function.
    var role: String?
    /// Statements of its resource policy.
    var policy: [String]
  }

  struct Control {
    var target: String
    var statements: [String]
  }

  static let management = "999900001111"
  static let accounts = [management, Estate.account, "444455556666"]
  /// In no organization, and read.
  static let outside = "777788889999"

  var holders: [Holder] = []
  var functions: [Thing] = []
  var buckets: [Thing] = []
  var controls: [Control] = []

  var estate: Estate {
    var estate = Estate(accounts: Self.accounts + [Self.outside])
    estate.organization(management: Self.management, members: Array(Self.accounts.dropFirst()))
    for name in ["policy", "organizationalUnit", "resourceControlPolicy"] {
      estate.end("aws.organizations.\(name)", .complete, Self.management)
    }
    for account in Self.accounts + [Self.outside] {
      estate.end("aws.s3.bucketPolicy", .complete, account)
    }
    estate.unit("r-1", isRoot: true, in: nil, Self.management)
    for account in Self.accounts {
      estate.add(
        Edge(.contains, from: "aws:organizations:r-1", to: "aws:account:\(account)"), account,
        "aws.organizations.organizationalUnit", Self.management)
    }
    for (index, control) in controls.enumerated() {
      estate.limit(
        control.target, "scp-\(index)", Self.text(control.statements), "scp", Self.management)
    }
    for holder in holders {
      let policies = holder.policy.isEmpty ? [] : [Self.text(holder.policy)]
      let boundary = holder.boundary.map(Self.text)
      if holder.isUser {
        estate.user(
          holder.name, policies: policies, boundary: boundary, account: holder.account)
      } else {
        estate.role(
          holder.name, trust: Self.text(holder.trust), policies: policies, boundary: boundary,
          tags: holder.isTagged ? ["team": "ops"] : [:], account: holder.account)
      }
    }
    for function in functions {
      estate.function(
        function.name, role: function.role ?? "", url: "NONE",
        policy: function.policy.isEmpty ? nil : Self.text(function.policy),
        account: function.account)
    }
    for bucket in buckets {
      estate.resource(
        "arn:aws:s3:::\(bucket.name)", "aws.s3.bucket",
        policy: bucket.policy.isEmpty ? nil : Self.text(bucket.policy), account: bucket.account)
    }
    return estate
  }

  /// Everything that can be taken away.
  var smaller: [RandomOrganization] {
    var found: [RandomOrganization] = []
    func each<Element>(_ path: WritableKeyPath<RandomOrganization, [Element]>) {
      for index in self[keyPath: path].indices {
        var less = self
        less[keyPath: path].remove(at: index)
        found.append(less)
      }
    }
    if holders.count > 1 { each(\.holders) }
    if functions.count > 1 { each(\.functions) }
    each(\.controls)
    for index in holders.indices {
      each(\.holders[index].policy)
      each(\.holders[index].trust)
      guard holders[index].boundary != nil else { continue }
      var less = self
      less.holders[index].boundary = nil
      found.append(less)
    }
    return found
  }

  private static func text(_ statements: [String]) -> String {
    #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#
  }
}

/// Makes organizations, and statements for them.
struct OrganizationMaker {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func organization() -> RandomOrganization {
    var made = RandomOrganization()
    let accounts = RandomOrganization.accounts + [RandomOrganization.outside]
    for index in 0..<6 {
      let isUser = index == 5
      made.holders.append(
        RandomOrganization.Holder(
          name: "h\(index)", account: pick(accounts), isUser: isUser, policy: [], trust: [],
          isTagged: chance(3)))
    }
    for index in 0..<2 {
      let role = pick(made.holders.filter { !$0.isUser })
      made.functions.append(
        RandomOrganization.Thing(
          name: "f\(index)", account: role.account, role: Self.arn(role), policy: []))
    }
    made.buckets = [RandomOrganization.Thing(name: "data", account: pick(accounts), policy: [])]
    if chance(2) {
      for target in ["aws:organizations:r-1"]
        + RandomOrganization.accounts.map({ "aws:account:\($0)" })
      {
        made.controls.append(
          RandomOrganization.Control(target: target, statements: [Policy.allow("*")]))
      }
    }
    for index in made.holders.indices {
      for _ in 0..<below(4) { made.holders[index].policy.append(identity("Allow", made)) }
      for _ in 0..<below(2) { made.holders[index].policy.append(identity("Deny", made)) }
      for _ in 0..<(1 + below(2)) { made.holders[index].trust.append(trust("Allow", made)) }
      if chance(5) { made.holders[index].trust.append(trust("Deny", made)) }
      if chance(4) { made.holders[index].boundary = [identity("Allow", made)] }
    }
    for index in made.functions.indices where chance(2) {
      made.functions[index].policy = [resource("Allow", "lambda:InvokeFunction", made)]
    }
    if chance(2) { made.buckets[0].policy = [resource("Allow", "s3:GetObject", made)] }
    if !made.controls.isEmpty, chance(2) { made.controls[1].statements.append(deny(made)) }
    return made
  }

  /// Adds a statement wherever one can stand.
  mutating func add(_ effect: String, to organization: RandomOrganization) -> RandomOrganization {
    var changed = organization
    let index = below(changed.holders.count)
    switch below(6) {
    case 0: changed.holders[index].trust.append(trust(effect, organization))
    case 1:
      changed.functions[0].policy.append(
        resource(effect, "lambda:InvokeFunction", organization))
    case 2 where !changed.buckets[0].policy.isEmpty || effect == "Deny":
      changed.buckets[0].policy.append(resource(effect, "s3:GetObject", organization))
    case 3 where changed.holders[index].boundary != nil:
      changed.holders[index].boundary?.append(identity(effect, organization))
    case 4 where !changed.controls.isEmpty:
      changed.controls[below(changed.controls.count)].statements.append(
        identity(effect, organization))
    default: changed.holders[index].policy.append(identity(effect, organization))
    }
    return changed
  }

  /// A boundary for somebody who has none; `nil` where everybody has.
  mutating func bound(_ organization: RandomOrganization) -> RandomOrganization? {
    let free = organization.holders.indices.filter { organization.holders[$0].boundary == nil }
    guard !free.isEmpty else { return nil }
    var changed = organization
    changed.holders[pick(free)].boundary = [identity("Allow", organization)]
    return changed
  }

  /// A control policy that only denies, also where the organization had none.
  mutating func control(_ organization: RandomOrganization) -> RandomOrganization {
    var changed = organization
    let targets = ["aws:organizations:r-1", "aws:account:\(Estate.account)"]
    changed.controls.append(
      RandomOrganization.Control(target: pick(targets), statements: [deny(organization)]))
    return changed
  }

  mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var rest = elements
    var result: [Element] = []
    while !rest.isEmpty { result.append(rest.remove(at: below(rest.count))) }
    return result
  }

  static func arn(_ holder: RandomOrganization.Holder) -> String {
    Estate.arn(holder.isUser ? "user" : "role", holder.name, holder.account)
  }

  private mutating func deny(_ organization: RandomOrganization) -> String {
    identity("Deny", organization)
  }

  private mutating func identity(_ effect: String, _ organization: RandomOrganization) -> String {
    let actions = [
      "*", "s3:*", "iam:*", "sts:AssumeRole", "sts:AssumeRole", "iam:PassRole", "lambda:*",
      "lambda:UpdateFunctionCode", "iam:PutRolePolicy", "iam:CreateAccessKey", "s3:GetObject",
      "iam:UpdateAssumeRolePolicy", "ec2:*",
    ]
    let negated = chance(8)
    let action = "\"\(negated ? "NotAction" : "Action")\":\"\(pick(actions))\""
    return Policy.statement(effect, action, pick(resources(organization)), condition())
  }

  private func resources(_ organization: RandomOrganization) -> [String] {
    ["*", "*", "arn:aws:s3:::data/*", "arn:aws:iam::*:role/*", "arn:aws:lambda:*:*:function:f?"]
      + organization.holders.map(Self.arn)
  }

  private mutating func trust(_ effect: String, _ organization: RandomOrganization) -> String {
    Policy.trust(principal(organization), if: condition(), effect: effect)
  }

  private mutating func resource(
    _ effect: String, _ action: String, _ organization: RandomOrganization
  ) -> String {
    Policy.statement(effect, "\"Action\":\"\(action)\"", "*", condition(), principal(organization))
  }

  private mutating func principal(_ organization: RandomOrganization) -> String {
    switch below(6) {
    case 0: return #"{"Service":"lambda.amazonaws.com"}"#
    case 1: return #"{"AWS":"*"}"#
    case 2:
      return #"{"AWS":"\#(pick(RandomOrganization.accounts + [RandomOrganization.outside]))"}"#
    default: return #"{"AWS":"\#(Self.arn(pick(organization.holders)))"}"#
    }
  }

  private mutating func condition() -> String? {
    guard chance(3) else { return nil }
    return pick([
      #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
      #"{"StringEquals":{"aws:PrincipalAccount":"\#(Estate.account)"}}"#,
      #"{"StringNotEquals":{"aws:PrincipalAccount":"\#(Estate.account)"}}"#,
      #"{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}"#,
      #"{"StringEquals":{"aws:PrincipalTag/team":"ops"}}"#,
      #"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/h?"}}"#,
      #"{"StringEquals":{"sts:ExternalId":"x"}}"#,
      #"{"ForAllValues:StringEquals":{"aws:TagKeys":"x"}}"#,
    ])
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }

  private mutating func chance(_ one: Int) -> Bool { below(one) == 0 }

  private mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// Source: SplitMix64, https://prng.di.unimi.it/splitmix64.c
  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
