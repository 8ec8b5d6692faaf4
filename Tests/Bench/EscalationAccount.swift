internal import Cryptography
internal import Evaluation
internal import Model

/// One account of many roles: who trusts whom, who may pass, run, change and assume what. The same
/// account is a graph for `sv0` and JSON for its peer.
///
/// Roles belong to teams, which may act on their own; a few may act on everybody's. What neither
/// models alone is left out, so that both have the same edges.
struct EscalationAccount {
  static let id = "111122223333"
  private static let scope = "bench/aws/aws/\(id)"
  static let now = Timestamp(milliseconds: 1_795_255_200_000)

  private struct Holder {
    var name: String
    var isUser = false
    var trust = ""
    var policies: [String] = []
    var managed: [String] = []
    var groups: [String] = []
    var boundary: String?
    var hasProfile = false
  }

  private struct Thing {
    var type: String
    var arn: String
    var role: String
  }

  private var holders: [Holder] = []
  private var groups: [String: String] = [:]
  private var things: [Thing] = []

  init(roles count: Int) {
    for number in 0..<count { holders.append(Self.role(number)) }
    for number in 0..<(count / 20) {
      groups["team\(number % 10)"] = Self.documents.reader
      holders.append(
        Holder(
          name: "user\(number)", isUser: true,
          policies: number % 10 == 0 ? [Self.allow("sts:AssumeRole", "*")] : [],
          groups: ["team\(number % 10)"]))
    }
    let running = holders.filter { !$0.isUser }
    // The peer takes it that something runs with every instance profile.
    for (kind, limit) in [("lambda", 2), ("ec2", Int.max), ("cloudformation", 2)] {
      for role in running.filter({ $0.name.contains("-\(kind)-") }).prefix(limit) {
        things.append(Self.thing(kind, things.count, Self.arn("role", role.name)))
      }
    }
  }

  // MARK: What is in it

  private static func arn(_ kind: String, _ name: String) -> String {
    "arn:aws:iam::\(id):\(kind)/\(name)"
  }

  private static func document(_ statements: String) -> String {
    "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements)]}"
  }

  private static func statement(_ actions: String, _ resource: String, _ rest: String = "")
    -> String
  {
    let list = actions.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
    return "{\"Effect\":\"Allow\",\"Action\":[\(list)],\"Resource\":\"\(resource)\"\(rest)}"
  }

  private static func allow(_ actions: String, _ resource: String) -> String {
    document(statement(actions, resource))
  }

  private static func trust(_ principal: String) -> String {
    document(
      "{\"Effect\":\"Allow\",\"Principal\":{\(principal)},\"Action\":\"sts:AssumeRole\"}")
  }

  private enum documents {
    static let administrator = allow("*", "*")
    static let reader = allow(
      "s3:Get* s3:List* ec2:Describe* dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query "
        + "logs:Describe* logs:Get* logs:FilterLogEvents cloudwatch:Get* cloudwatch:List* "
        + "sqs:GetQueueAttributes sns:List* tag:Get* xray:Get* rds:Describe* kms:DescribeKey",
      "*")
    static let agent = allow("ssm:UpdateInstanceInformation ssmmessages:*", "*")
    static let boundary = allow("s3:* dynamodb:* logs:* sqs:* ec2:Describe*", "*")
  }

  private static let services = [
    "lambda", "lambda", "lambda", "lambda", "ec2", "ec2", "ec2", "codebuild", "cloudformation",
    "sagemaker", "ecs-tasks", "ecs-tasks",
  ]

  private static func role(_ number: Int) -> Holder {
    let team = number % 10
    let place = number / 10 % 20
    let kind = place < services.count ? services[place] : place < 18 ? "people" : "partner"
    var role = Holder(name: "team\(team)-\(kind)-\(number)")
    switch kind {
    case "people": role.trust = trust("\"AWS\":\"arn:aws:iam::\(id):root\"")
    case "partner":
      let partner = "team\(team)-lambda-\(number / 200 * 200 + team)"
      role.trust = trust("\"AWS\":\"\(arn("role", partner))\"")
    default: role.trust = trust("\"Service\":\"\(kind).amazonaws.com\"")
    }
    role.hasProfile = kind == "ec2"
    role.policies = [
      allow(
        "s3:GetObject s3:PutObject s3:ListBucket", "arn:aws:s3:::team\(team)-data/\(number)/*")
    ]
    if number % 10 == 6 { role.managed = ["reader"] }
    if kind == "ec2", number % 4 == 2 { role.managed.append("agent") }
    if number % 20 == 17 || number % 400 == 40 { role.boundary = "boundary" }
    if let duty = duty(of: number, team) { role.policies.append(duty) }
    if number % 400 == 399 { role.managed.append("administrator") }
    return role
  }

  /// What one of forty roles may do to its team's roles, and one of a thousand to all.
  private static func duty(of number: Int, _ team: Int) -> String? {
    let own = arn("role", "team\(team)-*")
    func passing(_ service: String, _ roles: String, _ actions: String) -> String {
      let only =
        ",\"Condition\":{\"StringEquals\":"
        + "{\"iam:PassedToService\":\"\(service).amazonaws.com\"}}"
      return document(
        statement("iam:PassRole", roles, only) + "," + statement(actions, "*"))
    }
    switch number % 1000 {
    case 5, 205, 405, 605, 805:
      return passing("lambda", arn("role", "*"), "lambda:CreateFunction lambda:InvokeFunction")
    case 111: return allow("sts:AssumeRole", "*")
    case 212, 712: return allow("iam:CreateAccessKey", arn("user", "*"))
    case 313: return allow("iam:UpdateAssumeRolePolicy", own)
    case 414, 914: return allow("ssm:SendCommand ssm:StartSession", "*")
    case 515:
      return allow(
        "lambda:UpdateFunctionCode lambda:InvokeFunction",
        "arn:aws:lambda:eu-west-1:\(id):function:*")
    case 616: return allow("cloudformation:UpdateStack", "*")
    default: break
    }
    switch number % 40 {
    case 0: return passing("lambda", own, "lambda:CreateFunction lambda:InvokeFunction")
    case 1: return passing("ec2", own, "ec2:RunInstances")
    case 2: return passing("codebuild", own, "codebuild:CreateProject codebuild:StartBuild")
    case 3: return passing("cloudformation", own, "cloudformation:CreateStack")
    case 4: return passing("sagemaker", own, "sagemaker:CreateNotebookInstance")
    case 16, 28: return allow("sts:AssumeRole", own)
    default: return nil
    }
  }

  private static func thing(_ kind: String, _ number: Int, _ role: String) -> Thing {
    let name =
      switch kind {
      case "lambda": ("aws.lambda.function", "lambda", "function:job\(number)")
      case "ec2": ("aws.ec2.instance", "ec2", "instance/i-\(number)")
      default: ("aws.cloudformation.stack", "cloudformation", "stack/app\(number)/1")
      }
    return Thing(
      type: name.0, arn: "arn:aws:\(name.1):eu-west-1:\(id):\(name.2)", role: role)
  }

  /// ARNs of roles and users.
  var principals: [String] {
    holders.map { Self.arn($0.isUser ? "user" : "role", $0.name) }
  }

  // MARK: For the peer

  /// Documents are text in it, by name or by holder.
  var json: JSON {
    [
      "managed": .object(Self.managed.mapValues { .string($0) }),
      "groups": .object(groups.mapValues { .string($0) }),
      "holders": .array(
        holders.map { holder in
          JSON.members([
            "arn": .string(Self.arn(holder.isUser ? "user" : "role", holder.name)),
            "trust": holder.isUser ? nil : .string(holder.trust),
            "policies": .strings(holder.policies), "managed": .strings(holder.managed),
            "groups": .strings(holder.groups), "boundary": holder.boundary.map { .string($0) },
            "hasProfile": .bool(holder.hasProfile),
          ])
        }),
      "things": .array(
        things.map {
          ["type": .string($0.type), "arn": .string($0.arn), "role": .string($0.role)]
        }),
    ]
  }

  private static let managed = [
    "reader": documents.reader, "agent": documents.agent, "boundary": documents.boundary,
    "administrator": documents.administrator,
  ]

  // MARK: For sv0

  var graph: Graph {
    var made = Assertions()
    for (name, text) in Self.managed.merging(groups.mapValues { $0 }, uniquingKeysWith: { $1 }) {
      made.policy(Self.arn("policy", name), "aws.iam.policy", text)
    }
    for name in groups.keys {
      made.node(Self.arn("group", name), .principalSet, "aws.iam.group")
      made.edge(.grantedBy, Self.arn("group", name), Self.arn("policy", name))
    }
    for holder in holders {
      let arn = Self.arn(holder.isUser ? "user" : "role", holder.name)
      made.node(arn, .identity, holder.isUser ? "aws.iam.user" : "aws.iam.role")
      if !holder.isUser {
        made.policy("\(arn)#trust", "aws.iam.trustPolicy", holder.trust)
        made.edge(.trustedBy, arn, "\(arn)#trust")
      }
      for (index, text) in holder.policies.enumerated() {
        made.policy("\(arn)#inline/p\(index)", "aws.iam.inlinePolicy", text)
        made.edge(.grantedBy, arn, "\(arn)#inline/p\(index)")
      }
      for name in holder.managed { made.edge(.grantedBy, arn, Self.arn("policy", name)) }
      for name in holder.groups { made.edge(.memberOf, arn, Self.arn("group", name)) }
      if holder.hasProfile {
        let profile = Self.arn("instance-profile", holder.name)
        made.node(profile, .connection, "aws.iam.instanceProfile")
        made.edge(.runsAs, profile, arn)
      }
      if let name = holder.boundary {
        made.edge(.limitedBy, arn, Self.arn("policy", name), "boundary")
      }
    }
    for thing in things {
      made.node(thing.arn, .automation, thing.type)
      made.edge(.runsAs, thing.arn, thing.role)
    }
    return made.graph
  }

  private struct Assertions {
    var nodes: [Asserted<Node>] = []
    var edges: [Asserted<Edge>] = []
    var documents: [String: [UInt8]] = [:]

    private func source(_ object: String) -> Provenance {
      Provenance(
        collection: CollectionKey(scope: EscalationAccount.scope, collection: "aws.iam.role"),
        object: object, sha256: "", run: "", call: 0)
    }

    mutating func node(
      _ id: String, _ kind: NodeKind, _ type: String, _ more: [String: JSON] = [:]
    ) {
      let name = id.split(separator: "/").last.map(String.init) ?? id
      let state: [String: JSON] = [
        "account": .string(EscalationAccount.id), "region": "eu-west-1", "path": "/",
      ]
      nodes.append(
        Asserted(
          Node(
            id: id, kind: kind, type: type, name: name, defines: [id],
            state: state.merging(more) { $1 }), source(id)))
    }

    mutating func policy(_ id: String, _ type: String, _ text: String) {
      let digest = "sha256:" + SHA256.hexDigest(text)
      documents[digest] = Array(text.utf8)
      node(id, .policy, type, ["document": .string(digest)])
    }

    mutating func edge(
      _ kind: EdgeKind, _ from: String, _ to: String, _ discriminator: String = ""
    ) {
      edges.append(
        Asserted(Edge(kind, from: from, to: to, discriminator: discriminator), source(from)))
    }

    var graph: Graph {
      var collections: [CollectionKey: CollectionStatus] = [:]
      for name in [
        "aws.iam.role", "aws.iam.user", "aws.iam.group", "aws.iam.policy", "aws.iam.accessKey",
        "aws.iam.instanceProfile", "aws.organizations.organization",
        "aws.lambda.function@eu-west-1",
      ] {
        collections[CollectionKey(scope: EscalationAccount.scope, collection: name)] =
          CollectionStatus(
            outcome: .complete, epoch: 1, at: EscalationAccount.now,
            completedAt: EscalationAccount.now)
      }
      return Graph(
        tenant: "bench", version: 1, nodes: nodes, edges: edges, documents: documents,
        collections: collections)
    }
  }
}
