import Model

@testable import Evaluation

/// An account in which one method works for one principal, and what may be taken away from it.
struct EscalationScene {
  static let region = "eu-west-1"
  static let admins = "aws:account:\(Estate.account)#administrators"

  let method: EscalationMethod
  var estate = Estate()
  let attacker: String
  let target: String
  /// Permissions by their place, as statements.
  private(set) var statements: [String] = []
  private var thing = ""
  private var policy = ""
  private var group = ""

  /// - Parameters:
  ///   - bare: without the thing, key or trust that the method needs to exist.
  ///   - permit: makes the statement of a permission; `nil` leaves it out.
  init(
    _ method: EscalationMethod, bare: Bool = false,
    permit: (_ place: Int, _ action: String, _ resource: String) -> String? = {
      Policy.allow($1, on: $2)
    }
  ) {
    self.method = method
    let asUser =
      [.ownUser, .ownGroup, .administratorGroup].contains(method.target)
    attacker = Estate.arn(asUser ? "user" : "role", "attacker")
    switch method.target {
    case .user, .raisedUser: target = Estate.arn("user", "target")
    case .ownRole, .ownUser, .ownGroup, .ownPolicy: target = attacker
    default: target = Estate.arn("role", "target")
    }
    prepare(bare)
    let all = method.permissions.enumerated().compactMap { place, permission in
      permit(place, permission.action, resource(permission.resource))
    }
    statements = all
    let texts =
      all.isEmpty
      ? []
      : [
        "{\"Version\":\"2012-10-17\",\"Statement\":["
          + all.joined(separator: ",") + "]}"
      ]
    if asUser {
      estate.user("attacker", policies: texts)
    } else {
      estate.role("attacker", policies: texts)
    }
  }

  private mutating func prepare(_ bare: Bool) {
    switch method.target {
    case .passing(let service, let type):
      let trusted = bare ? "other.amazonaws.com" : service
      estate.role("target", trust: Policy.document(Policy.trust(#"{"Service":"\#(trusted)"}"#)))
      if service == "ec2.amazonaws.com" { estate.instanceProfile("target", of: target) }
      if let type, !bare { add(type, runsAs: nil) }
    case .automation(let type, let requirement):
      let hasAgent = requirement == .takesSessions || requirement == .takesCommands
      let agent = Policy.document(Policy.allow("ssm:Update*"), Policy.allow("ssmmessages:*"))
      estate.role("target", policies: hasAgent && !bare ? [agent] : [])
      if requirement == .isStarted, !bare {
        add(type, runsAs: target)
        estate.add(
          Edge(.triggers, from: "arn:aws:sqs:\(Self.region):\(Estate.account):q", to: thing),
          "m", "aws.lambda.eventSourceMapping@\(Self.region)", Estate.account)
      } else if hasAgent || requirement == .isStarted || !bare {
        add(type, runsAs: target)
      }
    case .user(let entry):
      let free = entry == .freeKey
      estate.user("target", key: free == bare ? "Active" : nil)
      if free == bare { secondKey() }
    case .raisedUser:
      estate.user("target", key: nil, bare ? Policy.document(Policy.allow("s3:*")) : nil)
    case .retrustedRole, .raisedRole, .raisedRoleByPolicy, .trust:
      let account = bare ? "999900001111" : Estate.account
      estate.role(
        "target", trust: Policy.document(Policy.trust(#"{"AWS":"\#(account)"}"#)),
        path: bare ? "/aws-service-role/x/" : "/")
      policy(of: target, bare)
    case .ownPolicy: policy(of: attacker, bare)
    case .ownGroup, .administratorGroup: addGroup(bare)
    case .ownRole, .ownUser: break
    }
  }

  private mutating func policy(of holder: String, _ bare: Bool) {
    policy = bare ? "arn:aws:iam::aws:policy/theirs" : Estate.arn("policy", "theirs")
    estate.managed(policy, Policy.document(Policy.allow("s3:ListAllMyBuckets")), awsManaged: bare)
    estate.attach(policy, to: holder)
  }

  private mutating func secondKey() {
    let id = "aws:access-key:AKIAsecond"
    estate.add(
      Node(
        id: id, kind: .credential, type: "aws.iam.accessKey", name: "AKIAsecond",
        state: ["status": "Active"]), "AKIAsecond", "aws.iam.accessKey", Estate.account)
    estate.add(
      Edge(.authenticatesAs, from: id, to: target), "AKIAsecond", "aws.iam.accessKey",
      Estate.account)
  }

  private mutating func addGroup(_ bare: Bool) {
    group = Estate.arn("group", "ops")
    estate.add(
      Node(
        id: group, kind: .principalSet, type: "aws.iam.group", name: "ops", defines: [group],
        state: ["account": .string(Estate.account)]), group, "aws.iam.group", Estate.account)
    if method.target == .administratorGroup {
      let granted = bare ? Policy.document(Policy.allow("s3:*")) : Policy.everything
      estate.managed(Estate.arn("policy", "ops"), granted)
      estate.attach(Estate.arn("policy", "ops"), to: group)
    } else if !bare {
      estate.add(
        Edge(.memberOf, from: attacker, to: group), attacker, "aws.iam.user", Estate.account)
    }
  }

  private mutating func add(_ type: String, runsAs role: String?) {
    let names = [
      "aws.ec2.instance": "ec2:instance/i-1",
      "aws.ec2.launchTemplateVersion":
        "ec2:launch-template/lt-1:3", "aws.lambda.function": "lambda:function:job",
      "aws.glue.job": "glue:job/job", "aws.ecs.cluster": "ecs:cluster/main",
    ]
    let name = names[type] ?? "\(type.split(separator: ".")[1]):thing/job"
    let parts = name.split(separator: ":", maxSplits: 1)
    thing = "arn:aws:\(parts[0]):\(Self.region):\(Estate.account):\(parts[1])"
    estate.add(
      Node(
        id: thing, kind: .automation, type: type, name: "job", defines: [thing],
        state: ["account": .string(Estate.account), "region": .string(Self.region)]),
      thing, "\(type)@\(Self.region)", Estate.account)
    if let role {
      estate.add(
        Edge(.runsAs, from: thing, to: role), thing, "\(type)@\(Self.region)", Estate.account)
    }
  }

  private func resource(_ resource: EscalationMethod.Resource) -> String {
    switch resource {
    case .role, .user: return target
    case .policy: return policy
    case .group: return group
    case .thing: return thing.hasSuffix(":3") ? String(thing.dropLast(2)) : thing
    case .fixed(let text): return text
    case .none: return "*"
    case .new(let text) where text.hasPrefix("arn:"): return text
    case .new(let text):
      let parts = text.split(separator: ":", maxSplits: 1)
      return "arn:aws:\(parts[0]):\(Self.region):\(Estate.account):\(parts[1])"
    }
  }

  /// How firmly the method works, if at all.
  var result: Decision.Level {
    let semantics = estate.semantics
    guard let source = semantics.principals[attacker] else { return .denied }
    if method.target == .trust {
      return semantics.trusts[target]?.map(\.hop).first { $0.from == attacker }?.decision.level
        ?? .denied
    }
    return EscalationEstate(semantics).escalations(of: source)
      .first { $0.method.id == method.id }?.decision.level ?? .denied
  }
}

extension Estate {
  fileprivate mutating func user(_ name: String, key: String?, _ boundary: String?) {
    user(name, boundary: boundary, key: key)
  }
}
